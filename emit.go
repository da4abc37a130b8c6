package pitot

import (
	"encoding/json"
	"math"
	"strings"
	"time"
	"unicode/utf8"

	"go.opentelemetry.io/otel/attribute"

	"github.com/pitot-dev/pitot/internal/llm"
)

// What follows writes a Call in the names of OpenTelemetry's GenAI conventions
// 1.41, and in Pitot's own where those have none: the same that Pitot exports
// and reads. With the newer names switched on, those that changed are written as
// the conventions' main branch has them.

// validText makes s valid UTF-8: receivers reject a whole request for one
// string that is not.
func validText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

func appendText(dst []attribute.KeyValue, name, v string) []attribute.KeyValue {
	if v == "" {
		return dst
	}
	return append(dst, attribute.String(name, validText(v)))
}

func appendTexts(dst []attribute.KeyValue, name string, v []string) []attribute.KeyValue {
	if len(v) == 0 {
		return dst
	}
	for i, s := range v {
		if !utf8.ValidString(s) {
			v[i] = validText(s)
		}
	}
	return append(dst, attribute.StringSlice(name, v))
}

func appendSeconds(dst []attribute.KeyValue, name string, v llm.Opt[time.Duration]) []attribute.KeyValue {
	if d, ok := v.Get(); ok {
		return append(dst, attribute.Float64(name, d.Seconds()))
	}
	return dst
}

func appendCount(dst []attribute.KeyValue, name string, v llm.Opt[int64]) []attribute.KeyValue {
	if n, ok := v.Get(); ok {
		return append(dst, attribute.Int64(name, n))
	}
	return dst
}

// appendCall appends the attributes of a Call.
func (r *core) appendCall(dst []attribute.KeyValue, c *llm.Call) []attribute.KeyValue {
	for k, v := range c.Attributes {
		dst = appendAny(dst, k, v)
	}
	dst = appendText(dst, "gen_ai.operation.name", string(c.Operation))
	dst = appendText(dst, "gen_ai.provider.name", c.Provider)
	dst = appendText(dst, "gen_ai.request.model", c.RequestModel)
	dst = appendText(dst, "gen_ai.response.model", c.ResponseModel)
	dst = appendText(dst, "gen_ai.response.id", c.ResponseID)
	if c.Stream {
		dst = append(dst, attribute.Bool("gen_ai.request.stream", true))
	}
	dst = appendTexts(dst, "gen_ai.response.finish_reasons", c.FinishReasons)
	dst = appendSeconds(dst, "gen_ai.response.time_to_first_chunk", c.TTFT)
	if c.HTTPStatus != 0 {
		dst = append(dst, attribute.Int("http.response.status_code", c.HTTPStatus))
	}
	dst = appendText(dst, "error.type", c.ErrorType)
	dst = appendText(dst, "gen_ai.conversation.id", c.Session)
	dst = appendText(dst, "user.id", c.User)
	dst = appendText(dst, "gen_ai.agent.name", c.Agent)
	dst = appendText(dst, "gen_ai.workflow.name", c.Workflow)
	dst = appendText(dst, "gen_ai.prompt.name", c.PromptName)
	dst = appendText(dst, "gen_ai.prompt.version", c.PromptVersion)
	if c.Provider == llm.ProviderOpenAI || c.Provider == llm.ProviderAzureOpenAI {
		dst = appendText(dst, "openai.response.service_tier", c.ServiceTier)
	} else {
		dst = appendText(dst, "pitot.service_tier", c.ServiceTier)
	}
	dst = r.appendUsage(dst, &c.Usage)
	if usd, ok := c.Cost.USD.Get(); ok {
		dst = append(dst, attribute.Float64("gen_ai.usage.cost", usd))
		dst = appendText(dst, "pitot.cost.state", string(c.Cost.State))
	}
	dst = r.appendParams(dst, c.Params)
	dst = r.appendContent(dst, c)
	return appendOwn(dst, c)
}

