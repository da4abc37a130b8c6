package traffic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
)

// object is a JSON object.
type object = map[string]any

// request makes the HTTP request of a call.
func (p *player) request(ctx context.Context, c *Call, parent string) (*http.Request, error) {
	body, err := json.Marshal(p.body(c))
	if err != nil {
		return nil, fmt.Errorf("request body: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.base+"/"+c.Upstream()+path(c), bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("request: %w", err)
	}
	t, h := p.task, req.Header
	h.Set("Content-Type", "application/json")
	h.Set("User-Agent", "pitot-simulation")
	for k, v := range map[string]string{
		"X-Pitot-Service": t.Service, "X-Pitot-Environment": t.Environment, "X-Pitot-User": t.User, "X-Pitot-Session": t.Session,
		"X-Pitot-Feature": t.Feature, "X-Pitot-Prompt": t.Prompt, "X-Pitot-Prompt-Version": t.PromptVersion, "X-Pitot-Tag-Team": t.Team,
	} {
		if v != "" {
			h.Set(k, v)
		}
	}
	if parent != "" {
		h.Set("Traceparent", "00-"+p.trace+"-"+parent+"-01")
	}
	// Clients send credentials; these open nothing.
	switch c.Model.api {
	case apiMessages:
		h.Set("X-Api-Key", "simulated")
		h.Set("Anthropic-Version", "2023-06-01")
	case apiGemini:
		h.Set("X-Goog-Api-Key", "simulated")
	case apiOllama:
	default:
		h.Set("Authorization", "Bearer simulated")
	}
	p.dictate(h, c)
	return req, nil
}

func path(c *Call) string {
	if c.Model.api != apiGemini {
		return c.Model.Path
	}
	path := fmt.Sprintf(c.Model.Path, c.Model.Name)
	if c.Stream {
		return path + ":streamGenerateContent?alt=sse"
	}
	return path + ":generateContent"
}

// dictate tells the simulated provider how to answer.
func (p *player) dictate(h http.Header, c *Call) {
	h.Set("X-Fake-Delay", c.TTFT.String())
	h.Set("X-Fake-Seed", strconv.FormatUint(p.rng.Uint64(), 10))
	if c.Status != 0 {
		h.Set("X-Fake-Status", strconv.Itoa(c.Status))
		return
	}
	h.Set("X-Fake-Status", "200")
	h.Set("X-Fake-Chunk-Interval", (tokensPerChunk * c.PerToken).String())
	h.Set("X-Fake-Usage", fmt.Sprintf("input=%d,output=%d,cache_read=%d,cache_write=%d,reasoning=%d",
		c.Input, c.Output, c.CacheRead, c.CacheWrite, c.Reasoning))
	lang := "en"
	if c.Chinese {
		lang = "zh"
	}
	h.Set("X-Fake-Lang", lang)
	if c.Finish != "stop" && c.Finish != "tool_calls" {
		h.Set("X-Fake-Finish", c.Finish)
	}
	switch {
	case c.Tool != "":
		h.Set("X-Fake-Tool", c.Tool)
		h.Set("X-Fake-Tool-Args", url.PathEscape(c.Args))
		h.Set("X-Fake-Tokens", "0")
	case c.script != nil && c.Answer != "":
		h.Set("X-Fake-Tool", "none")
		h.Set("X-Fake-Text", url.PathEscape(c.Answer))
		h.Set("X-Fake-Chunks", strconv.Itoa(c.textChunks()))
	default:
		h.Set("X-Fake-Tool", "none")
		h.Set("X-Fake-Tokens", strconv.FormatInt(c.visible(), 10))
	}
	if c.Model.shows {
		h.Set("X-Fake-Reasoning", strconv.FormatInt(c.Reasoning, 10))
	}
	if c.Stall > 0 {
		h.Set("X-Fake-Stall", strconv.Itoa(c.StallAfter)+":"+c.Stall.String())
	}
	if c.CutAfter > 0 {
		h.Set("X-Fake-Cut-After", strconv.Itoa(c.CutAfter))
	}
}

// body makes the request in the model's format.
func (p *player) body(c *Call) object {
	switch c.Model.api {
	case apiResponses:
		return p.responsesBody(c)
	case apiMessages:
		return p.messagesBody(c)
	case apiGemini:
		return p.geminiBody(c)
	case apiOllama:
		return object{"model": c.Model.Name, "stream": c.Stream, "messages": chatMessages(c), "options": object{"temperature": c.Temperature, "num_predict": c.MaxTokens}}
	case apiEmbeddings:
		if len(c.Texts) > 0 {
			return object{"model": c.Model.Name, "input": c.Texts, "dimensions": 64}
		}
		return object{"model": c.Model.Name, "input": c.Prompt, "dimensions": 64}
	case apiModeration:
		return object{"model": c.Model.Name, "input": c.Prompt}
	case apiRerank:
		docs := make([]string, 0, 8)
		for i := range 8 {
			docs = append(docs, "document "+strconv.Itoa(i+1)+": "+c.Prompt)
		}
		return object{"model": c.Model.Name, "query": c.Prompt, "documents": docs, "top_n": 3}
	case apiChat: // below
	}
	b := object{"model": c.Model.Name, "messages": chatMessages(c), "temperature": c.Temperature, "max_tokens": c.MaxTokens}
	if c.Stream {
		b["stream"] = true
		if p.rng.IntN(2) == 0 { // half of the clients ask for usage
			b["stream_options"] = object{"include_usage": true}
		}
	}
	if c.Schema != "" {
		b["response_format"] = c.format()
	}
	if tools := toolNames(c); len(tools) > 0 {
		list := make([]object, 0, len(tools))
		for _, name := range tools {
			list = append(list, object{"type": "function", "function": object{"name": name, "description": describe(name), "parameters": toolSchema()}})
		}
		b["tools"] = list
	}
	return b
}

func chatMessages(c *Call) []object {
	m := make([]object, 0, 4+2*len(c.Said))
	if c.System != "" {
		m = append(m, object{"role": "system", "content": c.System})
	}
	m = c.turns(m)
	if c.Picture != "" && c.Model.api == apiChat {
		m = append(m, object{"role": "user", "content": []object{{"type": "text", "text": c.Prompt}, {"type": "image_url", "image_url": object{"url": c.Picture}}}})
	} else {
		m = append(m, object{"role": "user", "content": c.Prompt})
	}
	for i, t := range c.allRounds() {
		m = append(m,
			object{"role": "assistant", "content": nil, "tool_calls": []object{{"id": callID(i), "type": "function", "function": object{"name": t.Tool, "arguments": t.Args}}}},
			object{"role": "tool", "tool_call_id": callID(i), "content": t.Result})
	}
	return m
}

// turns adds what was said before.
func (c *Call) turns(m []object) []object {
	for _, t := range c.Said {
		m = append(m, object{"role": "user", "content": t.User}, object{"role": "assistant", "content": t.Assistant})
	}
	return m
}

func (p *player) responsesBody(c *Call) object {
	return object{
		"model": c.Model.Name, "instructions": c.System, "stream": c.Stream, "max_output_tokens": c.MaxTokens,
		"input": []object{{"role": "user", "content": []object{{"type": "input_text", "text": c.Prompt}}}},
	}
}

func (p *player) messagesBody(c *Call) object {
	m := append(c.turns(nil), object{"role": "user", "content": c.Prompt})
	for i, t := range c.allRounds() {
		m = append(m,
			object{"role": "assistant", "content": []object{{"type": "tool_use", "id": "toolu_" + strconv.Itoa(i+1), "name": t.Tool, "input": json.RawMessage(t.Args)}}},
			object{"role": "user", "content": []object{{"type": "tool_result", "tool_use_id": "toolu_" + strconv.Itoa(i+1), "content": t.Result}}})
	}
	system := []object{{"type": "text", "text": c.System, "cache_control": object{"type": "ephemeral"}}}
	b := object{"model": c.Model.Name, "max_tokens": c.MaxTokens, "system": system, "messages": m, "temperature": c.Temperature, "stream": c.Stream}
	if tools := toolNames(c); len(tools) > 0 {
		list := make([]object, 0, len(tools))
		for _, name := range tools {
			list = append(list, object{"name": name, "description": describe(name), "input_schema": toolSchema()})
		}
		b["tools"] = list
	}
	return b
}

func (p *player) geminiBody(c *Call) object {
	return object{
		"systemInstruction": object{"parts": []object{{"text": c.System}}},
		"contents":          []object{{"role": "user", "parts": []object{{"text": c.Prompt}}}},
		"generationConfig":  object{"temperature": c.Temperature, "maxOutputTokens": c.MaxTokens},
	}
}

// toolNames are the tools that a call of an agent offers: the one that will be
// called and the one that was.
func toolNames(c *Call) []string {
	var names []string
	for _, n := range [...]string{c.Tool, c.CalledTool} {
		if n != "" && (len(names) == 0 || names[0] != n) {
			names = append(names, n)
		}
	}
	return names
}

func describe(tool string) string { return "Tool to " + strings.ReplaceAll(tool, "_", " ") + "." }

func toolSchema() object {
	return object{"type": "object", "properties": object{"query": object{"type": "string"}, "limit": object{"type": "integer"}}, "required": []string{"query"}}
}
