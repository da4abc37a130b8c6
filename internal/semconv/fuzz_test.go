package semconv

import (
	"encoding/json"
	"os"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// checkRecords makes sure that what came out can be stored.
func checkRecords(t *testing.T, res Result) {
	t.Helper()
	for _, r := range res.Records {
		set := 0
		for _, v := range []any{r.Call, r.Span, r.Log} {
			b, err := json.Marshal(v)
			if err != nil {
				t.Fatalf("cannot be encoded: %v", err)
			}
			if string(b) != "null" {
				set++
			}
		}
		if set != 1 {
			t.Fatalf("%d members of a record are set", set)
		}
	}
}

func FuzzTracesProto(f *testing.F) {
	for _, content := range []bool{true, false} {
		b, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(benchSpans(f, 1, content))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	n := testNormalizer()
	f.Fuzz(func(t *testing.T, b []byte) {
		if td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b); err == nil {
			checkRecords(t, n.Traces(td))
		}
	})
}

func FuzzTracesJSON(f *testing.F) {
	for _, name := range []string{"nexent_m3", "openllmetry_old", "otel_events", "genkit", "mlflow"} {
		f.Add(firstBody(f, "testdata/dialects/"+name+".json"))
	}
	n := testNormalizer()
	f.Fuzz(func(t *testing.T, b []byte) {
		if td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(b); err == nil {
			checkRecords(t, n.Traces(td))
		}
	})
}

func FuzzLogsJSON(f *testing.F) {
	for _, name := range []string{"codex_cli", "gemini_cli"} {
		f.Add(firstBody(f, "testdata/dialects/"+name+".json"))
	}
	n := testNormalizer()
	f.Fuzz(func(t *testing.T, b []byte) {
		if ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(b); err == nil {
			checkRecords(t, n.Logs(ld))
		}
	})
}

func firstBody(f *testing.F, name string) []byte {
	f.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		f.Fatal(err)
	}
	var e export
	for i, c := range b {
		if c == '\n' {
			b = b[:i]
			break
		}
	}
	if err := json.Unmarshal(b, &e); err != nil {
		f.Fatal(err)
	}
	return e.Body
}

func FuzzReadMessages(f *testing.F) {
	for _, s := range []string{
		`[{"role":"user","parts":[{"type":"text","content":"hi"}]}]`, `{"choices":[{"message":{"content":"x","tool_calls":[{"function":{}}]}}]}`,
		`{"contents":[{"parts":[{"functionCall":{"args":{}}}]}]}`, `[[{"kwargs":{"content":[{"type":"image","source":{}}]},"id":[]}]]`, `"\u0000`, `{"data":[{"url":1}]}`,
	} {
		f.Add(s, true)
	}
	n := testNormalizer()
	f.Fuzz(func(t *testing.T, s string, out bool) {
		role := "user"
		if out {
			role = "assistant"
		}
		if _, err := json.Marshal(n.newScratch().readMessages(s, role)); err != nil {
			t.Fatal(err)
		}
	})
}
