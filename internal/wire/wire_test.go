package wire

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

var (
	routeChat       = Route{Dialect: OpenAI, API: apiChatCompletions, Operation: llm.OpChat}
	routeText       = Route{Dialect: OpenAI, API: apiCompletions, Operation: llm.OpTextCompletion}
	routeResponses  = Route{Dialect: OpenAI, API: apiResponses, Operation: llm.OpResponses}
	routeEmbeddings = Route{Dialect: OpenAI, API: apiEmbeddings, Operation: llm.OpEmbeddings}
)

const (
	sseType  = "text/event-stream"
	jsonType = "application/json"
)

// chunk is a chat chunk with content; reason "" means none yet.
func chunk(content, reason string) string {
	r := "null"
	if reason != "" {
		r = `"` + reason + `"`
	}
	return fmt.Sprintf(`{"id":"c1","object":"chat.completion.chunk","model":"m-1","choices":[{"index":0,"delta":{"content":%q},"finish_reason":%s}]}`, content, r)
}

func TestTimeline(t *testing.T) {
	c := &llm.Call{}
	d := NewDecoder(routeChat, 200, http.Header{"Content-Type": {sseType}}, c, Options{})
	at := func(ms int) time.Duration { return time.Duration(ms) * time.Millisecond }
	d.Write([]byte(sse(`{"id":"c1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}`)), at(100))
	two := sse(chunk("he", "")) + sse(chunk("llo", ""))
	cut := len(sse(chunk("he", ""))) + 20
	d.Write([]byte(two[:cut]), at(250))
	d.Write([]byte(two[cut:]), at(300))
	d.Write([]byte(sse(chunk("", "stop"), "[DONE]")), at(400))
	d.Close(at(500), nil)
	if got := c.TTFT.Or(0); got != at(250) {
		t.Errorf("ttft = %v: the role alone is no content, the first text is", got)
	}
	var got []string
	for tick := range c.Timeline.Ticks() {
		got = append(got, fmt.Sprintf("%v:%d", tick.At, tick.Bytes))
	}
	if d := cmp.Diff([]string{"100ms:0", "250ms:2", "300ms:3", "400ms:0"}, got); d != "" {
		t.Errorf("ticks (-want +got):\n%s", d)
	}
	if c.Duration != at(500) || !c.Stream || c.Status != llm.StatusOK || c.HTTPStatus != 200 {
		t.Errorf("duration %v, stream %v, status %v %d", c.Duration, c.Stream, c.Status, c.HTTPStatus)
	}
}

func TestUnaryHasNoTTFT(t *testing.T) {
	c := exchange{rt: routeChat, ctype: jsonType, body: `{"id":"c","choices":[{"index":0,"message":{"content":"x"},"finish_reason":"stop"}]}`}.check(t)
	if c.TTFT.Known() || c.Timeline.Chunks() != 0 || c.Stream {
		t.Errorf("ttft %v, %d chunks, stream %v", c.TTFT, c.Timeline.Chunks(), c.Stream)
	}
	if c.Usage.Source != llm.UsageUnknown {
		t.Errorf("usage source = %q, want unknown", c.Usage.Source)
	}
}

