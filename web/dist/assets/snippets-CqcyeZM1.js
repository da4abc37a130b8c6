var e=`quality:
  max_usd_per_day: 5
  judges:
    - name: faithfulness
      rubric: faithfulness    # helpfulness, correctness, safety
      upstream: openai
      model: gpt-4o-mini
      headers: {Authorization: "Bearer \${OPENAI_API_KEY}"}
      share: 0.02`,t=`probes:
  max_usd_per_day: 1
  targets:
    - name: mini
      upstream: openai
      model: gpt-4o-mini
      interval: 1m
      headers: {Authorization: "Bearer \${OPENAI_API_KEY}"}`,n=e=>`curl -s ${e}/api/pitot/v1/feedback \\
  -H 'Content-Type: application/json' \\
  -d '{"response_id":"chatcmpl-…","thumb":"down","comment":"wrong price"}'`,r=`err := pitot.Feedback(ctx, pitot.Rating{ResponseID: id, Thumb: pitot.ThumbDown, Comment: "wrong price"})`;export{t as i,r as n,e as r,n as t};