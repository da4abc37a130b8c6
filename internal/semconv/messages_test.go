package semconv

import (
	"encoding/json"
	"testing"
)

func TestReadMessages(t *testing.T) {
	sc := New(Options{}).newScratch()
	f := func(name, role, in, want string) {
		t.Helper()
		got, err := json.Marshal(sc.readMessages(in, role))
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, want)
		}
	}
	const hi = `[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`
	const hello = `[{"role":"assistant","parts":[{"type":"text","content":"hello"}],"finish_reason":"stop"}]`
	f("text", "user", `hi`, hi)
	f("text in quotes", "user", `"hi"`, hi)
	f("OpenTelemetry", "user", `[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`, hi)
	f("OpenAI", "user", `[{"role":"user","content":"hi"}]`, hi)
	f("OpenAI request", "user", `{"model":"m","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`, hi)
	f("OpenAI answer", "assistant", `{"choices":[{"message":{"role":"assistant","content":"hello"},"finish_reason":"stop"}]}`, hello)
	f("OpenAI completion", "assistant", `{"choices":[{"index":0,"text":"hello","finish_reason":"stop"}]}`, hello)
	f("Anthropic answer", "assistant", `{"role":"assistant","content":[{"type":"text","text":"hello"}],"stop_reason":"end_turn"}`, hello)
	f("Gemini request", "user", `{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}`, hi)
	f("Gemini answer", "assistant", `{"candidates":[{"content":{"role":"model","parts":[{"text":"hello"}]},"finishReason":"STOP"}]}`, hello)
	f("Bedrock tool", "assistant", `[{"role":"assistant","content":[{"toolUse":{"toolUseId":"1","name":"t","input":{"a":1}}}]}]`,
		`[{"role":"assistant","parts":[{"type":"tool_call","id":"1","name":"t","arguments":"{\"a\":1}"}]}]`)
	f("Vercel", "user", `{"messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}`, hi)
	f("Vercel prompt", "user", `{"system":"Be brief.","prompt":"hi"}`,
		`[{"role":"system","parts":[{"type":"text","content":"Be brief."}]},{"role":"user","parts":[{"type":"text","content":"hi"}]}]`)
	f("Vercel tool result", "user", `[{"role":"tool","content":[{"type":"tool-result","toolCallId":"1","toolName":"t","output":{"type":"text","value":"ok"}}]}]`,
		`[{"role":"tool","parts":[{"type":"tool_call_response","id":"1","name":"t","response":{"type":"text","value":"ok"}}]}]`)
	f("LangChain", "user", `{"messages":[[{"lc":1,"id":["langchain","HumanMessage"],"kwargs":{"content":"hi"}}]]}`, hi)
	f("LangChain types", "user", `[{"type":"human","content":"hi"}]`, hi)
	f("responses input", "user", `[{"role":"user","content":[{"type":"input_text","text":"hi"}]},{"type":"function_call","call_id":"1","name":"t","arguments":"{}"},{"type":"function_call_output","call_id":"1","output":"ok"}]`,
		`[{"role":"user","parts":[{"type":"text","content":"hi"}]},{"role":"assistant","parts":[{"type":"tool_call","id":"1","name":"t","arguments":"{}"}]},{"role":"tool","parts":[{"type":"tool_call_response","id":"1","response":"ok"}]}]`)
	f("parts without a message", "system", `[{"type":"text","content":"Be brief."}]`, `[{"role":"system","parts":[{"type":"text","content":"Be brief."}]}]`)
	f("texts", "user", `["a","b"]`, `[{"role":"user","parts":[{"type":"text","content":"a"},{"type":"text","content":"b"}]}]`)
	f("reasoning and refusal", "assistant", `[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"}],"refusal":"no"}]`,
		`[{"role":"assistant","parts":[{"type":"reasoning","content":"hm"},{"type":"refusal","content":"no"}]}]`)
	f("media", "user", `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}},{"type":"input_audio","input_audio":{"format":"wav","data":"BBBB"}},{"type":"uri","modality":"image","uri":"https://example.org/a"}]}]`,
		`[{"role":"user","parts":[{"type":"blob","modality":"image","mime_type":"image/png","data":"AAAA"},{"type":"blob","modality":"audio","mime_type":"audio/wav","data":"BBBB"},{"type":"uri","modality":"image","uri":"https://example.org/a"}]}]`)
	f("a decorated function", "user", `{"args":[],"kwargs":{"messages":[{"role":"user","content":"hi"}]}}`, hi)
	f("unknown object", "user", `{"city":"Lisbon"}`, `[{"role":"user","parts":[{"type":"text","content":"{\"city\":\"Lisbon\"}"}]}]`)
	f("unknown part", "user", `[{"role":"user","parts":[{"type":"hologram","x":1}]}]`, `[{"role":"user","parts":[{"type":"other","response":{"type":"hologram","x":1}}]}]`)
	f("tokens", "user", `{"input":[1,2,3]}`, `null`)
	f("empty", "user", `[]`, `null`)
	f("cut", "user", `[{"role":"us`, `[{"role":"user","parts":[{"type":"text","content":"[{\"role\":\"us"}]}]`)
	f("image answer", "assistant", `{"data":[{"url":"https://example.org/i.png"}]}`, `[{"role":"assistant","parts":[{"type":"uri","modality":"image","uri":"https://example.org/i.png"}]}]`)
}

func TestJSONOfPython(t *testing.T) {
	got := jsonOfPython(`{'a': 1, 'b': None, 'c': {'d': True, "e": 'it"s'}, 'f': [False, 2.5]}`)
	if want := `{"a": 1, "b": null, "c": {"d": true, "e": "it\"s"}, "f": [false, 2.5]}`; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}
