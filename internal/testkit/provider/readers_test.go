package provider

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"hash/crc32"
	"strings"
	"testing"
)

// answer is what a reader of a format makes of a response: written from the
// providers' documentation, not from the encoders.
type answer struct {
	text, reasoning, tool, args, finish, id, model string
	input, output, read, write, reasoningTokens    int64
	usage                                          bool
}

// obj reads nested JSON leniently.
type obj map[string]any

func (o obj) at(path string) any {
	var v any = map[string]any(o)
	for p := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[p]
		case []any:
			i := int(p[0] - '0')
			if i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func (o obj) str(path string) string {
	s, _ := o.at(path).(string)
	return s
}

func (o obj) num(path string) int64 {
	f, _ := o.at(path).(float64)
	return int64(f)
}

func (o obj) json(path string) string {
	b, err := json.Marshal(o.at(path))
	if err != nil {
		return err.Error()
	}
	return string(b)
}

type event struct {
	name string
	data obj
	raw  string
}

func parseJSON(t *testing.T, b []byte) obj {
	t.Helper()
	var o obj
	if err := json.Unmarshal(b, &o); err != nil {
		t.Fatalf("not JSON: %v: %.300s", err, b)
	}
	return o
}

func parseSSE(t *testing.T, body []byte) (events []event, done bool) {
	t.Helper()
	var e event
	s := bufio.NewScanner(bytes.NewReader(body))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		line := strings.TrimSuffix(s.Text(), "\r")
		switch {
		case line == "":
			if e.raw == "[DONE]" {
				done = true
			} else if e.raw != "" {
				e.data = parseJSON(t, []byte(e.raw))
				events = append(events, e)
			}
			e = event{}
		case strings.HasPrefix(line, ":"):
		case strings.HasPrefix(line, "event: "):
			e.name = line[7:]
		case strings.HasPrefix(line, "data: "):
			e.raw += line[6:]
		default:
			t.Fatalf("stray line %q", line)
		}
	}
	return events, done
}

// parseAWS reads an event stream and checks both checksums of every message.
func parseAWS(t *testing.T, b []byte) []event {
	t.Helper()
	var out []event
	for len(b) > 0 {
		if len(b) < 16 {
			t.Fatalf("%d stray bytes", len(b))
		}
		total, hlen := binary.BigEndian.Uint32(b), binary.BigEndian.Uint32(b[4:])
		if crc32.ChecksumIEEE(b[:8]) != binary.BigEndian.Uint32(b[8:]) {
			t.Fatal("checksum of the prelude")
		}
		msg := b[:total]
		if crc32.ChecksumIEEE(msg[:total-4]) != binary.BigEndian.Uint32(msg[total-4:]) {
			t.Fatal("checksum of the message")
		}
		h := msg[12 : 12+hlen]
		e := event{data: obj{}}
		for len(h) > 0 {
			n := int(h[0])
			name := string(h[1 : 1+n])
			if h[1+n] != 7 {
				t.Fatalf("header type %d", h[1+n])
			}
			l := int(binary.BigEndian.Uint16(h[2+n:]))
			v := string(h[4+n : 4+n+l])
			h = h[4+n+l:]
			if name == ":event-type" || name == ":exception-type" {
				e.name = v
			}
		}
		e.data = parseJSON(t, msg[12+hlen:total-4])
		out = append(out, e)
		b = b[total:]
	}
	return out
}

func readChat(t *testing.T, body []byte, stream bool) (a answer) {
	usage := func(o obj) {
		if o.at("usage.prompt_tokens") == nil {
			return
		}
		a.usage, a.input, a.output = true, o.num("usage.prompt_tokens"), o.num("usage.completion_tokens")
		a.read, a.reasoningTokens = o.num("usage.prompt_tokens_details.cached_tokens"), o.num("usage.completion_tokens_details.reasoning_tokens")
		a.write = o.num("usage.prompt_tokens_details.cache_write_tokens")
	}
	if !stream {
		o := parseJSON(t, body)
		usage(o)
		a.id, a.model, a.text = o.str("id"), o.str("model"), o.str("choices.0.message.content")
		a.finish, a.tool = o.str("choices.0.finish_reason"), o.str("choices.0.message.tool_calls.0.function.name")
		a.args, a.reasoning = o.str("choices.0.message.tool_calls.0.function.arguments"), o.str("choices.0.message.reasoning_content")
		return a
	}
	events, done := parseSSE(t, body)
	if !done {
		t.Error("no [DONE]")
	}
	for _, e := range events {
		o := e.data
		usage(o)
		a.id, a.model = o.str("id"), o.str("model")
		a.text += o.str("choices.0.delta.content")
		a.reasoning += o.str("choices.0.delta.reasoning_content")
		a.tool += o.str("choices.0.delta.tool_calls.0.function.name")
		a.args += o.str("choices.0.delta.tool_calls.0.function.arguments")
		a.finish += o.str("choices.0.finish_reason")
	}
	return a
}

