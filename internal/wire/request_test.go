package wire

import (
	"bytes"
	"encoding/json"
	"mime/multipart"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestChatRequest(t *testing.T) {
	c := request(routeChat, `{"model":"m","stream":true,"temperature":0.5,"max_tokens":100,"stop":["a","b"],"api_key":"must not be kept","extra":1,"seed":null,
		"response_format":{"type":"json_object"},"reasoning_effort":"low","user":"u1",
		"metadata":{"session_id":"s1","team":"a","n":3,"user_id":"u2","deep":{"x":1}},
		"tools":[{"type":"function","function":{"name":"f"}}],
		"messages":[
			{"role":"developer","content":"be brief"},
			{"role":"user","name":"jo","content":[{"type":"text","text":"what"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},
				{"type":"image_url","image_url":{"url":"https://example.com/x.png"}},{"type":"input_audio","input_audio":{"data":"BBBB","format":"wav"}},
				{"type":"file","file":{"file_id":"file-1"}},{"type":"custom_thing","x":1}]},
			{"role":"assistant","content":null,"reasoning_content":"hm","tool_calls":[{"id":"c1","type":"function","function":{"name":"f","arguments":"{}"}}]},
			{"role":"tool","tool_call_id":"c1","content":"42"},
			{"role":"assistant","content":null}]}`)
	wantInput(t, c,
		llm.Text("system", "be brief"),
		llm.Message{Role: "user", Name: "jo", Parts: []llm.Part{
			{Type: llm.PartText, Content: "what"},
			{Type: llm.PartBlob, Modality: "image", MIMEType: "image/png", Data: "AAAA"},
			{Type: llm.PartURI, Modality: "image", URI: "https://example.com/x.png"},
			{Type: llm.PartBlob, Modality: "audio", MIMEType: "audio/wav", Data: "BBBB"},
			{Type: llm.PartFile, Modality: "document", FileID: "file-1"},
			{Type: llm.PartOther, Response: json.RawMessage(`{"type":"custom_thing","x":1}`)},
		}},
		llm.Message{Role: "assistant", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartToolCall, ID: "c1", ToolName: "f", Arguments: "{}"}}},
		llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "c1", Response: json.RawMessage(`"42"`)}}},
	)
	wantParams := map[string]any{
		"temperature": 0.5, "max_tokens": 100.0, "stop": []any{"a", "b"},
		"response_format": map[string]any{"type": "json_object"}, "reasoning_effort": "low",
	}
	if d := cmp.Diff(wantParams, c.Params); d != "" {
		t.Errorf("params (-want +got):\n%s", d)
	}
	if d := cmp.Diff(map[string]string{"team": "a", "n": "3"}, c.Tags); d != "" {
		t.Errorf("tags (-want +got):\n%s", d)
	}
	if c.RequestModel != "m" || !c.Stream || c.User != "u1" || c.Session != "s1" || c.Operation != llm.OpChat || string(c.Tools) != `[{"type":"function","function":{"name":"f"}}]` {
		t.Errorf("model %q, stream %v, user %q, session %q, operation %q, tools %s", c.RequestModel, c.Stream, c.User, c.Session, c.Operation, c.Tools)
	}
	if b, err := json.Marshal(c); err != nil || bytes.Contains(b, []byte("must not be kept")) {
		t.Errorf("a secret of the body is kept: %s %v", b, err)
	}
}

func TestHeadersWinOverTheBody(t *testing.T) {
	c := &llm.Call{User: "header-user", Session: "header-session", Tags: map[string]string{"team": "header"}}
	DecodeRequest(routeChat, nil, []byte(`{"user":"u","metadata":{"session_id":"s","team":"body"}}`), c)
	if c.User != "header-user" || c.Session != "header-session" || c.Tags["team"] != "header" {
		t.Errorf("user %q, session %q, tags %v", c.User, c.Session, c.Tags)
	}
}

