package wire

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

var converseEvents = awsEvent("messageStart", `{"role":"assistant"}`) +
	awsEvent("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"reasoningContent":{"text":"hm"}}}`) +
	awsEvent("contentBlockDelta", `{"contentBlockIndex":0,"delta":{"reasoningContent":{"signature":"s"}}}`) +
	awsEvent("contentBlockStop", `{"contentBlockIndex":0}`) +
	awsEvent("contentBlockDelta", `{"contentBlockIndex":1,"delta":{"text":"Hel"},"p":"ab"}`) +
	awsEvent("contentBlockDelta", `{"contentBlockIndex":1,"delta":{"text":"lo"},"p":"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"}`) +
	awsEvent("contentBlockStart", `{"contentBlockIndex":2,"start":{"toolUse":{"name":"f","toolUseId":"t1"}}}`) +
	awsEvent("contentBlockDelta", `{"contentBlockIndex":2,"delta":{"toolUse":{"input":"{\"a\""}}}`) +
	awsEvent("contentBlockDelta", `{"contentBlockIndex":2,"delta":{"toolUse":{"input":":1}"}}}`)

var converseEnd = awsEvent("messageStop", `{"stopReason":"tool_use"}`) +
	awsEvent("metadata", `{"metrics":{"latencyMs":1500},"usage":{"inputTokens":10,"outputTokens":20,"totalTokens":60,"cacheReadInputTokens":7,"cacheWriteInputTokens":23,"cacheDetails":[{"inputTokens":3,"ttl":"5m"},{"inputTokens":20,"ttl":"1h"}]},"serviceTier":{"type":"priority"}}`)

func TestConverseStream(t *testing.T) {
	c := exchange{rt: routeConverse, ctype: awsStream, body: converseEvents + converseEnd}.check(t)
	wantCall(t, c, "ok||tool_call|")
	wantUsage(t, c, llm.Usage{
		InputTokens: some(40), OutputTokens: some(20), CacheReadTokens: some(7), CacheWriteTokens: some(23),
		CacheWrite5mTokens: some(3), CacheWrite1hTokens: some(20), Source: llm.UsageReported,
	})
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "tool_call", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "hm"},
		{Type: llm.PartText, Content: "Hello"},
		{Type: llm.PartToolCall, ID: "t1", ToolName: "f", Arguments: `{"a":1}`},
	}})
	if c.ServiceTier != "priority" || c.Attributes["aws.bedrock.latency_seconds"] != 1.5 || c.Timeline.Chunks() != 11 || !c.Stream {
		t.Errorf("tier %q, attributes %v, %d chunks", c.ServiceTier, c.Attributes, c.Timeline.Chunks())
	}
}

func TestConverseStreamBreaks(t *testing.T) {
	flipped := []byte(converseEvents + converseEnd)
	flipped[len(converseEvents)+40] ^= 1 // in messageStop
	for name, tt := range map[string]struct{ body, want string }{
		"cut":          {converseEvents, "ok|||stream_cut"},
		"cut in frame": {converseEvents + converseEnd[:30], "ok|||stream_cut"},
		"no metadata":  {converseEvents + awsEvent("messageStop", `{"stopReason":"end_turn"}`), "ok||stop|stream_cut"},
		"bad checksum": {string(flipped), "ok|||crc_mismatch,stream_cut"},
		"throttled":    {converseEvents + awsException("throttlingException", `{"message":"slow down"}`), "error|throttlingException||"},
		"model error":  {converseEvents + awsException("modelStreamErrorException", `{"message":"m","originalStatusCode":500}`), "error|modelStreamErrorException||"},
	} {
		t.Run(name, func(t *testing.T) {
			c := exchange{rt: routeConverse, ctype: awsStream, body: tt.body}.check(t)
			wantCall(t, c, tt.want)
			wantUsage(t, c, llm.Usage{Source: llm.UsageUnknown})
			if len(c.Output) != 1 || len(c.Output[0].Parts) != 3 {
				t.Errorf("what came before is lost: %+v", c.Output)
			}
		})
	}
}