func readCompletions(t *testing.T, body []byte, stream bool) (a answer) {
	var events []event
	if stream {
		events, _ = parseSSE(t, body)
	} else {
		events = []event{{data: parseJSON(t, body)}}
	}
	for _, e := range events {
		a.id, a.model = e.data.str("id"), e.data.str("model")
		a.text += e.data.str("choices.0.text")
		a.finish += e.data.str("choices.0.finish_reason")
		if e.data.at("usage.prompt_tokens") != nil {
			a.usage, a.input, a.output = true, e.data.num("usage.prompt_tokens"), e.data.num("usage.completion_tokens")
			a.read, a.write = e.data.num("usage.prompt_tokens_details.cached_tokens"), e.data.num("usage.prompt_tokens_details.cache_write_tokens")
			a.reasoningTokens = e.data.num("usage.completion_tokens_details.reasoning_tokens")
		}
	}
	return a
}

func readResponses(t *testing.T, body []byte, stream bool) (a answer) {
	o := obj{}
	if stream {
		events, _ := parseSSE(t, body)
		var text, reasoning, args string
		for i, e := range events {
			if e.name != e.data.str("type") {
				t.Errorf("event %q, type %q", e.name, e.data.str("type"))
			}
			if got := e.data.num("sequence_number"); got != int64(i) {
				t.Errorf("sequence number %d, want %d", got, i)
			}
			switch e.name {
			case "response.output_text.delta":
				text += e.data.str("delta")
			case "response.reasoning_summary_text.delta":
				reasoning += e.data.str("delta")
			case "response.function_call_arguments.delta":
				args += e.data.str("delta")
			case "response.completed", "response.incomplete":
				o, _ = e.data.at("response").(map[string]any)
			}
		}
		defer func() {
			if a.text != text || a.reasoning != reasoning || a.args != args {
				t.Error("the deltas do not make the final response")
			}
		}()
	} else {
		o = parseJSON(t, body)
	}
	a.id, a.model = o.str("id"), o.str("model")
	if o.at("usage.input_tokens") != nil {
		a.usage, a.input, a.output = true, o.num("usage.input_tokens"), o.num("usage.output_tokens")
		a.read, a.reasoningTokens = o.num("usage.input_tokens_details.cached_tokens"), o.num("usage.output_tokens_details.reasoning_tokens")
	}
	items, _ := o["output"].([]any)
	for _, it := range items {
		item := obj(it.(map[string]any))
		switch item.str("type") {
		case "message":
			a.text = item.str("content.0.text")
		case "reasoning":
			a.reasoning = item.str("summary.0.text")
		case "function_call":
			a.tool, a.args = item.str("name"), item.str("arguments")
		}
	}
	return a
}

func readMessages(t *testing.T, body []byte, stream bool) answer {
	if !stream {
		return messagesObject(parseJSON(t, body))
	}
	events, _ := parseSSE(t, body)
	return messagesEvents(t, events)
}

func messagesUsage(a *answer, u obj) {
	if u.at("output_tokens") == nil {
		return
	}
	a.usage = true
	a.read, a.write = u.num("cache_read_input_tokens"), u.num("cache_creation_input_tokens")
	a.input, a.output = u.num("input_tokens")+a.read+a.write, u.num("output_tokens")
}

