package semconv

import (
	"strings"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"
)

// Bounds of tags and settings: the same that the gateway's have.
const (
	maxTags      = 32
	maxTagKey    = 64
	maxTagValue  = 512
	maxParamJSON = 2 << 10
)

// paramNames are the settings that a Call keeps, by the names that senders have
// for them. They are listed rather than all taken, because some senders put
// keys and whole requests there.
func paramNames() map[string]string {
	m := map[string]string{
		"choice.count": "n", "candidate_count": "n", "stop_sequences": "stop", "chat.stop_sequences": "stop",
		"reasoning.level": "reasoning_effort", "previous_response.id": "previous_response_id", "encoding_formats": "encoding_format",
		"max_tokens_to_sample": "max_tokens", "structured_output_schema": "response_format",
		"maxTokens": "max_tokens", "maxOutputTokens": "max_output_tokens", "topP": "top_p", "topK": "top_k",
		"frequencyPenalty": "frequency_penalty", "presencePenalty": "presence_penalty", "stopSequences": "stop",
		"chat.max_tokens": "max_tokens", "choices": "n", "embedding.dimensions": "dimensions",
	}
	for _, name := range [...]string{
		"temperature", "top_p", "top_k", "min_p", "n", "best_of", "stop", "seed",
		"max_tokens", "max_completion_tokens", "max_output_tokens", "max_tool_calls",
		"presence_penalty", "frequency_penalty", "repetition_penalty",
		"logprobs", "top_logprobs", "echo", "suffix",
		"response_format", "text", "tool_choice", "parallel_tool_calls", "function_call",
		"reasoning", "reasoning_effort", "thinking", "enable_thinking", "thinking_budget", "verbosity", "modalities",
		"service_tier", "store", "truncation", "previous_response_id", "background", "include",
		"dimensions", "encoding_format", "input_type", "task",
		"size", "quality", "style", "output_format", "output_compression", "voice", "speed", "language",
		"top_n", "return_documents", "search_mode", "web_search_options", "guided_json", "prompt_cache_key", "models", "route",
	} {
		m[name] = name
	}
	return m
}

// param takes one setting.
func (sc *scratch) param(name string, v pcommon.Value) {
	canonical, ok := sc.l.params[name]
	if !ok {
		return
	}
	sc.takeParam(canonical, v)
}

// maxOwnParams bounds the settings that another Pitot names.
const maxOwnParams = 64

// ownParam takes a setting that another Pitot gives under its own name: it has
// chosen which settings are kept, and what they are called.
func (sc *scratch) ownParam(name string, v pcommon.Value) {
	if name != "" && len(name) <= maxTagKey && len(sc.params) < maxOwnParams {
		sc.takeParam(clean(name), v)
	}
}

// settleParams takes out what Pitot gives under the convention's name as well.
func (sc *scratch) settleParams() {
	limit, ok := sc.params["max_tokens"].(float64)
	if !ok {
		return
	}
	for _, name := range [...]string{"max_completion_tokens", "max_output_tokens"} {
		if other, ok := sc.params[name].(float64); ok && other == limit {
			delete(sc.params, "max_tokens")
		}
	}
}

func (sc *scratch) takeParam(canonical string, v pcommon.Value) {
	if _, there := sc.params[canonical]; there {
		return
	}
	var left budget
	var value any
	switch v.Type() {
	case pcommon.ValueTypeInt:
		value = float64(v.Int()) // as JSON has it, and as the gateway's
	case pcommon.ValueTypeStr:
		if len(v.Str()) > maxParamJSON || v.Str() == "" {
			return
		}
		value = paramText(clean(v.Str()))
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap:
		if len(appendJSON(nil, v, 0)) > maxParamJSON {
			return
		}
		value = left.anyOf(v, 0)
	default:
		value = left.anyOf(v, 0)
	}
	sc.setParam(canonical, value)
}

// paramText is a setting that came as text: JSON of an object or array is that.
func paramText(s string) any {
	if s[0] != '{' && s[0] != '[' {
		return s
	}
	v, err := fastjson.Parse(s)
	if err != nil {
		return s
	}
	return goValue(v, 0)
}