func TestConverseUnary(t *testing.T) {
	c := exchange{rt: routeConverse, ctype: "application/json", body: `{"output":{"message":{"role":"assistant","content":[{"reasoningContent":{"reasoningText":{"text":"hm","signature":"s"}}},{"text":"no"},{"toolUse":{"toolUseId":"t1","name":"f","input":{"a":1}}}]}},"stopReason":"guardrail_intervened","usage":{"inputTokens":1,"outputTokens":2,"cacheReadInputTokenCount":3}}`}.check(t)
	wantCall(t, c, "ok||content_filter|")
	wantUsage(t, c, llm.Usage{InputTokens: some(4), OutputTokens: some(2), CacheReadTokens: some(3), Source: llm.UsageReported})
	wantOutput(t, c, llm.Message{Role: "assistant", FinishReason: "content_filter", Parts: []llm.Part{
		{Type: llm.PartReasoning, Content: "hm"}, {Type: llm.PartText, Content: "no"}, {Type: llm.PartToolCall, ID: "t1", ToolName: "f", Arguments: `{"a":1}`},
	}})
}

func TestConverseRequest(t *testing.T) {
	c := request(routeConverse, `{"inferenceConfig":{"maxTokens":9,"stopSequences":["|"]},"system":[{"text":"s"},{"cachePoint":{"type":"default"}}],
	"guardrailConfig":{"guardrailIdentifier":"g1"},"toolConfig":{"tools":[{"toolSpec":{"name":"f"}}]},"requestMetadata":{"team":"a","session_id":"s1"},
	"messages":[{"role":"user","content":[{"image":{"format":"png","source":{"bytes":"AAAA"}}},{"video":{"format":"mp4","source":{"s3Location":{"uri":"s3://b/v"}}}},{"guardContent":{"text":{"text":"q"}}}]},
	 {"role":"user","content":[{"toolResult":{"toolUseId":"t1","content":[{"json":{"a":1}}]}}]}]}`)
	wantInput(t, c, llm.Text("system", "s"),
		llm.Message{Role: "user", Parts: []llm.Part{
			{Type: llm.PartBlob, Modality: "image", MIMEType: "image/png", Data: "AAAA"},
			{Type: llm.PartURI, Modality: "video", MIMEType: "video/mp4", URI: "s3://b/v"},
			{Type: llm.PartText, Content: "q"},
		}},
		llm.Message{Role: "tool", Parts: []llm.Part{{Type: llm.PartToolCallResponse, ID: "t1", Response: []byte(`[{"json":{"a":1}}]`)}}})
	if c.RequestModel != "us.anthropic.claude-x-v1:0" || c.Tags["team"] != "a" || c.Session != "s1" || c.Attributes["aws.bedrock.guardrail.id"] != "g1" {
		t.Errorf("model %q, tags %v, session %q, attributes %v", c.RequestModel, c.Tags, c.Session, c.Attributes)
	}
	if d := cmp.Diff(map[string]any{"max_tokens": 9.0, "stop_sequences": []any{"|"}}, c.Params); d != "" {
		t.Errorf("params (-want +got):\n%s", d)
	}
}

const invokeMetrics = `"amazon-bedrock-invocationMetrics":{"inputTokenCount":13,"outputTokenCount":114,"invocationLatency":879,"firstByteLatency":184}`

