package quality

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

const person = `{"type":"object","required":["name","age"],"additionalProperties":false,"properties":{"name":{"type":"string"},"age":{"type":"integer","minimum":0}}}`

func params(t *testing.T, text string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestJSONOfEveryDialect(t *testing.T) {
	r := rulesOf(t)
	f := func(name, request, answer, label string, judged bool) {
		t.Helper()
		c := chat("?", answer)
		c.Params = params(t, request)
		for _, call := range []*llm.Call{c, snapshot(c, false)} {
			j, ok := find(r.Evaluate(call), "json")
			if ok != judged || j.Label != label {
				t.Errorf("%s: %s: %+v, judged %v", name, answer, j, ok)
			}
			if strings.Contains(j.Explanation, "secret") {
				t.Errorf("%s: the explanation repeats the answer: %s", name, j.Explanation)
			}
		}
	}
	text, err := json.Marshal(person)
	if err != nil {
		t.Fatal(err)
	}
	for name, request := range map[string]string{
		"openai":             `{"response_format":{"type":"json_schema","json_schema":{"name":"p","strict":true,"schema":` + person + `}}}`,
		"openai responses":   `{"text":{"format":{"type":"json_schema","name":"p","schema":` + person + `}}}`,
		"anthropic":          `{"output_format":{"type":"json_schema","schema":` + person + `}}`,
		"anthropic config":   `{"output_config":{"format":{"type":"json_schema","schema":` + person + `}}}`,
		"gemini":             `{"response_mime_type":"application/json","response_schema":` + strings.NewReplacer(`"object"`, `"OBJECT"`, `"string"`, `"STRING"`, `"integer"`, `"INTEGER"`).Replace(person) + `}`,
		"ollama":             `{"format":` + person + `}`,
		"cohere":             `{"response_format":{"type":"json_object","schema":` + person + `}}`,
		"vllm":               `{"guided_json":` + person + `}`,
		"telemetry, as text": `{"response_format":"{\"type\":\"json_schema\",\"json_schema\":{\"schema\":` + strings.Trim(string(text), `"`) + `}}"}`,
	} {
		f(name, request, `{"name":"Ann","age":3}`, "", true)
		f(name, request, ` {"name":"Ann","age":3}`+"\n", "", true)
		f(name, request, `{"name":"secret","age":"x"}`, "schema_mismatch", true)
		f(name, request, `{"name":"secret","age":-1}`, "schema_mismatch", true)
		f(name, request, `{"name":"secret"}`, "schema_mismatch", true)
		f(name, request, `{"name":"secret","age":1,"secret":2}`, "schema_mismatch", true)
		f(name, request, "```json\n{\"name\":\"secret\",\"age\":3}\n```", "invalid_json", true)
		f(name, request, `Here it is: {"name":"secret","age":3}`, "invalid_json", true)
		f(name, request, `{"name":"secret","age":3`, "invalid_json", true)
	}
	for name, request := range map[string]string{
		"openai": `{"response_format":{"type":"json_object"}}`, "ollama": `{"format":"json"}`, "gemini": `{"response_mime_type":"application/json"}`,
	} {
		f(name, request, `[1,2]`, "", true)
		f(name, request, `yes`, "invalid_json", true)
	}
	for name, request := range map[string]string{
		"text": `{"response_format":{"type":"text"}}`, "none": `{"temperature":1}`, "image": `{"output_format":"png"}`, "speech": `{"response_format":"mp3"}`, "responses": `{"text":{"format":{"type":"text"}}}`,
	} {
		f(name, request, `yes`, "", false)
	}
	for name, request := range map[string]string{
		"broken schema":     `{"format":{"type":5,"properties":[]}}`,
		"reference outside": `{"format":{"$ref":"https://example.invalid/schema.json"}}`,
		"file":              `{"format":{"$ref":"file:///etc/passwd"}}`,
		"wrong pattern":     `{"format":{"pattern":"(?<=x)y"}}`,
	} {
		f(name, request, `{"a":1}`, "", true) // JSON it is: more cannot be said
		f(name, request, `{`, "invalid_json", true)
	}
	f("recursive", `{"format":{"type":"object","properties":{"next":{"$ref":"#"}}}}`, `{"next":{"next":{"next":5}}}`, "schema_mismatch", true)
	f("nullable", `{"response_schema":{"type":"STRING","nullable":true}}`, `null`, "", true)
	f("draft 7", `{"format":{"$schema":"http://json-schema.org/draft-07/schema#","type":"array","items":{"type":"number"}}}`, `["secret"]`, "schema_mismatch", true)
}

func TestJSONIsNotJudgedOfHalfAnAnswer(t *testing.T) {
	r := rulesOf(t)
	f := func(name string, judged bool, change func(*llm.Call)) {
		t.Helper()
		c := chat("?", `{"a":`)
		c.Params = map[string]any{"format": "json"}
		change(c)
		if _, ok := find(r.Evaluate(c), "json"); ok != judged {
			t.Errorf("%s: judged %v", name, ok)
		}
	}
	f("whole", true, func(*llm.Call) {})
	f("cut by us", false, func(c *llm.Call) { c.MarkTruncated("output") })
	f("cut part", false, func(c *llm.Call) { c.Output[0].Parts[0].TruncatedChars = 5 })
	f("cut stream", false, func(c *llm.Call) { c.Note("stream_cut") })
	f("a tool instead", false, func(c *llm.Call) { c.Output[0].Parts = []llm.Part{{Type: llm.PartToolCall, ToolName: "f"}} })
	f("a refusal instead", false, func(c *llm.Call) { c.Output[0].Parts = []llm.Part{{Type: llm.PartRefusal, Content: "no"}} })
}

func TestSchemaIsCopied(t *testing.T) {
	c := chat("?", `{}`)
	schema := map[string]any{"type": "object", "required": []any{"a"}}
	c.Params = map[string]any{"format": schema}
	s := snapshot(c, false)
	schema["required"].([]any)[0] = "[MASKED]"
	delete(schema, "type")
	f, ok := expectedFormat(s.Params)
	if m, _ := f.schema.(map[string]any); !ok || m["type"] != "object" || m["required"].([]any)[0] != "a" {
		t.Errorf("the snapshot shares the schema: %v", f)
	}
	deep := map[string]any{}
	for m, i := deep, 0; i < 2*maxFormatNodes; i++ {
		next := map[string]any{}
		m["properties"] = next
		m = next
	}
	c.Params = map[string]any{"format": deep}
	if f, ok := expectedFormat(snapshot(c, false).Params); !ok || f.schema != nil {
		t.Error("a schema without end is copied")
	}
}

func TestToolArguments(t *testing.T) {
	r := rulesOf(t)
	f := func(name, tools, tool, args, label string, judged bool) {
		t.Helper()
		c := chat("?", "")
		c.Tools = json.RawMessage(tools)
		c.Output[0].Parts = []llm.Part{{Type: llm.PartToolCall, ToolName: tool, Arguments: args}}
		for _, call := range []*llm.Call{c, snapshot(c, false)} {
			j, ok := find(r.Evaluate(call), "tool_arguments")
			if ok != judged || j.Label != label {
				t.Errorf("%s: %s(%s): %+v, judged %v", name, tool, args, j, ok)
			}
		}
	}
	for name, tools := range map[string]string{
		"openai":    `[{"type":"function","function":{"name":"add","parameters":` + person + `}}]`,
		"responses": `[{"type":"function","name":"add","parameters":` + person + `}]`,
		"functions": `[{"name":"add","parameters":` + person + `}]`,
		"anthropic": `[{"name":"add","input_schema":` + person + `}]`,
		"bedrock":   `[{"toolSpec":{"name":"add","inputSchema":{"json":` + person + `}}}]`,
		"gemini":    `[{"functionDeclarations":[{"name":"add","parameters":` + strings.ReplaceAll(person, `"object"`, `"OBJECT"`) + `}]}]`,
	} {
		f(name, tools, "add", `{"name":"x","age":1}`, "", true)
		f(name, tools, "add", `{"name":"x","age":"1"}`, "schema_mismatch", true)
		f(name, tools, "add", ``, "schema_mismatch", true)
		f(name, tools, "add", `{"name":`, "invalid_json", true)
		f(name, tools, "remove", `{}`, "unknown_tool", true)
	}
	f("no schema", `[{"name":"ping"}]`, "ping", "", "", true)
	f("hosted", `[{"type":"web_search"},{"type":"function","name":"add"}]`, "web_search", "{}", "", false)
	f("no tools", ``, "add", "{}", "", false)
	f("broken", `{"x":1}`, "add", "{}", "", false)
}

func TestSchemasAreForgotten(t *testing.T) {
	var s schemas
	for i := range 2 * maxSchemas {
		if s.get(map[string]any{"minimum": i}) == nil {
			t.Fatal(i)
		}
	}
	if len(s.m) != maxSchemas || len(s.order) != maxSchemas {
		t.Errorf("%d schemas are kept, %d in order", len(s.m), len(s.order))
	}
}
