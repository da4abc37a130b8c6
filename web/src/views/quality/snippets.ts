/** Turns a judge on. */
export const judgeYaml = `quality:
  max_usd_per_day: 5
  judges:
    - name: faithfulness
      rubric: faithfulness    # helpfulness, correctness, safety
      upstream: openai
      model: gpt-4o-mini
      headers: {Authorization: "Bearer \${OPENAI_API_KEY}"}
      share: 0.02`;

export const probeYaml = `probes:
  max_usd_per_day: 1
  targets:
    - name: mini
      upstream: openai
      model: gpt-4o-mini
      interval: 1m
      headers: {Authorization: "Bearer \${OPENAI_API_KEY}"}`;

/** Sends a thumb for an answer to this server. */
export const feedbackCurl = (origin: string) => `curl -s ${origin}/api/pitot/v1/feedback \\
  -H 'Content-Type: application/json' \\
  -d '{"response_id":"chatcmpl-…","thumb":"down","comment":"wrong price"}'`;

export const feedbackGo = `err := pitot.Feedback(ctx, pitot.Rating{ResponseID: id, Thumb: pitot.ThumbDown, Comment: "wrong price"})`;
