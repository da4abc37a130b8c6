package semconv

import (
	"fmt"
	"slices"
	"strings"
)

// Reference is the alias table as a page of Markdown: for each field of a
// record the attributes that fill it, the best first.
func Reference() string {
	var b strings.Builder
	b.WriteString(referenceHead)
	for _, r := range table() {
		fmt.Fprintf(&b, "| %s |", r.name)
		for i, src := range r.sources {
			if i > 0 {
				b.WriteString(" ›")
			}
			fmt.Fprintf(&b, " `%s`", src.key)
			var notes []string
			if src.as != asText && src.as != asCount && src.as != asAny {
				notes = append(notes, src.as.String())
			}
			if src.since != "" {
				notes = append(notes, src.since)
			}
			if len(notes) > 0 {
				fmt.Fprintf(&b, " (%s)", strings.Join(notes, ", "))
			}
		}
		b.WriteString(" |\n")
	}
	b.WriteString(referencePrefixes)
	for _, p := range prefixes() {
		if p.doc == "" {
			continue
		}
		fmt.Fprintf(&b, "| `%s*` | %s | %s |\n", p.key, p.since, p.doc)
	}
	b.WriteString(referenceRoles)
	byRole := map[string][]string{}
	for word, r := range roles() {
		name := string(r.kind)
		if r.op != "" {
			name = "call: " + string(r.op)
		}
		if r.silent {
			name += ", never counted"
		}
		byRole[name] = append(byRole[name], "`"+word+"`")
	}
	names := make([]string, 0, len(byRole))
	for name := range byRole {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		slices.Sort(byRole[name])
		fmt.Fprintf(&b, "| %s | %s |\n", name, strings.Join(byRole[name], " "))
	}
	b.WriteString(referenceEvents)
	return b.String()
}

const referenceHead = `# What Pitot reads from telemetry

This page is generated from the table in ` + "`internal/semconv`" + `: do not edit it (` + "`go test ./internal/semconv -run Reference -update`" + ` writes it).

For each field the first attribute that is there, not empty and readable wins. Numbers may come as numbers or as text. In brackets: how
a value is read, and since which version of OpenTelemetry's GenAI conventions the name exists, or whose name it is ("old": dropped by the
convention, "main": not released yet, "proposed": an open proposal, "plain": only believed of spans that are about models otherwise).

Input, output and tool definitions leave the attributes of a record; all other attributes stay as they were sent.

| field | attributes |
|---|---|
`

const referencePrefixes = `
## Families of attributes

| names | of | become |
|---|---|---|
`

const referenceRoles = `
## What a span is

Said by the operation attributes of the table, in any case. A span whose sender does not say it is a call where it names a model and
tokens, a provider, messages or a finish reason. Calls are counted and priced; an agent, workflow or task that states usage of its own
is counted only where no call beneath it is seen.

| becomes | words |
|---|---|
`

const referenceEvents = `
## Usage

- Input tokens include cache reads and writes, output tokens include reasoning. A sender that counts them apart is recognised: the cache is
  more than the input, or the stated total is input + output + cache, or Anthropic's own numbers stand beside (Vercel AI SDK), or it is
  Claude Code. Then they are added.
- Langfuse's ` + "`usage_details`" + ` are buckets that exclude each other, unless their total says otherwise.
- ` + "`gen_ai.usage.details.input_tokens`" + ` and ` + "`.output_tokens`" + ` are not read: they repeat.
- A conversation of 0 input and 0 output tokens, and a cost of 0, say that the sender does not know. They are unknown here.
- A cost that a sender states is kept as reported, with the note ` + "`cost_by_sender`" + `: it is the instrumentation's price table, not the bill.

## Sampling by the sender

One recorded call counts for 1/p where the sender says p: ` + "`ot=th:…`" + ` or ` + "`ot=p:…`" + ` in the W3C tracestate, ` + "`sampling.probability`" + `,
` + "`SampleRate`" + ` (one in N), or ` + "`sampler.param`" + ` beside ` + "`sampler.type=probabilistic`" + `.

## Events and log records

| event | becomes |
|---|---|
| ` + "`gen_ai.{system,user,assistant,tool}.message`, `gen_ai.choice`, `gen_ai.content.prompt`, `gen_ai.content.completion`" + ` on a span | messages of the call |
| ` + "`gen_ai.content.completion.chunk`, `llm.content.completion.chunk`, `token_generated`" + ` on a span | the call's timeline; the first one is the time to first token |
| ` + "`first_token_received`, `First Token Stream Event`, `ai.stream.firstChunk`" + ` on a span | time to first token |
| ` + "`gen_ai.client.inference.operation.details`" + ` on a span | the call's own attributes |
| the same as a log record | a call where its span is not sent (none, or not sampled), else a log |
| ` + "`gen_ai.evaluation.result`" + ` log record | a log, and feedback |
| ` + "`claude_code.api_request`, `claude_code.api_error`, `claude_code.api_refusal`" + ` | a call (input tokens exclude cache there); a span ` + "`claude_code.llm_request`" + ` of the same request has the same response id |
| ` + "`codex.sse_event`" + ` of kind ` + "`response.completed`" + ` or with an error; failed ` + "`codex.api_request`, `codex.websocket_request`" + ` | a call; Codex' spans are never counted |
| ` + "`gemini_cli.api_response`, `gemini_cli.api_error`" + ` | a call; the inference details that Gemini CLI sends beside it stay a log |
| all others | logs |
`