func TestOtherRequests(t *testing.T) {
	for name, tc := range map[string]struct {
		rt   Route
		body string
		want []llm.Message
	}{
		"completion":         {routeText, `{"prompt":"p"}`, []llm.Message{llm.Text("user", "p")}},
		"completion batch":   {routeText, `{"prompt":["p","q"]}`, []llm.Message{{Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "p"}, {Type: llm.PartText, Content: "q"}}}}},
		"completion tokens":  {routeText, `{"prompt":[1,2]}`, nil},
		"embeddings":         {routeEmbeddings, `{"input":"x"}`, []llm.Message{llm.Text("user", "x")}},
		"embeddings of jina": {routeEmbeddings, `{"input":[{"text":"x"},{"image":"https://e.com/i.png"}]}`, []llm.Message{{Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "x"}, {Type: llm.PartURI, Modality: "image", URI: "https://e.com/i.png"}}}}},
		"rerank":             {Route{API: apiRerank}, `{"query":"q","documents":["d",{"text":"e"}]}`, []llm.Message{llm.Text("user", "q"), {Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "d"}, {Type: llm.PartText, Content: "e"}}}}},
		"speech":             {Route{API: apiAudioSpeech}, `{"input":"say","instructions":"softly"}`, []llm.Message{llm.Text("system", "softly"), llm.Text("user", "say")}},
		"image":              {Route{API: apiImages}, `{"prompt":"a cat","n":2}`, []llm.Message{llm.Text("user", "a cat")}},
		"responses text":     {routeResponses, `{"instructions":"brief","input":"x"}`, []llm.Message{llm.Text("system", "brief"), llm.Text("user", "x")}},
		"responses items": {routeResponses, `{"input":[{"role":"user","content":[{"type":"input_text","text":"x"},{"type":"input_image","image_url":"https://e.com/i.png"},{"type":"input_file","file_id":"f"}]},
			{"type":"reasoning","summary":[{"type":"summary_text","text":"hm"}]},{"type":"function_call","call_id":"c","name":"f","arguments":"{}"},
			{"type":"function_call_output","call_id":"c","output":"42"},{"type":"item_reference","id":"i"}]}`, []llm.Message{
			{Role: "user", Parts: []llm.Part{{Type: llm.PartText, Content: "x"}, {Type: llm.PartURI, Modality: "image", URI: "https://e.com/i.png"}, {Type: llm.PartFile, Modality: "document", FileID: "f"}}},
			{Role: "assistant", Parts: []llm.Part{{Type: llm.PartReasoning, Content: "hm"}}},
			{Role: "assistant", Parts: []llm.Part{{Type: llm.PartToolCall, ID: "c", ToolName: "f", Arguments: "{}"}}},
			{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "c", Response: json.RawMessage(`"42"`)}}},
			{Role: "assistant", Parts: []llm.Part{{Type: llm.PartOther, Response: json.RawMessage(`{"type":"item_reference","id":"i"}`)}}},
		}},
	} {
		t.Run(name, func(t *testing.T) { wantInput(t, request(tc.rt, tc.body), tc.want...) })
	}
}

func TestAzureModelIsItsDeployment(t *testing.T) {
	rt, _ := Match(Azure, "POST", "/openai/deployments/prod-gpt/chat/completions")
	if c := request(rt, `{"messages":[]}`); c.RequestModel != "prod-gpt" {
		t.Errorf("model = %q", c.RequestModel)
	}
	if c := request(rt, `{"model":"gpt-4o","messages":[]}`); c.RequestModel != "gpt-4o" {
		t.Errorf("model = %q", c.RequestModel)
	}
}

func TestMalformedRequests(t *testing.T) {
	for _, body := range []string{`{`, `[]`, `"x"`, `not json`, strings.Repeat(`{"a":`, 1000), "\x00"} {
		if c := request(routeChat, body); !cmp.Equal(c.Notes, []string{"malformed_request"}) {
			t.Errorf("%.20q: notes %v", body, c.Notes)
		}
	}
	if c := request(routeChat, ` `); len(c.Notes) != 0 {
		t.Errorf("an empty body is not malformed: %v", c.Notes)
	}
	c := request(routeChat, `{"model":7,"stream":"yes","messages":{"a":1},"temperature":{"x":[1e999]},"metadata":[1],"tools":{},"user":{}}`)
	if c.RequestModel != "" || c.Stream || len(c.Input) != 0 || len(c.Notes) != 0 {
		t.Errorf("%+v", c)
	}
	if _, err := json.Marshal(c); err != nil {
		t.Errorf("the Call cannot be encoded: %v", err)
	}
}