func TestClose(t *testing.T) {
	whole := sse(chunk("hi", ""), chunk("", "stop"), "[DONE]")
	cut := sse(chunk("hi", ""), chunk("the", ""))
	for name, tc := range map[string]struct {
		body, ctype string
		err         error
		want        string // status|error|finish|notes
	}{
		"ended":                      {whole, sseType, nil, "ok||stop|"},
		"cut":                        {cut, sseType, nil, "ok|||stream_cut"},
		"cut inside an event":        {whole[:len(sse(chunk("hi", "")))+30], sseType, nil, "ok|||stream_cut"},
		"cut by a reset":             {cut, sseType, errReset, "error|connection_error||stream_cut"},
		"cut by a timeout":           {cut, sseType, os.ErrDeadlineExceeded, "error|timeout||stream_cut"},
		"client gone":                {cut, sseType, fmt.Errorf("copy: %w", context.Canceled), "ok|||stream_cut,client_gone"},
		"error after the end":        {whole, sseType, errReset, "ok||stop|"},
		"without [DONE]":             {sse(chunk("hi", "length")), sseType, nil, "ok||length|"},
		"no body":                    {"", sseType, nil, "ok|||stream_cut"},
		"no unary body":              {"", jsonType, nil, "ok|||empty_response"},
		"unary cut":                  {`{"id":"x","choi`, jsonType, errReset, "error|connection_error||response_cut"},
		"unary malformed":            {`{"id":"x","choi`, jsonType, nil, "ok|||malformed_response"},
		"nothing, not even a status": {"", "", context.DeadlineExceeded, "error|timeout||"},
	} {
		t.Run(name, func(t *testing.T) {
			c := exchange{rt: routeChat, ctype: tc.ctype, body: tc.body, err: tc.err}.check(t)
			wantCall(t, c, tc.want)
		})
	}
}

// Servers mislabel streams, errors and plain answers; the bytes decide.
func TestBodiesThatAreMislabelled(t *testing.T) {
	stream := sse(chunk("hi", "stop"), "[DONE]")
	unary := `{"id":"c1","model":"m-1","choices":[{"index":0,"message":{"content":"hi"},"finish_reason":"stop"}]}`
	for name, tc := range map[string]struct {
		body, ctype string
		stream      bool
	}{
		"stream as json":         {stream, jsonType, true},
		"stream without a type":  {stream, "", true},
		"stream as text":         {stream, "text/plain", true},
		"answer as a stream":     {unary, sseType, false},
		"answer without a type":  {unary, "", false},
		"answer after waiting":   {strings.Repeat(" \n", 500) + unary, jsonType, false},
		"stream with a mark":     {"\xef\xbb\xbf" + stream, sseType, true},
		"stream after a comment": {": OPENROUTER PROCESSING\n\n" + stream, sseType, true},
	} {
		t.Run(name, func(t *testing.T) {
			c := exchange{rt: routeChat, ctype: tc.ctype, body: tc.body}.check(t)
			if c.Stream != tc.stream || outputText(c) != "hi" {
				t.Errorf("stream = %v, text %q, notes %v", c.Stream, outputText(c), c.Notes)
			}
			wantCall(t, c, "ok||stop|")
		})
	}
}

