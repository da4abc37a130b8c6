package logs

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// liteLLM reads LiteLLM's standard logging payload, which its callbacks write
// one a line; nil where the line is something else with a call type.
func (m *mapper) liteLLM(l *llm.Log, o *origin) *llm.Call {
	v := m.values()
	status := v.text("status")
	start, startOK := parseTime(v["starttime"], o.arrival)
	end, endOK := parseTime(v["endtime"], o.arrival)
	if !startOK && !endOK || status == "" && !v.count("prompt_tokens").Known() {
		return nil
	}
	c := newCall(l)
	c.Dialect = "litellm"
	c.Operation = operation(v.text("call_type"))
	c.RequestModel = v.text("model_group", "model")
	c.ResponseModel = v.text("response.model", "model")
	c.Provider = llm.CanonicalProvider(v.text("custom_llm_provider"))
	c.Stream = v.bool("stream")
	c.ResponseID = responseID("", v.text("response.id"), v.text("id"))
	if startOK {
		c.Time = start
	}
	if startOK && endOK && end.After(start) {
		c.Duration = end.Sub(start)
	}
	if first, ok := parseTime(v["completionstarttime"], o.arrival); ok && startOK && c.Stream && first.After(start) && !first.After(end) {
		c.TTFT = llm.Some(first.Sub(start))
	}
	usageOf(c, v)
	u := &c.Usage
	if !u.CacheReadTokens.Known() {
		u.CacheReadTokens = v.count("response.usage.prompt_tokens_details.cached_tokens", "response.usage.cache_read_input_tokens",
			"metadata.usage_object.prompt_tokens_details.cached_tokens", "metadata.usage_object.cache_read_input_tokens")
	}
	if !u.CacheWriteTokens.Known() {
		u.CacheWriteTokens = v.count("response.usage.cache_creation_input_tokens", "metadata.usage_object.cache_creation_input_tokens")
	}
	if !u.ReasoningTokens.Known() {
		u.ReasoningTokens = v.count("response.usage.completion_tokens_details.reasoning_tokens", "metadata.usage_object.completion_tokens_details.reasoning_tokens")
	}
	failed := strings.EqualFold(status, "failure") || status == "" && v.text("error_str") != ""
	if failed {
		m.liteLLMError(c, v)
		clearUnspent(u)
	} else {
		costOf(c, v, "response_cost")
	}
	if v.bool("cache_hit") {
		c.Note("litellm_cache_hit")
	}
	c.User = v.text("end_user", "metadata.user_api_key_end_user_id", "metadata.user_api_key_user_id")
	c.Session = v.text("metadata.session_id", "metadata.requester_metadata.session_id", "trace_id")
	liteLLMTags(c, v)
	liteLLMContent(c, v)
	if l.Message == "" || strings.HasPrefix(l.Message, "{") || strings.HasPrefix(l.Message, "[") {
		l.Message = fmt.Sprintf("litellm %s %s %s", v.text("call_type"), c.RequestModel, orElse(status, "finished"))
	}
	if l.Level == "" && failed {
		l.Level = levelError
	}
	for k := range l.Attributes { // content is the Call's
		if k == "messages" || k == "response" || strings.HasPrefix(k, "response.") {
			delete(l.Attributes, k)
		}
	}
	m.finish(c, l, o, v.text("id", "litellm_call_id"))
	return c
}

func (m *mapper) liteLLMError(c *llm.Call, v values) {
	typ := v.text("error_information.error_class", "error_class", "error_information.error_code")
	c.SetError(orElse(typ, "error"), v.text("error_information.error_message", "error_str", "error_message"))
	if f, ok := v.number("error_information.error_code"); ok && f >= 400 && f < 600 {
		c.HTTPStatus = int(f)
	}
}

// clearUnspent makes unknown the zeros that LiteLLM writes for what failed.
func clearUnspent(u *llm.Usage) {
	for _, n := range []*llm.Opt[int64]{&u.InputTokens, &u.OutputTokens} {
		if v, ok := n.Get(); ok && v == 0 {
			*n = llm.Opt[int64]{}
		}
	}
	if !u.InputTokens.Known() && !u.OutputTokens.Known() {
		u.Source = llm.UsageUnknown
	}
}

func liteLLMTags(c *llm.Call, v values) {
	set := func(tag string, names ...string) {
		if s := v.text(names...); s != "" {
			if c.Tags == nil {
				c.Tags = map[string]string{}
			}
			c.Tags[tag] = s
		}
	}
	set("team", "metadata.user_api_key_team_alias", "metadata.user_api_key_team_id")
	set("key_alias", "metadata.user_api_key_alias")
	if list, ok := v["request_tags"].([]any); ok {
		var tags []string
		for _, t := range list {
			if s, ok := t.(string); ok && !strings.HasPrefix(s, "User-Agent:") && len(tags) < 16 {
				tags = append(tags, s)
			}
		}
		if len(tags) > 0 {
			if c.Tags == nil {
				c.Tags = map[string]string{}
			}
			c.Tags["request_tags"] = strings.Join(tags, ",")
		}
	}
}

// liteLLMContent reads messages and choices in OpenAI's form.
func liteLLMContent(c *llm.Call, v values) {
	switch in := v["messages"].(type) {
	case []any:
		for _, e := range in {
			if o, ok := e.(map[string]any); ok {
				c.Input = append(c.Input, message(o))
			}
		}
	case string:
		if in != "" && in != "redacted-by-litellm" {
			c.Input = []llm.Message{llm.Text("user", in)}
		}
	}
	choices, _ := v["response.choices"].([]any)
	for _, e := range choices {
		choice, _ := e.(map[string]any)
		o, ok := choice["message"].(map[string]any)
		if !ok {
			continue
		}
		out := message(o)
		if s, ok := choice["finish_reason"].(string); ok && s != "" {
			out.FinishReason = llm.FinishReason(s)
			c.FinishReasons = append(c.FinishReasons, out.FinishReason)
		}
		c.Output = append(c.Output, out)
	}
	if s, ok := v["response"].(string); ok && s != "" && s != "redacted-by-litellm" && len(c.Output) == 0 {
		c.Output = []llm.Message{llm.Text("assistant", s)}
	}
}

// message reads one message of OpenAI's chat form.
func message(o map[string]any) llm.Message {
	role, _ := o["role"].(string)
	m := llm.Message{Role: orElse(role, "user")}
	switch content := o["content"].(type) {
	case string:
		m.Parts = append(m.Parts, llm.Part{Type: llm.PartText, Content: content})
	case []any:
		for _, e := range content {
			p, _ := e.(map[string]any)
			if s, ok := p["text"].(string); ok {
				m.Parts = append(m.Parts, llm.Part{Type: llm.PartText, Content: s})
			} else if raw, err := json.Marshal(e); err == nil {
				m.Parts = append(m.Parts, llm.Part{Type: llm.PartOther, Response: raw})
			}
		}
	}
	calls, _ := o["tool_calls"].([]any)
	for _, e := range calls {
		tc, _ := e.(map[string]any)
		fn, _ := tc["function"].(map[string]any)
		p := llm.Part{Type: llm.PartToolCall}
		p.ID, _ = tc["id"].(string)
		p.ToolName, _ = fn["name"].(string)
		p.Arguments, _ = fn["arguments"].(string)
		m.Parts = append(m.Parts, p)
	}
	return m
}
