package wire

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestEmbeddings(t *testing.T) {
	c := exchange{rt: routeEmbeddings, ctype: jsonType, body: `{"object":"list","data":[{"embedding":[0.1,-2e-3],"x":"]}"}],"model":"e\u002d1","usage":{"prompt_tokens":5,"total_tokens":5}}`}.check(t)
	wantUsage(t, c, reported(5, 0))
	if c.ResponseModel != "e-1" {
		t.Errorf("model = %q", c.ResponseModel)
	}
	wantUsage(t, exchange{rt: routeEmbeddings, ctype: jsonType, body: `{"data":[],"usage":{"total_tokens":9}}`}.check(t), reported(9, 0))
	wantUsage(t, exchange{rt: routeEmbeddings, ctype: jsonType, body: `{"data":[]}`}.check(t), llm.Usage{Source: llm.UsageUnknown})
	wantCall(t, exchange{rt: routeEmbeddings, ctype: jsonType, body: `{"error":{"message":"x","type":"invalid_request_error"}}`}.check(t), "error|invalid_request_error||")
	wantCall(t, exchange{rt: routeEmbeddings, ctype: jsonType, body: `{"data":[`}.check(t), "ok|||malformed_response")
}

func TestImages(t *testing.T) {
	rt := Route{Dialect: OpenAI, API: apiImages, Operation: llm.OpImage}
	c := exchange{rt: rt, ctype: jsonType, body: `{"created":1,"output_format":"png","data":[{"b64_json":"AAAAAAAA","revised_prompt":"a cat"},{"url":"https://e.com/i.png"}],
		"usage":{"input_tokens":10,"output_tokens":200,"total_tokens":210,"input_tokens_details":{"text_tokens":8,"image_tokens":2}}}`}.check(t)
	want := reported(10, 200)
	want.Images, want.InputImageTokens = some(2), some(2)
	wantUsage(t, c, want)
	wantOutput(t, c, llm.Message{Role: "assistant", Parts: []llm.Part{
		{Type: llm.PartText, Content: "a cat"},
		{Type: llm.PartBlob, Modality: "image", MIMEType: "image/png", Size: 6, Data: "AAAAAAAA"},
		{Type: llm.PartURI, Modality: "image", URI: "https://e.com/i.png"},
	}})
	c = exchange{rt: rt, ctype: sseType, body: sse(
		`{"type":"image_generation.partial_image","b64_json":"AAAA","partial_image_index":0}`,
		`{"type":"image_generation.completed","b64_json":"BBBB","output_format":"webp","usage":{"input_tokens":1,"output_tokens":2}}`)}.check(t)
	want = reported(1, 2)
	want.Images = some(1)
	wantUsage(t, c, want)
	wantCall(t, c, "ok|||")
}

func TestSpeech(t *testing.T) {
	rt := Route{Dialect: OpenAI, API: apiAudioSpeech, Operation: llm.OpSpeech}
	c := &llm.Call{}
	DecodeRequest(rt, nil, []byte(`{"model":"tts-1","input":"日本 ok","instructions":"not spoken"}`), c)
	x := exchange{rt: rt, ctype: "audio/mpeg", body: "ID3 not json"}
	got := x.check(t)
	wantOutput(t, got, llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartBlob, Modality: "audio", MIMEType: "audio/mpeg", Size: 12}}})
	if !got.TTFT.Known() {
		t.Error("the first byte of audio is what a listener waits for")
	}
	h := newOpenAIAudio(rt, c, newContent(c, Options{MaxContent: 1}))
	h.finish(false)
	if c.Usage.Characters.Or(0) != 5 {
		t.Errorf("characters = %v", c.Usage.Characters)
	}
	c = exchange{rt: rt, ctype: sseType, body: sse(`{"type":"speech.audio.delta","audio":"AAAA"}`, `{"type":"speech.audio.done","usage":{"input_tokens":5,"output_tokens":50}}`)}.check(t)
	wantUsage(t, c, reported(5, 50))
	wantCall(t, c, "ok|||")
}

func TestTranscription(t *testing.T) {
	rt := Route{Dialect: OpenAI, API: apiAudioTranscription, Operation: llm.OpTranscription}
	seconds := llm.Usage{AudioSeconds: llm.Some(36.5), Source: llm.UsageReported}
	for name, tc := range map[string]struct {
		ctype, body string
		use         llm.Usage
	}{
		"tokens":   {jsonType, `{"text":"hi","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":0,"audio_tokens":14},"output_tokens":5,"total_tokens":19}}`, llm.Usage{InputTokens: some(14), OutputTokens: some(5), InputAudioTokens: some(14), Source: llm.UsageReported}},
		"duration": {jsonType, `{"text":"hi","usage":{"type":"duration","seconds":36.5}}`, seconds},
		"verbose":  {jsonType, `{"task":"transcribe","duration":36.5,"text":"hi"}`, seconds},
		"text":     {"text/plain", "hi", llm.Usage{Source: llm.UsageUnknown}},
		"stream":   {sseType, sse(`{"type":"transcript.text.delta","delta":"h"}`, `{"type":"transcript.text.delta","delta":"i"}`, `{"type":"transcript.text.done","text":"hi","usage":{"input_tokens":1,"output_tokens":2}}`), reported(1, 2)},
	} {
		t.Run(name, func(t *testing.T) {
			c := exchange{rt: rt, ctype: tc.ctype, body: tc.body}.check(t)
			wantCall(t, c, "ok|||")
			wantUsage(t, c, tc.use)
			if got := outputText(c); got != "hi" {
				t.Errorf("text = %q", got)
			}
		})
	}
}