func (sc *scratch) setParam(name string, value any) {
	if value == nil {
		return
	}
	if sc.params == nil {
		sc.params = make(map[string]any, 8)
	}
	sc.params[name] = value
}

// request are the facts that stand among the settings.
type request struct {
	model  string
	stream bool
	user   string
}

// paramsJSON takes the settings that came as one JSON object.
func (sc *scratch) paramsJSON() (r request) {
	h := &sc.hits[fParams]
	if h.rank == 0 {
		return r
	}
	v, err := sc.parser.Parse(sc.jsonOf(h.v))
	if err != nil {
		return r
	}
	o, err := v.Object()
	if err != nil {
		return r
	}
	r.model = clean(firstString(v, "model", "model_name", "model_id", "modelId"))
	r.stream = v.GetBool("stream") || v.GetBool("streaming")
	r.user = clean(str(v, "user"))
	o.Visit(func(k []byte, x *fastjson.Value) {
		name, ok := sc.l.params[string(k)]
		if !ok || x.Type() == fastjson.TypeNull {
			return
		}
		if _, there := sc.params[name]; there {
			return
		}
		switch x.Type() {
		case fastjson.TypeObject, fastjson.TypeArray:
			if len(x.MarshalTo(nil)) > maxParamJSON {
				return
			}
		case fastjson.TypeString:
			if len(x.GetStringBytes()) > maxParamJSON {
				return
			}
		default:
		}
		sc.setParam(name, goValue(x, 0))
	})
	return r
}

// goValue converts a small JSON value to Go's usual types.
func goValue(v *fastjson.Value, depth int) any {
	if depth > maxDepth {
		return "..."
	}
	switch v.Type() {
	case fastjson.TypeString:
		return clean(string(v.GetStringBytes()))
	case fastjson.TypeNumber:
		return v.GetFloat64()
	case fastjson.TypeTrue:
		return true
	case fastjson.TypeFalse:
		return false
	case fastjson.TypeArray:
		list := v.GetArray()
		out := make([]any, 0, len(list))
		for _, x := range list {
			out = append(out, goValue(x, depth+1))
		}
		return out
	case fastjson.TypeObject:
		o := v.GetObject()
		out := make(map[string]any, o.Len())
		o.Visit(func(k []byte, x *fastjson.Value) { out[clean(string(k))] = goValue(x, depth+1) })
		return out
	default:
		return nil
	}
}

// tag takes one dimension that the sender attached.
func (sc *scratch) tag(name string, v pcommon.Value) {
	switch v.Type() {
	case pcommon.ValueTypeSlice, pcommon.ValueTypeMap, pcommon.ValueTypeBytes:
		return
	default:
	}
	sc.setTag(name, textOf(v))
}

func (sc *scratch) setTag(name, value string) {
	if name == "" || value == "" || len(name) > maxTagKey || len(value) > maxTagValue || len(sc.tags) >= maxTags {
		return
	}
	if sc.tags == nil {
		sc.tags = make(map[string]string, 4)
	}
	name = clean(name)
	if _, there := sc.tags[name]; !there {
		sc.tags[name] = clean(value)
	}
}

// tagsOf completes the tags from lists and from metadata that came as JSON.
func (sc *scratch) tagsOf() map[string]string {
	if h := &sc.hits[fTagList]; h.rank != 0 {
		if list := listOf(h.v); len(list) > 0 {
			sc.setTag("tags", strings.Join(list, ","))
		}
	}
	if h := &sc.hits[fTagJSON]; h.rank != 0 && (h.v.Type() == pcommon.ValueTypeStr || h.v.Type() == pcommon.ValueTypeMap) {
		if v, err := sc.parser.Parse(sc.jsonOf(h.v)); err == nil && v.Type() == fastjson.TypeObject {
			sc.langChain = clean(str(v, "ls_provider"))
			v.GetObject().Visit(func(k []byte, x *fastjson.Value) {
				switch x.Type() {
				case fastjson.TypeString, fastjson.TypeNumber, fastjson.TypeTrue, fastjson.TypeFalse:
					sc.setTag(string(k), jsonText(x))
				default:
				}
			})
		}
	}
	return sc.tags
}