// TestInvoke has one answer of each family of models, unary and streamed.
func TestInvoke(t *testing.T) {
	counted := http.Header{"X-Amzn-Bedrock-Input-Token-Count": {"5"}, "X-Amzn-Bedrock-Output-Token-Count": {"6"}, "X-Amzn-Bedrock-Cache-Read-Input-Token-Count": {"100"}}
	u := func(in, out int64) llm.Usage {
		return llm.Usage{InputTokens: some(in), OutputTokens: some(out), Source: llm.UsageReported}
	}
	for name, tt := range map[string]struct {
		header http.Header
		body   string // unary
		events []string
		call   string
		usage  llm.Usage
		text   string
	}{
		"titan":             {nil, `{"inputTextTokenCount":28.0,"results":[{"tokenCount":197.0,"outputText":"hi","completionReason":"FINISH"}]}`, nil, "ok||stop|", u(28, 197), "hi"},
		"titan stream":      {nil, "", []string{`{"outputText":"h","index":0,"totalOutputTextTokenCount":null,"completionReason":null,"inputTextTokenCount":13}`, `{"outputText":"i","index":0,"totalOutputTextTokenCount":100,"completionReason":"LENGTH","inputTextTokenCount":13,` + invokeMetrics + `}`}, "ok||length|", u(13, 100), "hi"},
		"llama":             {nil, `{"generation":"hi","prompt_token_count":6,"generation_token_count":18,"stop_reason":"length"}`, nil, "ok||length|", u(6, 18), "hi"},
		"llama stream":      {nil, "", []string{`{"generation":"h","prompt_token_count":23,"generation_token_count":1,"stop_reason":null}`, `{"generation":"i","prompt_token_count":null,"generation_token_count":2,"stop_reason":"stop",` + invokeMetrics + `}`}, "ok||stop|", u(23, 2), "hi"},
		"mistral":           {counted, `{"outputs":[{"text":"hi","stop_reason":"length"}]}`, nil, "ok||length|", llm.Usage{InputTokens: some(105), OutputTokens: some(6), CacheReadTokens: some(100), Source: llm.UsageReported}, "hi"},
		"mistral stream":    {nil, "", []string{`{"outputs":[{"text":"h","stop_reason":null}]}`, `{"outputs":[{"text":"i","stop_reason":"stop"}],` + invokeMetrics + `}`}, "ok||stop|", u(13, 114), "hi"},
		"jamba":             {nil, `{"id":"c","choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":16,"completion_tokens":19,"total_tokens":35},"model":"jamba"}`, nil, "ok||stop|", u(16, 19), "hi"},
		"jurassic":          {counted, `{"id":1234,"prompt":{"text":"p"},"completions":[{"data":{"text":"hi"},"finishReason":{"reason":"endoftext"}}]}`, nil, "ok||stop|", llm.Usage{InputTokens: some(105), OutputTokens: some(6), CacheReadTokens: some(100), Source: llm.UsageReported}, "hi"},
		"deepseek":          {nil, `{"choices":[{"text":"hi","stop_reason":"stop"}]}`, nil, "ok||stop|", llm.Usage{Source: llm.UsageUnknown}, "hi"},
		"mistral chat":      {nil, `{"choices":[{"index":0,"message":{"role":"assistant","content":"hi","tool_calls":[{"id":"t","function":{"name":"f","arguments":"{}"}}]},"stop_reason":"tool_calls"}]}`, nil, "ok||tool_call|", llm.Usage{Source: llm.UsageUnknown}, "hi"},
		"nova":              {nil, `{"output":{"message":{"content":[{"text":"hi"}],"role":"assistant"}},"stopReason":"end_turn","usage":{"inputTokens":13,"outputTokens":3,"totalTokens":16}}`, nil, "ok||stop|", u(13, 3), "hi"},
		"nova stream":       {nil, "", []string{`{"messageStart":{"role":"assistant"}}`, `{"contentBlockDelta":{"delta":{"text":"hi"},"contentBlockIndex":0}}`, `{"messageStop":{"stopReason":"end_turn"}}`, `{"metadata":{"usage":{"inputTokens":13,"outputTokens":114}},` + invokeMetrics + `}`}, "ok||stop|", u(13, 114), "hi"},
		"command":           {nil, `{"id":"i","generations":[{"id":"g","text":"hi","finish_reason":"MAX_TOKENS"}],"prompt":"p"}`, nil, "ok||length|", llm.Usage{Source: llm.UsageUnknown}, "hi"},
		"command-r stream":  {nil, "", []string{`{"is_finished":false,"event_type":"text-generation","text":"hi"}`, `{"is_finished":true,"event_type":"stream-end","finish_reason":"COMPLETE","response":{"response_id":"r","text":"hi"},` + invokeMetrics + `}`}, "ok||stop|", u(13, 114), "hi"},
		"claude":            {counted, `{"type":"message","id":"msg","model":"claude-x","role":"assistant","content":[{"type":"text","text":"hi"}],"stop_reason":"end_turn","usage":{"input_tokens":4,"cache_read_input_tokens":18131,"cache_creation_input_tokens":0,"output_tokens":50}}`, nil, "ok||stop|", llm.Usage{InputTokens: some(18135), OutputTokens: some(50), CacheReadTokens: some(18131), CacheWriteTokens: some(0), Source: llm.UsageReported}, "hi"},
		"claude stream":     {nil, "", []string{`{"type":"message_start","message":{"id":"msg","model":"claude-x","usage":{"input_tokens":12,"output_tokens":2}}}`, `{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"hi"}}`, `{"type":"message_delta","delta":{"stop_reason":"max_tokens"},"usage":{"output_tokens":100}}`, `{"type":"message_stop",` + invokeMetrics + `}`}, "ok||length|", u(12, 100), "hi"},
		"claude 2 stream":   {nil, "", []string{`{"completion":"h","stop_reason":null,"stop":null}`, `{"completion":"i","stop_reason":"stop_sequence","stop":"\n\nHuman:",` + invokeMetrics + `}`}, "ok||stop|", u(13, 114), "hi"},
		"blocked stream":    {nil, "", []string{`{"outputText":"no","index":0.0,"totalOutputTextTokenCount":3.0,"inputTextTokenCount":6.0,"amazon-bedrock-guardrailAction":"INTERVENED","amazon-bedrock-trace":{}}`}, "ok||content_filter|", u(6, 3), "no"},
		"cut stream":        {nil, "", []string{`{"outputText":"h","index":0}`}, "ok|||stream_cut", llm.Usage{Source: llm.UsageUnknown}, "h"},
		"bytes in the text": {nil, "", []string{`{"outputs":[{"text":"\"bytes\":\"AAAA\"","stop_reason":"stop"}],` + invokeMetrics + `}`}, "ok||stop|", u(13, 114), `"bytes":"AAAA"`},
	} {
		t.Run(name, func(t *testing.T) {
			x := exchange{rt: routeInvoke, ctype: "application/json", header: tt.header, body: tt.body}
			for _, e := range tt.events {
				x.ctype = awsStream
				x.body += awsChunk(e)
			}
			c := x.check(t)
			wantCall(t, c, tt.call)
			wantUsage(t, c, tt.usage)
			if got := outputText(c); got != tt.text {
				t.Errorf("text %q", got)
			}
		})
	}
}

