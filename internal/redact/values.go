package redact

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// values walks the values of attributes and parameters. It copies a map or a
// slice before it changes one, since others may hold it.
type values struct {
	p   *Policy
	cut bool // something was shortened
}

// verdict is what happens to a value.
type verdict uint8

const (
	keep verdict = iota
	change
	remove
)

// with returns m with one more entry, without writing to m.
func with(m map[string]any, k string, v any) map[string]any {
	out := make(map[string]any, len(m)+1)
	maps.Copy(out, m)
	out[k] = v
	return out
}

// mapping applies the policy to a map of attributes.
func (w *values) mapping(m map[string]any) map[string]any {
	out, _ := w.mapped(m, 0)
	return out
}

// mapped is mapping that says whether it changed anything.
func (w *values) mapped(m map[string]any, depth int) (out map[string]any, copied bool) {
	out = m
	for k, v := range m {
		nk := w.p.label(k)
		nv, act := w.entry(k, v, depth)
		if act == keep {
			if nk == k {
				continue
			}
			nv = v
		}
		if !copied {
			out, copied = maps.Clone(m), true
		}
		delete(out, k)
		if act != remove {
			out[nk] = nv
		}
	}
	return out, copied
}

// entry decides by the name of a value, then by the value.
func (w *values) entry(k string, v any, depth int) (any, verdict) {
	switch {
	case w.p.mode == ModeMetrics && contentKey(k) && textual(v):
		return nil, remove
	case w.p.salt != nil && userKey(k):
		if s, ok := v.(string); ok {
			h := w.p.user(s)
			return h, changed(h != s)
		}
	default:
		if st := classifyName(k, 0, len(k)); st != harmless {
			return w.drop(st, k, v, depth)
		}
	}
	return w.value(k, v, depth)
}

// drop replaces a credential, whatever it looks like. A map under such a name
// is a schema or a set of headers: its values are looked at one by one.
func (w *values) drop(st strength, k string, v any, depth int) (any, verdict) {
	switch v := v.(type) {
	case nil, bool:
		return v, keep
	case string:
		d := droppedValue(v)
		return d, changed(d != v)
	case map[string]any:
		return w.value(k, v, depth)
	case []any:
		out := slices.Clone(v)
		for i, x := range out {
			if nx, act := w.drop(st, k, x, depth+1); act != keep {
				out[i] = nx
			}
		}
		return out, change
	case []string:
		out := slices.Clone(v)
		for i, x := range out {
			out[i] = droppedValue(x)
		}
		return out, change
	}
	if st == weak && !textual(v) { // "token": 17 is a count
		return v, keep
	}
	return droppedValue("-"), change
}

func droppedValue(v string) string {
	if v == "" {
		return ""
	}
	return redactedPrefix + secrets.label() + "]"
}

func changed(c bool) verdict {
	if c {
		return change
	}
	return keep
}

// value masks a value by its type. With keep the returned value is to be
// ignored: returning the one that came in would box it again.
func (w *values) value(k string, v any, depth int) (any, verdict) {
	switch v := v.(type) {
	case nil, bool, int32:
		return nil, keep
	case string:
		return w.text(v)
	case int:
		return w.whole(k, int64(v))
	case int64:
		return w.whole(k, v)
	case float64:
		if num, ok := integer(v); ok {
			return w.number(k, num)
		}
		return nil, keep
	case json.Number:
		return w.number(k, v.String())
	case json.RawMessage:
		out, cut := w.p.rawJSON(v, w.p.textLimit)
		w.cut = w.cut || cut > 0
		if string(out) == string(v) {
			return nil, keep
		}
		return out, change
	case []string:
		return w.stringSlice(v)
	case []any:
		return w.slice(k, v, depth)
	case map[string]any:
		if depth >= maxDepth {
			return nil, remove
		}
		out, copied := w.mapped(v, depth+1)
		if !copied {
			return nil, keep
		}
		return out, change
	case []int, []int64, []float64, []bool:
		return nil, keep
	}
	return w.other(k, v, depth)
}

// other brings a value of any other type into the form that JSON gives it.
func (w *values) other(k string, v any, depth int) (any, verdict) {
	b, err := json.Marshal(v)
	if err != nil || depth >= maxDepth {
		return nil, remove
	}
	var plain any
	if json.Unmarshal(b, &plain) != nil {
		return nil, remove
	}
	out, act := w.value(k, plain, depth+1)
	if act == keep {
		return plain, change
	}
	return out, act
}

// text masks and cuts a string; with keep it returns no value, so that an
// unchanged string is not boxed again.
func (w *values) text(s string) (any, verdict) {
	if w.p.mode == ModeMetrics && len(s) > metricsAttributeBytes {
		return nil, remove
	}
	out, cut := w.p.jsonOrText(s, w.p.textLimit)
	w.cut = w.cut || cut > 0
	if out == s {
		return nil, keep
	}
	return out, change
}

func (w *values) whole(k string, n int64) (any, verdict) {
	if n < 1e6 {
		return nil, keep
	}
	var buf [20]byte
	num := strconv.AppendInt(buf[:0], n, 10)
	return w.number(k, string(num))
}

