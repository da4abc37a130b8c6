package redact

import (
	"encoding/json"
	"slices"
	"strings"
)

// middleOut keeps the first and last of more than limit items; how a
// conversation began and where it stands say most. A limit of 0 keeps all.
func middleOut[T any](items []T, limit int) (kept []T, omitted int) {
	if limit == 0 || len(items) <= limit {
		return items, 0
	}
	head := limit / 2
	kept = make([]T, 0, limit)
	kept = append(kept, items[:head]...)
	kept = append(kept, items[len(items)-(limit-head):]...)
	return kept, len(items) - limit
}

// toolNames reduces tool definitions to their names and types. What it cannot
// read it returns as it is, to be cut like other JSON.
func toolNames(tools json.RawMessage) json.RawMessage {
	var v any
	if json.Unmarshal(tools, &v) != nil {
		return tools
	}
	out, err := json.Marshal(keepNames(v, 0))
	if err != nil {
		return tools
	}
	return out
}

// toolFields are the fields of a definition that lead to its name in the
// dialects of OpenAI, Anthropic, Gemini, Bedrock and Cohere.
var toolFields = []string{"name", "type", "function", "functionDeclarations", "function_declarations", "toolSpec", "server_label"}

func keepNames(v any, depth int) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = keepNames(v[i], depth)
		}
		return v
	case map[string]any:
		if depth > 3 {
			return nil
		}
		for k, x := range v {
			if !slices.Contains(toolFields, k) {
				delete(v, k)
				continue
			}
			v[k] = keepNames(x, depth+1)
		}
		return v
	}
	return v
}

// textParams are parameters whose value is content, or a person, whatever it
// looks like.
var textParams = []string{
	"stop", "stop_sequences", "user", "suffix", "prompt", "instructions", "system", "metadata", "safety_identifier",
	"prompt_cache_key", "previous_response_id", "input", "query", "preamble", "prediction", "logit_bias", "context", "user_id",
}

// metricsParams keeps the parameters that are numbers, switches and names of
// settings.
func metricsParams(p *Policy, params map[string]any) map[string]any {
	if params == nil {
		return nil
	}
	out := make(map[string]any, len(params))
	for k, v := range params {
		if slices.Contains(textParams, strings.ToLower(k)) {
			continue
		}
		if kept, ok := setting(v, 0); ok {
			out[p.label(k)] = kept
		}
	}
	w := values{p: p}
	return w.mapping(out)
}

// setting returns what of a parameter is no content: a number, a switch, a
// short name, or an object reduced to such.
func setting(v any, depth int) (any, bool) {
	switch v := v.(type) {
	case nil, bool, int, int64, float64, json.Number:
		return v, true
	case string:
		return v, len(v) <= 64 && identifier(v)
	case map[string]any:
		if depth > 1 {
			return nil, false
		}
		out := map[string]any{}
		for k, x := range v {
			_, text := x.(string)
			if text && k != "type" && k != "effort" && k != "level" && k != "mode" {
				continue
			}
			if kept, ok := setting(x, depth+1); ok {
				out[k] = kept
			}
		}
		return out, len(out) > 0
	}
	return nil, false
}