// TestInvokePayload has frames whose members stand in another order, and ones
// that cannot be read.
func TestInvokePayload(t *testing.T) {
	const hi = "eyJvdXRwdXRUZXh0IjoiaGkiLCJpbmRleCI6MCwiY29tcGxldGlvblJlYXNvbiI6IkZJTklTSCJ9" // {"outputText":"hi","index":0,"completionReason":"FINISH"}
	for name, tt := range map[string]struct{ frame, call, text string }{
		"padding first": {`{"p":"abc","bytes":"` + hi + `"}`, "ok||stop|stream_cut", "hi"},
		"spaces":        {`{ "bytes": "` + hi + `" }`, "ok||stop|stream_cut", "hi"},
		"bare payload":  {`{"outputText":"hi \"bytes\": x","index":0}`, "ok|||stream_cut", `hi "bytes": x`},
		"not base64":    {`{"bytes":"!!!"}`, "ok|||malformed_response,stream_cut", ""},
		"not a string":  {`{"bytes":7}`, "ok|||malformed_response,stream_cut", ""},
		"cut":           {`{"bytes":"` + hi, "ok|||malformed_response,stream_cut", ""},
		"not json":      {`{"bytes":"AAAA"}`, "ok|||malformed_response,stream_cut", ""},
	} {
		t.Run(name, func(t *testing.T) {
			c := exchange{rt: routeInvoke, ctype: awsStream, body: awsEvent("chunk", tt.frame)}.check(t)
			wantCall(t, c, tt.call)
			if got := outputText(c); got != tt.text {
				t.Errorf("text %q", got)
			}
		})
	}
}