func TestMultipartRequest(t *testing.T) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for k, v := range map[string]string{"model": "whisper-1", "language": "de", "stream": "true", "prompt": "names", "api_key": "x"} {
		if err := w.WriteField(k, v); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.CreateFormFile("file", "a.wav")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write(make([]byte, 1234)); err != nil {
		t.Fatal(err)
	}
	w.Close()
	rt := Route{Dialect: OpenAI, API: apiAudioTranscription, Operation: llm.OpTranscription}
	decode := func(body []byte) *llm.Call {
		c := &llm.Call{}
		DecodeRequest(rt, http.Header{"Content-Type": {w.FormDataContentType()}}, body, c)
		return c
	}
	c := decode(b.Bytes())
	wantInput(t, c, llm.Text("user", "names"), llm.Message{Role: "user", Parts: []llm.Part{{Type: llm.PartBlob, Modality: "audio", MIMEType: "application/octet-stream", Size: 1234}}})
	if c.RequestModel != "whisper-1" || !c.Stream || !cmp.Equal(c.Params, map[string]any{"language": "de"}) {
		t.Errorf("model %q, stream %v, params %v", c.RequestModel, c.Stream, c.Params)
	}
	if c := decode(b.Bytes()[:b.Len()/2]); !cmp.Equal(c.Notes, []string{"malformed_request"}) {
		t.Errorf("a cut form: notes %v", c.Notes)
	}
}

func TestCompressedRequest(t *testing.T) {
	for _, e := range encodings {
		body, _ := compress(t, e, `{"model":"m","messages":[{"role":"user","content":"hi"}]}`)
		c := &llm.Call{}
		DecodeRequest(routeChat, http.Header{"Content-Encoding": {headerOf(e)}}, body, c)
		if c.RequestModel != "m" || len(c.Notes) != 0 {
			t.Errorf("%s: model %q, notes %v", e, c.RequestModel, c.Notes)
		}
	}
}

func TestRequestBounds(t *testing.T) {
	var tags, tools strings.Builder
	for range 100 {
		tags.WriteString(`"` + strings.Repeat("k", 10+tags.Len()%50) + `":"v",`)
	}
	tools.WriteString(`{"x":"` + strings.Repeat("x", maxToolsJSON) + `"}`)
	c := request(routeChat, `{"metadata":{`+tags.String()+`"long":"`+strings.Repeat("x", maxTagValue+1)+`"},"tools":[`+tools.String()+`],
		"response_format":{"x":"`+strings.Repeat("x", maxParamJSON)+`"},"user":"`+strings.Repeat("u", maxTagValue+1)+`"}`)
	if len(c.Tags) > maxTags || c.Tags["long"] != "" || c.Tools != nil || len(c.Params) != 0 || c.User != "" {
		t.Errorf("%d tags, tools %d bytes, params %v", len(c.Tags), len(c.Tools), c.Params)
	}
}

func FuzzOpenAIRequest(f *testing.F) {
	fuzzRequests(f, routeChat, `{"model":"m","stream":true,"messages":[{"role":"user","content":[{"type":"text","text":"x"},{"type":"image_url","image_url":"u"}]},{"role":"tool","content":{"a":1}}],"prompt":["a",1],"tools":[{}],"metadata":{"a":"b"}}`)
}

func FuzzOpenAIResponsesRequest(f *testing.F) {
	fuzzRequests(f, routeResponses, `{"instructions":"x","input":[{"role":"user","content":"x"},{"type":"reasoning","summary":[{}]},{"type":"function_call_output","output":[1]},null,1,"x"]}`)
}

func BenchmarkOpenAIRequest2KB(b *testing.B) {
	body := []byte(`{"model":"m-1","temperature":0.2,"max_tokens":256,"stream":true,"messages":[{"role":"system","content":"` + strings.Repeat("rule ", 100) + `"},{"role":"user","content":"` + strings.Repeat("word ", 300) + `"}]}`)
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		c := &llm.Call{}
		DecodeRequest(routeChat, nil, body, c)
		if len(c.Input) != 2 {
			b.Fatal("input")
		}
	}
}