func TestHTTPErrors(t *testing.T) {
	for _, tc := range []struct {
		status    int
		ctype     string
		body      string
		typ, text string
	}{
		{400, jsonType, `{"error":{"message":"bad","type":"invalid_request_error","param":null,"code":"unsupported_value"}}`, "unsupported_value", "bad"},
		{400, jsonType, `{"error":{"message":"bad","type":"invalid_request_error","code":null}}`, "invalid_request_error", "bad"},
		{401, jsonType, `{"detail":"Unauthorized"}`, "authentication_error", "Unauthorized"},
		{402, jsonType, `{"error":{"message":"Insufficient credits","code":402}}`, "payment_required", "Insufficient credits"},
		{403, jsonType, ``, "permission_denied", "Forbidden"},
		{404, jsonType, `{"error":{"code":"404","message":"Resource not found"}}`, "not_found", "Resource not found"},
		{404, jsonType, `{"object":"error","message":"The model does not exist.","type":"NotFoundError","param":null,"code":404}`, "NotFoundError", "The model does not exist."},
		{408, "", ``, "timeout", "Request Timeout"},
		{413, "text/html", `<html><head><title>413 Request Entity Too Large</title></head></html>`, "request_too_large", "413 Request Entity Too Large"},
		{422, jsonType, `{"detail":[{"loc":["body","x"],"msg":"extra fields not permitted"}]}`, "invalid_request", `[{"loc":["body","x"],"msg":"extra fields not permitted"}]`},
		{429, jsonType, `{"error":{"message":"slow down","type":"tokens","code":"rate_limit_exceeded"}}`, "rate_limit_exceeded", "slow down"},
		{429, jsonType, `[{"error":{"code":429,"message":"Resource exhausted.","status":"RESOURCE_EXHAUSTED"}}]`, "resource_exhausted", "Resource exhausted."},
		{429, sseType, "data: {\"error\":{\"message\":\"queue full\",\"type\":\"overloaded\"}}\n\n", "overloaded", "queue full"},
		{500, jsonType, `{"error":{"message":"oops","type":"server error with words and a request id 123","code":null}}`, "server_error", "oops"},
		{500, jsonType, `{"error":"CUDA out of memory","error_type":"generation"}`, "generation", "CUDA out of memory"},
		{502, "text/html", "<html>\r\n<head><title>502 Bad Gateway</title></head>", "bad_gateway", "502 Bad Gateway"},
		{503, "text/plain", "no healthy upstream", "overloaded", "no healthy upstream"},
		{504, jsonType, `{"code":"1234","msg":"slow"}`, "timeout", "slow"},
		{529, jsonType, `{"error":{}}`, "overloaded", ""},
		{599, "", ``, "server_error", ""},
		{418, "", ``, "invalid_request", "I'm a teapot"},
	} {
		c := exchange{rt: routeChat, status: tc.status, ctype: tc.ctype, body: tc.body}.check(t)
		if c.Status != llm.StatusError || c.ErrorType != tc.typ || c.ErrorMessage != tc.text && tc.text != "" || c.HTTPStatus != tc.status {
			t.Errorf("%d %s: %s %q: %q, want %q: %q", tc.status, tc.body, c.Status, c.ErrorType, c.ErrorMessage, tc.typ, tc.text)
		}
		if c.Usage.Source != llm.UsageUnknown || len(c.FinishReasons) != 0 {
			t.Errorf("%d: usage %v, finish %v", tc.status, c.Usage, c.FinishReasons)
		}
	}
}

func TestMaxContent(t *testing.T) {
	var docs []string
	for range 100 {
		docs = append(docs, chunk("日本語", ""))
	}
	docs = append(docs, `{"id":"c1","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"t","function":{"name":"f","arguments":"{}"}}]},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":300}}`, "[DONE]")
	run := func(o Options) *llm.Call {
		c := &llm.Call{}
		d := NewDecoder(routeChat, 200, http.Header{"Content-Type": {sseType}}, c, o)
		d.Write([]byte(sse(docs...)), time.Millisecond)
		d.Close(time.Second, nil)
		return c
	}
	c := run(Options{MaxContent: 100})
	text := outputText(c)
	if len(text) != 99 || strings.Contains(text, "\uFFFD") {
		t.Errorf("%d bytes of text are kept: %q", len(text), text)
	}
	p := c.Output[0].Parts[0]
	if p.TruncatedChars != 300-33 || !cmp.Equal(c.Truncated, []string{"output"}) {
		t.Errorf("truncated %d characters, %v", p.TruncatedChars, c.Truncated)
	}
	if tool := c.Output[0].Parts[1]; tool.ToolName != "f" || tool.Arguments != "" || tool.TruncatedChars != 2 {
		t.Errorf("nothing may follow a gap, but names stay: %+v", tool)
	}
	skipped := run(Options{SkipContent: true})
	if len(skipped.Output) != 0 || len(skipped.Truncated) != 0 {
		t.Errorf("content is kept in metrics mode: %+v", skipped.Output)
	}
	for _, c := range []*llm.Call{c, skipped} {
		if c.Usage.OutputTokens.Or(0) != 300 || c.Timeline.Chunks() != 101 || !cmp.Equal(c.FinishReasons, []string{"stop"}) {
			t.Errorf("numbers suffer: %+v, %d chunks, %v", c.Usage, c.Timeline.Chunks(), c.FinishReasons)
		}
		total := 0
		for tick := range c.Timeline.Ticks() {
			total += tick.Bytes
		}
		if total != 900+2 {
			t.Errorf("%d bytes of content counted", total)
		}
	}
}

