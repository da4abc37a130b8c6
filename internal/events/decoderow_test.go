package events

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

// longRecords have content that goes into rows of its own.
func longRecords() []llm.Record {
	c := fullCall()
	c.Input = append(c.Input, llm.Text("user", strings.Repeat("a line of 日本 \"text\"\n", 60_000)))
	c.Output = []llm.Message{llm.Text("assistant", strings.Repeat("x", 900_000))}
	s := fullSpan()
	s.Input = strings.Repeat("in\tput ", 100_000)
	l := fullLog()
	l.Message = strings.Repeat("it broke\n", 100_000)
	return []llm.Record{{Call: c}, {Span: s}, {Log: l}}
}

func TestDecodeRowGivesBackTheRecord(t *testing.T) {
	recs := append(longRecords(), llm.Record{Call: fullCall()}, llm.Record{Span: fullSpan()}, llm.Record{Log: fullLog()},
		llm.Record{Call: &llm.Call{ID: "bare", Time: fullCall().Time}}, llm.Record{Log: &llm.Log{ID: "bare", Time: fullCall().Time}})
	for _, r := range recs {
		b, err := AppendRow(nil, r)
		if err != nil {
			t.Fatal(err)
		}
		got, err := DecodeRow(b)
		if err != nil {
			t.Fatal(err)
		}
		// roundTrip goes the engine's way: the two must not differ.
		if diff := cmp.Diff(roundTrip(t, r), got, cmp.AllowUnexported(llm.Timeline{}, llm.Opt[int64]{}), optsOfCall()); diff != "" {
			t.Errorf("(-by the engine +by DecodeRow)\n%.4000s", diff)
		}
		again, err := AppendRow(nil, got)
		if err != nil {
			t.Fatal(err)
		}
		if len(again) != len(b) {
			t.Errorf("encoded again the record has %d bytes, want %d", len(again), len(b))
		}
	}
}

// optsOfCall compares what has unexported fields by its JSON form.
func optsOfCall() cmp.Option {
	return cmp.Transformer("json", func(c *llm.Call) string {
		if c == nil {
			return ""
		}
		b, err := c.MarshalJSON()
		if err != nil {
			return err.Error()
		}
		return string(b)
	})
}

func TestDecodeRowRefusesWhatIsNoRow(t *testing.T) {
	good, err := AppendRow(nil, llm.Record{Log: fullLog()})
	if err != nil {
		t.Fatal(err)
	}
	long, err := AppendRow(nil, longRecords()[2])
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range map[string][]byte{
		"nothing":             nil,
		"no object":           []byte("[]\n"),
		"cut":                 good[:len(good)/2],
		"two records":         append(bytes.Clone(good), good...),
		"content alone":       long[:bytes.LastIndexByte(long[:len(long)-1], '\n')+1],
		"unknown kind":        []byte(`{"id":"a","kind":"other"}`),
		"no time":             []byte(`{"id":"a","kind":"log"}`),
		"nested":              []byte(`{"id":"a","kind":"log","x":{"y":1}}`),
		"what follows":        append(bytes.TrimSuffix(bytes.Clone(good), []byte("\n")), 'x'),
		"a part of no number": []byte(`{"id":"a","kind":"content","part":"x"}`),
	} {
		if r, err := DecodeRow(b); err == nil {
			t.Errorf("%s: no error but %+v", name, r)
		}
	}
}

func TestParseTextReadsWhatParseStringReads(t *testing.T) {
	for _, in := range []string{
		`"plain",1`, `""`, `"a\nb\tc\rd\"e\\f\/g"}`, `"\u0001x"`, `"a\u00e9\ud83d\ude00"z`, `"日本\n語"`, `"\b\f"`,
		``, `x`, `"`, `"a`, `"a\`, `"a\n`, `"a\n\`, `"\q"`, `"\n\q"`,
	} {
		want, wantRest, wantErr := parseString([]byte(in))
		got, rest, err := parseText([]byte(in))
		if got != want || !bytes.Equal(rest, wantRest) || (err == nil) != (wantErr == nil) {
			t.Errorf("%s: %q, %q, %v; want %q, %q, %v", in, got, rest, err, want, wantRest, wantErr)
		}
	}
}

func FuzzDecodeRow(f *testing.F) {
	for _, r := range []llm.Record{{Call: fullCall()}, {Span: fullSpan()}, {Log: fullLog()}} {
		b, err := AppendRow(nil, r)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"id":"a.x.0","kind":"content","call_id":"a","field":"input","part":0,"text":"x"}` + "\n" + `{"id":"a","_time":"2026-01-01T00:00:00Z","kind":"span","content_apart":"[\"input\"]"}` + "\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := DecodeRow(b)
		if err != nil {
			return
		}
		if _, err := AppendRow(nil, r); err != nil {
			t.Skip("larger than a row") // attributes may be beyond what a row holds
		}
	})
}

func BenchmarkDecodeRow(b *testing.B) {
	c := fullCall()
	c.Input = []llm.Message{llm.Text("user", strings.Repeat("some words of a prompt ", 50))}
	for name, r := range map[string]llm.Record{"call": {Call: c}, "span": {Span: fullSpan()}, "log": {Log: fullLog()}} {
		rows, err := AppendRow(nil, r)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(len(rows)))
			for b.Loop() {
				if _, err := DecodeRow(rows); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