func TestModeration(t *testing.T) {
	c := exchange{rt: Route{Dialect: OpenAI, API: apiModerations}, ctype: jsonType, body: `{"id":"modr-1","model":"omni","results":[{"flagged":true}]}`}.check(t)
	wantOutput(t, c, llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartOther, Response: json.RawMessage(`{"flagged":true}`)}}})
	if c.ResponseID != "modr-1" || c.ResponseModel != "omni" {
		t.Errorf("%q %q", c.ResponseID, c.ResponseModel)
	}
}

func TestRerank(t *testing.T) {
	rt := Route{Dialect: OpenAI, API: apiRerank, Operation: llm.OpRerank}
	searches := llm.Usage{Searches: some(2), Source: llm.UsageReported}
	for body, want := range map[string]llm.Usage{
		`{"model":"r","data":[{"index":0,"relevance_score":0.5}],"usage":{"total_tokens":12}}`: reported(12, 0),
		`{"id":"x","results":[{"index":0}],"usage":{"prompt_tokens":3,"total_tokens":3}}`:      reported(3, 0),
		`{"id":"x","results":[{"index":0}],"meta":{"billed_units":{"search_units":2}}}`:        searches,
		`{"id":"x","results":[],"meta":{"billed_units":{"input_tokens":4}}}`:                   reported(4, 0),
		`{"id":"x","results":[{"index":0}]}`:                                                   {Source: llm.UsageUnknown},
	} {
		c := exchange{rt: rt, ctype: jsonType, body: body}.check(t)
		wantUsage(t, c, want)
		if strings.Contains(body, "index") && len(c.Output) != 1 {
			t.Errorf("%s: output %v", body, c.Output)
		}
	}
}

func TestErrorBodies(t *testing.T) {
	for d, want := range map[Dialect]string{
		OpenAI:    `{"error":{"code":"overloaded","message":"m","param":null,"type":"server_error"}}`,
		Azure:     `{"error":{"code":"overloaded","message":"m","param":null,"type":"server_error"}}`,
		Anthropic: `{"error":{"message":"m","type":"overloaded_error"},"type":"error"}`,
		Gemini:    `{"error":{"code":503,"message":"m","status":"UNAVAILABLE"}}`,
		Bedrock:   `{"message":"m"}`,
		Cohere:    `{"message":"m"}`,
		Ollama:    `{"error":"m"}`,
	} {
		ctype, body := ErrorBody(d, 503, "overloaded", "m")
		if string(body) != want || ctype != jsonType {
			t.Errorf("%s: %s %s, want %s", d, ctype, body, want)
		}
		// What the gateway says must be readable by Pitot's own decoders.
		rt := Route{Dialect: d, API: apiChatCompletions}
		c := &llm.Call{}
		dec := NewDecoder(rt, 503, ErrorHeader(d, 503), c, Options{})
		dec.Write(body, 0)
		dec.Close(0, nil)
		if c.Status != llm.StatusError || c.ErrorMessage != "m" || c.ErrorType == "" {
			t.Errorf("%s: decoded as %q %q", d, c.ErrorType, c.ErrorMessage)
		}
	}
	if got := ErrorHeader(Bedrock, 429).Get("X-Amzn-Errortype"); got != "ThrottlingException" {
		t.Errorf("bedrock's type = %q", got)
	}
	if got := ErrorHeader(OpenAI, 429); len(got) != 0 {
		t.Errorf("openai has headers: %v", got)
	}
	for _, status := range []int{400, 401, 403, 404, 408, 413, 418, 429, 500, 502, 503, 504, 529} {
		for _, typ := range []string{openAIErrorType(status), anthropicErrorType(status), googleStatus(status), bedrockErrorType(status), classOf(status)} {
			if typ == "" {
				t.Errorf("%d has no type", status)
			}
		}
	}
}

func TestErrorTypeIsOfLowCardinality(t *testing.T) {
	for in, want := range map[string]string{
		"rate_limit_exceeded": "rate_limit_exceeded", "": "server_error", "429": "server_error", "with space": "server_error",
		strings.Repeat("x", 65): "server_error", "Über": "server_error", "a.b:c-D_9": "a.b:c-D_9",
	} {
		if got := errorType(in, 500); got != want {
			t.Errorf("errorType(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestSalvage(t *testing.T) {
	for name, tc := range map[string]struct{ head, tail, want string }{
		"usage in the tail": {`{"model":"m","data":[`, `1]],"usage":{"a":{"b":"}"}}}`, `{"usage":{"a":{"b":"}"}},"model":"m"}`},
		"cut usage":         {`{"model":"m"`, `"usage":{"a":1`, `{"model":"m"}`},
		"usage in a string": {`{`, `"\"usage\":{}"}`, `{}`},
		"nothing":           {`[`, `]`, `{}`},
		"invalid after":     {`{`, `"usage": nope}`, `{}`},
		"the last one":      {`{`, `"usage":{"a":1},"usage":{"a":2}}`, `{"usage":{"a":2}}`},
	} {
		if got := string(salvage([]byte(tc.head), []byte(tc.tail))); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
	if !cmp.Equal(valueLen([]byte(`"a`)), 0) || valueLen([]byte(`{"a":"}"}x`)) != 9 {
		t.Error("valueLen")
	}
}

func BenchmarkEmbeddings(b *testing.B) {
	body := `{"object":"list","data":[{"object":"embedding","index":0,"embedding":[` + strings.Repeat("-0.012345678,", 1535) + `0.1]}],"model":"e-1","usage":{"prompt_tokens":5,"total_tokens":5}}`
	benchmarkAnswer(b, exchange{rt: routeEmbeddings, ctype: jsonType, body: body})
}
