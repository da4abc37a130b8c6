package forward

import (
	"bytes"
	"encoding/json"
	"math"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

func documentOf(t testing.TB, r llm.Record, plain bool) (string, map[string]any) {
	t.Helper()
	it, _, ok := itemOf(r)
	if !ok {
		t.Fatal("an empty record")
	}
	it.plain = plain
	b := appendDocument(nil, &it)
	if n := bytes.IndexByte(b, '\n'); n != len(b)-1 {
		t.Fatalf("the document is not one line: %q", b)
	}
	var m map[string]any
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	return string(b), m
}

var update = testkit.GoldenFlag()

func TestDocuments(t *testing.T) {
	for name, r := range map[string]llm.Record{"call": testCall(1), "span": testSpan(2), "log": testLog(3)} {
		for form, plain := range map[string]bool{"": false, ".plain": true} {
			_, m := documentOf(t, r, plain)
			b, err := json.MarshalIndent(m, "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			testkit.Golden(t, *update, name+form+".json", append(b, '\n'))
		}
	}
}

func TestADocumentTakesWhateverASenderSent(t *testing.T) {
	odd := map[string]any{
		"": "no name", ".a": 1.0, "b.": 1.0, "quote\"": "x\x00\x1f\xff", "nan": math.NaN(), "inf": math.Inf(1), "nil": nil, "int": int64(7),
		"mixed": []any{1.0, "x"}, "same": []any{"x", "y"}, "deep": map[string]any{"a": []any{map[string]any{"b": 1.0}}}, "bools": []any{true, false}, "empty": []any{},
		"id": "theirs", "message": "theirs", "_id": "theirs", "level": 3.0,
	}
	_, m := documentOf(t, llm.Record{Log: &llm.Log{ID: "mine", Time: testTime, Message: "m", Attributes: odd}}, false)
	want := map[string]any{
		"@timestamp": "2026-11-21T10:00:00.123456789Z", "id": "mine", "kind": "log", "message": "m",
		"quote\"": "x\x00\x1f\uFFFD", "int": 7.0, "mixed": `[1,"x"]`, "same": []any{"x", "y"}, "deep": `{"a":[{"b":1}]}`, "bools": []any{true, false}, "empty": []any{},
		"attributes": map[string]any{"id": "theirs", "message": "theirs", "_id": "theirs", "level": 3.0},
	}
	if diff := cmp.Diff(want, m); diff != "" {
		t.Error(diff)
	}
}

func FuzzDocument(f *testing.F) {
	f.Add("message", "name", "value", 1.5)
	f.Add("\xff\n\"", "a.b", "\u2028", math.Inf(-1))
	f.Fuzz(func(t *testing.T, message, name, value string, number float64) {
		for _, r := range []llm.Record{
			{Log: &llm.Log{ID: name, Time: testTime, Message: message, Attributes: map[string]any{name: value, value: number, message: []any{value, number}}}},
			{Call: &llm.Call{ID: name, Time: testTime, User: value, Params: map[string]any{name: number}, Tags: map[string]string{name: value}, Input: []llm.Message{llm.Text(name, message)}}},
		} {
			documentOf(t, r, false)
			documentOf(t, r, true)
		}
	})
}

// FuzzReadBulk has answers of a server that is not what it should be.
func FuzzReadBulk(f *testing.F) {
	f.Add([]byte(`{"errors":true,"items":[{"create":{"status":429,"error":{"type":"a","reason":"b"}}},{"create":{"status":201}}]}`), "1")
	f.Add([]byte(`{"errors":true,"items":[{},{"create":{"status":-1,"error":"text"}}]}`), "")
	f.Fuzz(func(t *testing.T, b []byte, after string) {
		items := []*item{{id: "a"}, {id: "b"}}
		a := readBulk(items, b, http.Header{"Retry-After": {after}})
		if a.after < 0 || a.after > maxRetryAfter {
			t.Errorf("wait %v", a.after)
		}
		for _, it := range items {
			if it.fate == dropped && it.reason == "" {
				t.Error("dropped for no reason")
			}
		}
	})
}

func BenchmarkDocument(b *testing.B) {
	for name, r := range map[string]llm.Record{"call": testCall(1), "log": testLog(1)} {
		it, _, _ := itemOf(r)
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			var buf []byte
			for b.Loop() {
				buf = appendDocument(buf[:0], &it)
			}
			b.SetBytes(int64(len(buf)))
		})
	}
}