// The usage of an answer that is too long to keep stands at its end.
func TestMaxBody(t *testing.T) {
	vector := strings.Repeat("0.123456789,", 200_000)
	body := `{"object":"list","model":"embed-1","data":[{"embedding":[` + vector + `1]}],"usage":{"prompt_tokens":7,"total_tokens":7}}`
	c := &llm.Call{}
	d := NewDecoder(routeEmbeddings, 200, http.Header{"Content-Type": {jsonType}}, c, Options{MaxBody: 1 << 16})
	for b := []byte(body); len(b) > 0; {
		n := min(5000, len(b))
		d.Write(b[:n], 0)
		b = b[n:]
	}
	if kept := len(d.head) + cap(d.tail); kept > 1<<16+4*tailSize {
		t.Errorf("%d bytes are kept", kept)
	}
	d.Close(time.Second, nil)
	if c.Usage.InputTokens.Or(0) != 7 || c.ResponseModel != "embed-1" || !cmp.Equal(c.Truncated, []string{"response_body"}) || len(c.Notes) != 0 {
		t.Errorf("usage %+v, model %q, truncated %v, notes %v", c.Usage, c.ResponseModel, c.Truncated, c.Notes)
	}
}

type panicking struct{}

func (panicking) unary([]byte)    { panic("unary") }
func (panicking) event(frame) int { panic("event") }
func (panicking) finish(bool)     { panic("finish") }

// A defect in a decoder must not reach the call that passes by.
func TestDecoderSurvivesPanics(t *testing.T) {
	for _, ctype := range []string{sseType, jsonType} {
		c := &llm.Call{}
		d := NewDecoder(routeChat, 200, http.Header{"Content-Type": {ctype}}, c, Options{})
		d.handler = panicking{}
		body := sse("{}")
		if ctype == jsonType {
			body = "{}"
		}
		d.Write([]byte(body), 0)
		d.Write([]byte(body), 0)
		d.Close(time.Second, nil)
		if !cmp.Equal(c.Notes, []string{"decoder_failed"}) || c.Duration != time.Second || c.Status != llm.StatusOK {
			t.Errorf("%s: notes %v, duration %v, status %v", ctype, c.Notes, c.Duration, c.Status)
		}
	}
}

func TestDecoderAfterClose(t *testing.T) {
	c := &llm.Call{}
	d := NewDecoder(routeChat, 200, http.Header{"Content-Type": {sseType}}, c, Options{})
	d.Write([]byte(sse(chunk("hi", "stop"), "[DONE]")), 0)
	d.Close(time.Second, nil)
	d.Write([]byte(sse(chunk("more", ""))), 0)
	d.Close(2*time.Second, errReset)
	if outputText(c) != "hi" || c.Duration != time.Second || c.Status != llm.StatusOK {
		t.Errorf("%q, %v, %v", outputText(c), c.Duration, c.Status)
	}
}

func TestDecoderDoesNotRetain(t *testing.T) {
	c := &llm.Call{}
	d := NewDecoder(routeChat, 200, http.Header{"Content-Type": {sseType}}, c, Options{})
	for b := []byte(sse(chunk("hello ", ""), chunk("world", "stop"), "[DONE]")); len(b) > 0; {
		n := min(13, len(b))
		p := append([]byte(nil), b[:n]...)
		d.Write(p, 0)
		for i := range p {
			p[i] = 'X' // the gateway uses its buffer again
		}
		b = b[n:]
	}
	d.Close(0, nil)
	if outputText(c) != "hello world" || c.ResponseModel != "m-1" {
		t.Errorf("%q %q", outputText(c), c.ResponseModel)
	}
}