func (w *values) number(k, num string) (any, verdict) {
	if kind := w.p.numberKind(k, num); kind != 0 {
		return redactedPrefix + kind.label() + "]", change
	}
	return nil, keep
}

func (w *values) stringSlice(v []string) (any, verdict) {
	var out []string
	for i, s := range v {
		m, act := w.text(s)
		if act == keep {
			continue
		}
		if out == nil {
			out = slices.Clone(v)
		}
		out[i], _ = m.(string)
	}
	if out == nil {
		return nil, keep
	}
	return out, change
}

func (w *values) slice(k string, v []any, depth int) (any, verdict) {
	if depth >= maxDepth {
		return nil, remove
	}
	var out []any
	for i, x := range v {
		nx, act := w.value(k, x, depth+1)
		if act == keep {
			continue
		}
		if out == nil {
			out = slices.Clone(v)
		}
		out[i] = nx // nil where it was removed
	}
	if out == nil {
		return nil, keep
	}
	return out, change
}

// metricsAttributeBytes is the longest attribute that metrics mode keeps: names
// and enumerations are shorter, content is longer.
const metricsAttributeBytes = 256

// textual reports whether a value may hold text.
func textual(v any) bool {
	switch v.(type) {
	case nil, bool, int, int32, int64, float64, json.Number, []int, []int64, []float64, []bool:
		return false
	}
	return true
}

// contentPrefixes begin the names of attributes that carry content, in the
// conventions of OpenTelemetry and of the instrumentations in use.
var contentPrefixes = []string{
	"gen_ai.prompt.", "gen_ai.completion.", "gen_ai.prompt.variable.", "gen_ai.input.", "gen_ai.output.messages",
	"gen_ai.system_instructions", "gen_ai.tool.definitions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
	"gen_ai.retrieval.documents", "gen_ai.retrieval.query", "gen_ai.evaluation.explanation", "gen_ai.request.structured_output_schema",
	"llm.input_messages", "llm.output_messages", "llm.prompts", "llm.choices", "llm.prompt_template", "llm.tools", "llm.function_call",
	"traceloop.entity.input", "traceloop.entity.output", "traceloop.prompt.template",
	"ai.prompt", "ai.response.text", "ai.response.object", "ai.response.toolcalls", "ai.response.reasoning", "ai.toolcall.args",
	"ai.toolcall.result", "ai.toolcall.input", "ai.toolcall.output", "ai.value", "ai.schema",
	"langfuse.observation.input", "langfuse.observation.output", "langfuse.trace.input", "langfuse.trace.output",
	"input.value", "output.value", "embedding.text", "embedding.embeddings", "retrieval.documents", "reranker.", "document.",
	"message.", "mlflow.spaninputs", "mlflow.spanoutputs", "pydantic_ai.all_messages", "exception.message", "exception.stacktrace",
	"db.statement", "db.query.text", "http.request.body", "http.response.body", "mcp.request", "mcp.response", "url.query",
}

// contentNames are last parts of names that carry content.
var contentNames = []string{
	"content", "contents", "message", "messages", "text", "body", "prompt", "prompts", "completion", "completions", "input", "inputs",
	"output", "outputs", "arguments", "args", "result", "query", "question", "answer", "response", "tool_arguments", "tool_response",
	"final_result", "system_prompt", "instructions", "all_messages_events", "events", "value", "documents", "reasoning", "transcript",
}

// contentKey reports whether an attribute of this name carries content.
func contentKey(k string) bool {
	switch k {
	case "gen_ai.prompt.name", "gen_ai.prompt.version", "gen_ai.prompt.id", "message.id", "message.type", "document.id", "document.score":
		return false
	}
	lower := strings.ToLower(k)
	for _, p := range contentPrefixes {
		if strings.HasPrefix(lower, p) {
			return true
		}
	}
	return slices.Contains(contentNames, lower[strings.LastIndexByte(lower, '.')+1:])
}

// dropAttribute reports whether an attribute of this name holds a credential.
func (p *Policy) dropAttribute(k string) bool {
	return classifyName(k, 0, len(k)) != harmless
}

// dropValue reports whether a string under this key in a JSON text is to be
// dropped. Unlike attributes, JSON in content often speaks about passwords (in
// schemas, in prose), so the value must not be a word or a sentence.
func (p *Policy) dropValue(key, val string) bool {
	if key == "" || val == "" {
		return false
	}
	st := classifyName(key, 0, len(key))
	if st == harmless || strings.HasPrefix(val, redactedPrefix) || placeholder(val) || isWord(val) {
		return false
	}
	if st == weak {
		return looksSecret(val) && !strings.ContainsAny(val, " \t")
	}
	return strings.Count(val, " ") <= 3 || strings.Contains(val, "; ")
}

// ContentAttribute reports whether an attribute of this name carries content.
func ContentAttribute(name string) bool { return contentKey(name) }

// ContentParam reports whether a parameter of a request of this name carries
// content.
func ContentParam(name string) bool { return slices.Contains(textParams, strings.ToLower(name)) }