// appendContent writes what the content policy has left of the messages.
func (r *core) appendContent(dst []attribute.KeyValue, c *llm.Call) []attribute.KeyValue {
	if len(c.Input) == 0 && len(c.Output) == 0 && len(c.Tools) == 0 {
		return dst
	}
	b := r.calls.buffer()
	defer r.calls.release(b)
	if len(c.Input) > 0 {
		*b = appendMessages((*b)[:0], c.Input)
		dst = append(dst, attribute.String("gen_ai.input.messages", string(*b)))
	}
	if len(c.Output) > 0 {
		*b = appendMessages((*b)[:0], c.Output)
		dst = append(dst, attribute.String("gen_ai.output.messages", string(*b)))
	}
	return appendText(dst, "gen_ai.tool.definitions", string(c.Tools))
}

// appendOwn writes what OpenTelemetry has no names for.
func appendOwn(dst []attribute.KeyValue, c *llm.Call) []attribute.KeyValue {
	dst = appendText(dst, "pitot.region", c.Region)
	dst = appendText(dst, "pitot.feature", c.Feature)
	for k, v := range c.Tags {
		if v != "" {
			dst = append(dst, attribute.String("pitot.tag."+validText(k), validText(v)))
		}
	}
	dst = appendTexts(dst, "pitot.truncated", c.Truncated)
	dst = appendTexts(dst, "pitot.notes", c.Notes)
	if n := c.Timeline.Chunks(); n > 0 {
		dst = append(dst, attribute.Int("pitot.chunks", n), attribute.String("pitot.timeline", string(c.Timeline.AppendText(nil))))
	}
	if p := &c.Phases; !p.IsZero() {
		dst = appendSeconds(dst, "pitot.phases.connect_seconds", p.Connect)
		dst = appendSeconds(dst, "pitot.phases.headers_seconds", p.Headers)
		dst = appendSeconds(dst, "pitot.phases.queue_seconds", p.Queue)
		dst = appendSeconds(dst, "pitot.phases.load_seconds", p.Load)
		dst = appendSeconds(dst, "pitot.phases.prefill_seconds", p.Prefill)
		dst = appendSeconds(dst, "pitot.phases.decode_seconds", p.Decode)
		dst = appendSeconds(dst, "pitot.phases.server_seconds", p.Server)
	}
	return dst
}

func (r *core) appendUsage(dst []attribute.KeyValue, u *llm.Usage) []attribute.KeyValue {
	dst = appendCount(dst, "gen_ai.usage.input_tokens", u.InputTokens)
	dst = appendCount(dst, "gen_ai.usage.output_tokens", u.OutputTokens)
	dst = appendCount(dst, "gen_ai.usage.cache_read.input_tokens", u.CacheReadTokens)
	if r.cfg.newNames {
		dst = appendCount(dst, "gen_ai.usage.cache_write.input_tokens", u.CacheWriteTokens)
	} else {
		dst = appendCount(dst, "gen_ai.usage.cache_creation.input_tokens", u.CacheWriteTokens)
	}
	dst = appendCount(dst, "gen_ai.usage.reasoning.output_tokens", u.ReasoningTokens)
	dst = appendCount(dst, "gen_ai.usage.audio.input_tokens", u.InputAudioTokens)
	dst = appendCount(dst, "gen_ai.usage.image.input_tokens", u.InputImageTokens)
	dst = appendCount(dst, "gen_ai.usage.audio.output_tokens", u.OutputAudioTokens)
	dst = appendCount(dst, "gen_ai.usage.image.output_tokens", u.OutputImageTokens)
	dst = appendCount(dst, "gen_ai.usage.audio.cache_read.input_tokens", u.CacheReadAudioTokens)
	dst = appendCount(dst, "pitot.usage.input_video_tokens", u.InputVideoTokens)
	dst = appendCount(dst, "pitot.usage.cache_write_5m_tokens", u.CacheWrite5mTokens)
	dst = appendCount(dst, "pitot.usage.cache_write_1h_tokens", u.CacheWrite1hTokens)
	dst = appendCount(dst, "pitot.usage.images", u.Images)
	dst = appendCount(dst, "pitot.usage.characters", u.Characters)
	dst = appendCount(dst, "pitot.usage.searches", u.Searches)
	if v, ok := u.AudioSeconds.Get(); ok {
		dst = append(dst, attribute.Float64("pitot.usage.audio_seconds", v))
	}
	return appendText(dst, "pitot.usage.source", string(u.Source))
}