func messagesObject(o obj) (a answer) {
	a.id, a.model, a.finish = o.str("id"), o.str("model"), o.str("stop_reason")
	if u, ok := o["usage"].(map[string]any); ok {
		messagesUsage(&a, u)
	}
	content, _ := o["content"].([]any)
	for _, c := range content {
		b := obj(c.(map[string]any))
		switch b.str("type") {
		case "text":
			a.text += b.str("text")
		case "thinking":
			a.reasoning += b.str("thinking")
		case "tool_use":
			a.tool, a.args = b.str("name"), b.json("input")
		}
	}
	return a
}

func messagesEvents(t *testing.T, events []event) (a answer) {
	open := -1
	for i, e := range events {
		o := e.data
		switch typ := o.str("type"); typ {
		case "message_start":
			if i != 0 {
				t.Error("message_start is not first")
			}
			a.id, a.model = o.str("message.id"), o.str("message.model")
			if u, ok := o.at("message.usage").(map[string]any); ok {
				messagesUsage(&a, u)
			}
		case "content_block_start":
			open++
			a.tool += o.str("content_block.name")
			if int(o.num("index")) != open {
				t.Errorf("block %d, want %d", o.num("index"), open)
			}
		case "content_block_delta":
			a.text += o.str("delta.text")
			a.reasoning += o.str("delta.thinking")
			a.args += o.str("delta.partial_json")
		case "message_delta":
			a.finish = o.str("delta.stop_reason")
			if u, ok := o["usage"].(map[string]any); ok {
				messagesUsage(&a, u)
			}
		case "content_block_stop", "message_stop", "ping":
		default:
			t.Errorf("unknown event %q", typ)
		}
	}
	return a
}

func readGemini(t *testing.T, body []byte, stream bool) (a answer) {
	var list []obj
	switch {
	case !stream:
		list = []obj{parseJSON(t, body)}
	case bytes.HasPrefix(body, []byte("[")):
		if err := json.Unmarshal(body, &list); err != nil {
			t.Fatalf("not a JSON array: %v", err)
		}
	default:
		events, _ := parseSSE(t, body)
		for _, e := range events {
			list = append(list, e.data)
		}
	}
	for _, o := range list {
		parts, _ := o.at("candidates.0.content.parts").([]any)
		for _, p := range parts {
			part := obj(p.(map[string]any))
			if part["thought"] == true {
				a.reasoning += part.str("text")
			} else {
				a.text += part.str("text")
			}
			if name := part.str("functionCall.name"); name != "" {
				a.tool, a.args = name, part.json("functionCall.args")
			}
		}
		a.finish = o.str("candidates.0.finishReason")
		a.id, a.model = o.str("responseId"), o.str("modelVersion")
		if o["usageMetadata"] != nil {
			a.usage, a.reasoningTokens = true, o.num("usageMetadata.thoughtsTokenCount")
			a.input, a.read = o.num("usageMetadata.promptTokenCount"), o.num("usageMetadata.cachedContentTokenCount")
			a.output = o.num("usageMetadata.candidatesTokenCount") + a.reasoningTokens
		}
	}
	return a
}

func readOllama(t *testing.T, body []byte, stream bool) (a answer) {
	lines := bytes.Split(bytes.TrimSpace(body), []byte("\n"))
	if !stream && len(lines) != 1 {
		t.Errorf("%d lines", len(lines))
	}
	for i, l := range lines {
		o := parseJSON(t, l)
		a.model = o.str("model")
		a.text += o.str("message.content") + o.str("response")
		a.reasoning += o.str("message.thinking")
		if n := o.str("message.tool_calls.0.function.name"); n != "" {
			a.tool, a.args = n, o.json("message.tool_calls.0.function.arguments")
		}
		if (o["done"] == true) != (i == len(lines)-1) {
			t.Errorf("line %d of %d: done = %v", i+1, len(lines), o["done"])
		}
		if o["eval_count"] != nil {
			a.usage, a.input, a.output = true, o.num("prompt_eval_count"), o.num("eval_count")
		}
		a.finish = o.str("done_reason")
	}
	return a
}

