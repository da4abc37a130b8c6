package redact

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// canaries are what must not be found in a record's JSON, assembled so that no
// line of this file is one.
func canaries() map[string]string {
	return map[string]string{
		KindSecrets: "sk-" + fakeKey(40),
		KindEmail:   "canary" + "@example.com",
		KindPhone:   "138" + "00138000",
		KindCard:    "4111 1111" + " 1111 1111",
		KindCNID:    "110105" + "19491231002X",
		KindIP:      "203.0." + "113.7",
	}
}

// plant fills every field of v that can hold text with text; it fails on a
// kind of field that it does not know, so that a new field is not forgotten.
func plant(t *testing.T, path string, v reflect.Value, text string) {
	t.Helper()
	quoted, err := json.Marshal(map[string]any{"note": text, "list": []string{text}, text: 1})
	if err != nil {
		t.Fatal(err)
	}
	switch x := v.Addr().Interface().(type) {
	case *json.RawMessage:
		*x = quoted
		return
	case *map[string]any:
		*x = map[string]any{
			"plain": text, text: "key", "nested": map[string]any{"a": []any{text, map[string]any{"b": text}}},
			"strings": []string{text}, "raw": json.RawMessage(quoted), "json": string(quoted),
			"odd": []map[string]string{{"x": text}}, "bytes": struct{ S string }{text},
		}
		return
	case *time.Time:
		return
	case *llm.Timeline:
		return
	case **llm.Call: // not encoded; TestAggregateIsMasked looks at it
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Struct:
		for i := range v.NumField() {
			// The tenant is the key's, never a sender's: the pipeline sets it.
			if f := v.Type().Field(i); f.IsExported() && f.Name != "Tenant" {
				plant(t, path+"."+v.Type().Field(i).Name, v.Field(i), text)
			}
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
		plant(t, path+"[]", v.Index(0), text)
	case reflect.Map:
		if v.Type() != reflect.TypeFor[map[string]string]() {
			t.Fatalf("%s: this test does not know %s: teach it, and the policy", path, v.Type())
		}
		v.Set(reflect.ValueOf(map[string]string{"k": text, text: "v"}))
	case reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
	default:
		t.Fatalf("%s: this test does not know %s: teach it, and the policy", path, v.Type())
	}
}

func planted(t *testing.T, text string) map[string]llm.Record {
	t.Helper()
	recs := map[string]llm.Record{
		"call": {Call: &llm.Call{}}, "span": {Span: &llm.Span{}}, "log": {Log: &llm.Log{}},
	}
	plant(t, "Call", reflect.ValueOf(recs["call"].Call).Elem(), text)
	plant(t, "Span", reflect.ValueOf(recs["span"].Span).Elem(), text)
	plant(t, "Log", reflect.ValueOf(recs["log"].Log).Elem(), text)
	return recs
}

func TestAggregateIsMasked(t *testing.T) {
	p := policyFor(t, ModeFull, KindSecrets)
	secret := "sk-" + strings.Repeat("x", 40)
	s := &llm.Span{Aggregate: &llm.Call{ErrorMessage: secret}}
	p.Span(s)
	if strings.Contains(s.Aggregate.ErrorMessage, secret) {
		t.Error("the call in a span is not masked")
	}
}

func encode(t testing.TB, r llm.Record) string {
	t.Helper()
	var b []byte
	var err error
	switch {
	case r.Call != nil:
		b, err = json.Marshal(r.Call)
	case r.Span != nil:
		b, err = json.Marshal(r.Span)
	default:
		b, err = json.Marshal(r.Log)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestCanaries(t *testing.T) {
	all := strings.Join(sortedValues(canaries()), " and ")
	for _, mode := range []Mode{ModeFull, ModeSummary, ModeMetrics} {
		p := policyFor(t, mode, "all")
		for name, rec := range planted(t, "canaries: "+all+".") {
			before := encode(t, rec)
			p.Record(&rec)
			after := encode(t, rec)
			for kind, c := range canaries() {
				if !strings.Contains(before, c) {
					t.Fatalf("%s: the canary %s was not planted", name, kind)
				}
				if i := strings.Index(after, c); i >= 0 {
					t.Errorf("%s, %s: %s survived: ...%s", name, mode, kind, after[max(0, i-80):i+len(c)])
				}
			}
			p.Record(&rec)
			if twice := encode(t, rec); twice != after {
				t.Errorf("%s, %s: a second pass changed\n%s\nto\n%s", name, mode, after, twice)
			}
		}
	}
}

// TestCanaryAlone plants a secret by itself, as in the field of an id.
func TestCanaryAlone(t *testing.T) {
	p := policyFor(t, ModeFull, KindSecrets)
	c := canaries()[KindSecrets]
	for name, rec := range planted(t, c) {
		p.Record(&rec)
		if out := encode(t, rec); strings.Contains(out, c) {
			t.Errorf("%s: the secret survived: %s", name, out)
		}
	}
}

// TestMetricsModeKeepsNoText plants words that no detector knows where content
// belongs.
func TestMetricsModeKeepsNoText(t *testing.T) {
	const word = "quetzalcoatl flies"
	p := policyFor(t, ModeMetrics)
	msgs := []llm.Message{llm.Text("user", word)}
	recs := []llm.Record{
		{Call: &llm.Call{
			ErrorMessage: word, Input: msgs, Output: msgs, Tools: json.RawMessage(`[{"name":"` + word + `"}]`),
			Params: map[string]any{
				"stop": []any{word}, "user": "ann", "instructions": word, "temperature": 0.5,
				"response_format": map[string]any{"type": "json_schema", "json_schema": map[string]any{"name": word}},
			},
			Attributes: contentAttributes(word),
		}},
		{Span: &llm.Span{
			ErrorMessage: word, Input: word, Output: word, Attributes: contentAttributes(word),
			Events: []llm.SpanEvent{{Name: "gen_ai.content.prompt", Attributes: contentAttributes(word)}},
		}},
		{Log: &llm.Log{Event: "gen_ai.user.message", Message: word, Attributes: contentAttributes(word)}},
	}
	for i := range recs {
		p.Record(&recs[i])
		if out := encode(t, recs[i]); strings.Contains(out, "quetzal") {
			t.Errorf("content survived: %s", out)
		}
	}
	if got := recs[0].Call.Params["temperature"]; got != 0.5 {
		t.Errorf("temperature: got %v", got)
	}
	if got := recs[0].Call.Attributes["gen_ai.usage.input_tokens"]; got != int64(12) {
		t.Errorf("a number was dropped: got %v", got)
	}
	if got := recs[0].Call.Attributes["gen_ai.prompt.name"]; got != "greeting" {
		t.Errorf("the name of the prompt was dropped: got %v", got)
	}
}

func contentAttributes(word string) map[string]any {
	m := map[string]any{"gen_ai.usage.input_tokens": int64(12), "gen_ai.prompt.name": "greeting", "long": strings.Repeat(word, 30)}
	for _, k := range []string{
		"gen_ai.input.messages", "gen_ai.output.messages", "gen_ai.system_instructions", "gen_ai.prompt.0.content",
		"gen_ai.completion.0.content", "gen_ai.tool.definitions", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result",
		"llm.input_messages.0.message.content", "llm.output_messages.1.message.content", "llm.prompts", "input.value", "output.value",
		"traceloop.entity.input", "traceloop.entity.output", "ai.prompt.messages", "ai.response.text", "ai.toolCall.args",
		"langfuse.observation.input", "mlflow.spanInputs", "pydantic_ai.all_messages", "tool_arguments", "final_result",
		"retrieval.documents.0.document.content", "exception.message", "exception.stacktrace", "body", "content", "db.query.text",
	} {
		m[k] = word
	}
	m["gen_ai.input.messages.structured"] = []any{map[string]any{"content": word}}
	return m
}

func sortedValues(m map[string]string) []string {
	var out []string
	for _, k := range Kinds() {
		out = append(out, m[k])
	}
	return out
}

// TestSharedMapsAreNotWritten runs a policy over two records that share their
// resource, as the spans of one OTLP batch do.
func TestSharedMapsAreNotWritten(t *testing.T) {
	p := policyFor(t, ModeFull, "all")
	secret := "sk-" + fakeKey(40)
	shared := map[string]any{"a": secret, "b": []any{secret}, "c": map[string]any{"d": secret}, "e": []string{secret}}
	want := fmt.Sprint(shared)
	snapshot := maps.Clone(shared)
	s1, s2 := &llm.Span{Resource: shared}, &llm.Span{Resource: shared}
	p.Span(s1)
	p.Span(s2)
	if got := fmt.Sprint(shared); got != want || len(snapshot) != len(shared) {
		t.Errorf("the shared map was written to: %s", got)
	}
	for _, s := range []*llm.Span{s1, s2} {
		if out := fmt.Sprint(s.Resource); strings.Contains(out, secret) {
			t.Errorf("the secret survived: %s", out)
		}
	}
}