// appendParams writes the settings of a request: those that the conventions
// name under their names, the others under Pitot's.
func (r *core) appendParams(dst []attribute.KeyValue, params map[string]any) []attribute.KeyValue {
	for k, v := range params {
		name, double := "", false
		switch k {
		case "temperature":
			name, double = "gen_ai.request.temperature", true
		case "top_p":
			name, double = "gen_ai.request.top_p", true
		case "frequency_penalty":
			name, double = "gen_ai.request.frequency_penalty", true
		case "presence_penalty":
			name, double = "gen_ai.request.presence_penalty", true
		case "top_k": // a double until 1.41, an int since
			name, double = "gen_ai.request.top_k", !r.cfg.newNames
		case "max_tokens":
			name = "gen_ai.request.max_tokens"
		case "seed":
			name = "gen_ai.request.seed"
		case "n":
			name = "gen_ai.request.choice.count"
		case "reasoning_effort":
			name = "gen_ai.request.reasoning.level"
		case "stop":
			name = "gen_ai.request.stop_sequences"
			if s, one := v.(string); one {
				dst = append(dst, attribute.StringSlice(name, []string{validText(s)})) // the convention has a list
				continue
			}
		case "max_completion_tokens", "max_output_tokens":
			// Another name of the convention's max_tokens: given under both.
			if _, there := params["max_tokens"]; !there {
				dst = appendAny(dst, "gen_ai.request.max_tokens", v)
			}
		case "dimensions":
			dst = appendAny(dst, "gen_ai.embeddings.dimension.count", v)
		}
		if f, ok := v.(float64); ok && double {
			dst = append(dst, attribute.Float64(name, f))
			continue
		}
		if name == "" {
			name = "pitot.param." + validText(k)
		}
		dst = appendAny(dst, name, v)
	}
	return dst
}

// appendAny writes a JSON-like value. A whole number is an integer, as most
// attributes are; a list of strings is a list; other nested values are JSON
// text, which every backend takes.
func appendAny(dst []attribute.KeyValue, name string, v any) []attribute.KeyValue {
	if name == "" {
		return dst
	}
	switch v := v.(type) {
	case nil:
		return dst
	case string:
		return append(dst, attribute.String(name, validText(v)))
	case bool:
		return append(dst, attribute.Bool(name, v))
	case int:
		return append(dst, attribute.Int(name, v))
	case int64:
		return append(dst, attribute.Int64(name, v))
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return append(dst, attribute.Int64(name, int64(v)))
		}
		return append(dst, attribute.Float64(name, v))
	case []string:
		return appendTexts(dst, name, v)
	case []any:
		if texts, ok := textsOf(v); ok {
			return appendTexts(dst, name, texts)
		}
	}
	b, err := json.Marshal(v)
	if err != nil {
		return dst
	}
	return append(dst, attribute.String(name, validText(string(b))))
}

// textsOf is a list as strings, where it holds nothing else.
func textsOf(list []any) ([]string, bool) {
	if len(list) == 0 {
		return nil, false
	}
	out := make([]string, len(list))
	for i, x := range list {
		s, ok := x.(string)
		if !ok {
			return nil, false
		}
		out[i] = s
	}
	return out, true
}