func readCohere(t *testing.T, body []byte, stream bool) (a answer) {
	if !stream {
		o := parseJSON(t, body)
		a.id, a.finish, a.text = o.str("id"), o.str("finish_reason"), o.str("message.content.0.text")
		a.tool, a.args = o.str("message.tool_calls.0.function.name"), o.str("message.tool_calls.0.function.arguments")
		if o["usage"] != nil {
			a.usage, a.input, a.output = true, o.num("usage.billed_units.input_tokens"), o.num("usage.billed_units.output_tokens")
		}
		return a
	}
	events, _ := parseSSE(t, body)
	for _, e := range events {
		o := e.data
		if e.name != o.str("type") {
			t.Errorf("event %q, type %q", e.name, o.str("type"))
		}
		a.id += o.str("id")
		a.text += o.str("delta.message.content.text")
		a.tool += o.str("delta.message.tool_calls.function.name")
		a.args += o.str("delta.message.tool_calls.function.arguments")
		a.finish += o.str("delta.finish_reason")
		if u := o.at("delta.usage"); u != nil {
			a.usage, a.input, a.output = true, o.num("delta.usage.billed_units.input_tokens"), o.num("delta.usage.billed_units.output_tokens")
		}
	}
	return a
}

func readConverse(t *testing.T, body []byte, stream bool) (a answer) {
	usage := func(o obj) {
		if o["usage"] == nil {
			return
		}
		a.usage, a.read, a.write = true, o.num("usage.cacheReadInputTokens"), o.num("usage.cacheWriteInputTokens")
		a.input, a.output = o.num("usage.inputTokens")+a.read+a.write, o.num("usage.outputTokens")
	}
	if !stream {
		o := parseJSON(t, body)
		usage(o)
		a.finish = o.str("stopReason")
		content, _ := o.at("output.message.content").([]any)
		for _, c := range content {
			b := obj(c.(map[string]any))
			a.text += b.str("text")
			a.reasoning += b.str("reasoningContent.reasoningText.text")
			if b["toolUse"] != nil {
				a.tool, a.args = b.str("toolUse.name"), b.json("toolUse.input")
			}
		}
		return a
	}
	events := parseAWS(t, body)
	if events[0].name != "messageStart" || events[len(events)-1].name != "metadata" {
		t.Errorf("from %s to %s", events[0].name, events[len(events)-1].name)
	}
	for _, e := range events {
		usage(e.data)
		a.text += e.data.str("delta.text")
		a.reasoning += e.data.str("delta.reasoningContent.text")
		a.tool += e.data.str("start.toolUse.name")
		a.args += e.data.str("delta.toolUse.input")
		a.finish += e.data.str("stopReason")
	}
	return a
}

// invokeEvents unwraps the chunks of an invoke stream.
func invokeEvents(t *testing.T, body []byte) []event {
	t.Helper()
	var out []event
	for _, e := range parseAWS(t, body) {
		if e.name != "chunk" {
			t.Errorf("event %q", e.name)
		}
		raw, err := base64.StdEncoding.DecodeString(e.data.str("bytes"))
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, event{data: parseJSON(t, raw)})
	}
	return out
}

func readInvokeAnthropic(t *testing.T, body []byte, stream bool) answer {
	if !stream {
		return messagesObject(parseJSON(t, body))
	}
	events := invokeEvents(t, body)
	a := messagesEvents(t, events)
	last := events[len(events)-1].data
	if got := last.num("amazon-bedrock-invocationMetrics.outputTokenCount"); got != a.output {
		t.Errorf("invocation metrics: %d output tokens, usage says %d", got, a.output)
	}
	return a
}

func readInvokeNative(t *testing.T, body []byte, stream bool) (a answer) {
	var events []event
	if stream {
		events = invokeEvents(t, body)
	} else {
		events = []event{{data: parseJSON(t, body)}}
	}
	for _, e := range events {
		o := e.data
		a.text += o.str("generation") + o.str("outputText") + o.str("results.0.outputText")
		a.finish += o.str("stop_reason") + o.str("completionReason") + o.str("results.0.completionReason")
		a.input = max(a.input, o.num("prompt_token_count"), o.num("inputTextTokenCount"))
		a.output = max(a.output, o.num("results.0.tokenCount"), o.num("totalOutputTextTokenCount"))
		if o["prompt_token_count"] != nil {
			a.output = o.num("generation_token_count")
		}
	}
	a.usage = a.input > 0
	return a
}