func TestInvokeVectorsAndImages(t *testing.T) {
	rt := Route{Dialect: Bedrock, API: apiInvoke, Operation: llm.OpEmbeddings, Model: "amazon.titan-embed-text-v2:0"}
	c := exchange{rt: rt, ctype: "application/json", body: `{"embedding":[0.1,0.2],"inputTextTokenCount":8}`}.check(t)
	wantUsage(t, c, llm.Usage{InputTokens: some(8), OutputTokens: some(0), Source: llm.UsageReported})
	rt.Operation = llm.OpImage
	c = exchange{rt: rt, ctype: "application/json", body: `{"images":["AAAA","BBBB"]}`}.check(t)
	wantUsage(t, c, llm.Usage{Images: some(2), Source: llm.UsageUnknown})
}

func TestInvokeRequests(t *testing.T) {
	for body, want := range map[string]struct {
		max  any
		text string
	}{
		`{"anthropic_version":"bedrock-2023-05-31","max_tokens":7,"messages":[{"role":"user","content":"hi"}]}`: {7.0, "hi"},

		`{"inputText":"hi","textGenerationConfig":{"maxTokenCount":7}}`: {7.0, "hi"},
		`{"prompt":"hi","max_gen_len":7}`:                               {7.0, "hi"},
		`{"prompt":"hi","maxTokens":7}`:                                 {7.0, "hi"},

		`{"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"max_new_tokens":7}}`: {7.0, "hi"},

		`{"message":"hi","max_tokens":7}`:                              {7.0, "hi"},
		`{"texts":["hi"],"input_type":"search_document"}`:              {nil, "hi"},
		`{"textToImageParams":{"text":"hi"},"taskType":"TEXT_IMAGE"}`:  {nil, "hi"},
		`{"messages":[{"role":"user","content":"hi"}],"max_tokens":7}`: {7.0, "hi"},
	} {
		c := request(routeInvoke, body)
		if len(c.Input) != 1 || c.Input[0].Role != "user" || len(c.Input[0].Parts) != 1 || c.Input[0].Parts[0].Content != want.text || c.Params["max_tokens"] != want.max || c.RequestModel != "any.model-v1" {
			t.Errorf("%s: %+v, params %v, model %q", body, c.Input, c.Params, c.RequestModel)
		}
	}
}

func TestBedrockErrors(t *testing.T) {
	for name, tt := range map[string]struct {
		x    exchange
		want string
	}{
		"header":    {exchange{status: 400, header: http.Header{"X-Amzn-Errortype": {"ValidationException:http://internal.example/"}}, body: `{"message":"bad"}`}, "error|ValidationException||"},
		"body type": {exchange{status: 429, body: `{"__type":"com.amazon.coral.service#ThrottlingException","Message":"slow"}`}, "error|ThrottlingException||"},
		"neither":   {exchange{status: 503, body: `{"message":"busy"}`}, "error|overloaded||"},
	} {
		t.Run(name, func(t *testing.T) {
			tt.x.rt, tt.x.ctype = routeInvoke, "application/json"
			c := tt.x.check(t)
			wantCall(t, c, tt.want)
			if c.ErrorMessage == "" {
				t.Error("no message")
			}
		})
	}
}
