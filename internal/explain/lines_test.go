package explain

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

const line = `{"id":"01A","_time":"2026-11-20T10:42:00.5Z","kind":"call","weight":"4","tags.team":"a \"b\"","trace_id":"t1","provider":"openai","model":"gpt-4o",` +
	`"stream":"true","status":"error","error_type":"rate_limit_exceeded","http_status":"429","finish_reasons":"[\"length\",\"stop\"]","user":"",` +
	`"duration_seconds":"1.5","usage.input_tokens":"12","unknown":"x"}`

func TestDecodeLine(t *testing.T) {
	d := newLineDecoder()
	var r Row
	if err := d.decode([]byte(line), &r); err != nil {
		t.Fatal(err)
	}
	if r.ID != "01A" || r.TraceID != "t1" || r.Weight != 4 || r.Tally || !r.Time.Equal(time.Date(2026, 11, 20, 10, 42, 0, 5e8, time.UTC)) {
		t.Errorf("%+v", r)
	}
	for dim, want := range map[Dim]string{
		DimProvider: "openai", DimModel: "gpt-4o", DimStream: "true", DimStatus: "error", DimErrorType: "rate_limit_exceeded",
		DimHTTPStatus: "429", DimFinishReason: "length", DimUser: "",
	} {
		if r.Values[dim] != want {
			t.Errorf("%s: %q, want %q", dim, r.Values[dim], want)
		}
	}
	if len(r.Tags) != 1 || r.Tags[0] != (Tag{"team", `a "b"`}) {
		t.Errorf("tags %v", r.Tags)
	}
	if r.Nums[NumDuration] != 1.5 || r.Nums[NumInputTokens] != 12 || !math.IsNaN(r.Nums[NumTTFT]) {
		t.Errorf("numbers %v", r.Nums)
	}

	var tl llm.Timeline
	for _, at := range []time.Duration{1, 2, 3, 15, 16} {
		tl.Add(at*time.Second, 1)
	}
	if err := d.decode(fmt.Appendf(nil, `{"id":"x","_time":"2026-11-20T10:42:00Z","timeline":"%s","chunks":"5"}`, tl.AppendText(nil)), &r); err != nil {
		t.Fatal(err)
	}
	if r.Nums[NumStall] != 11 {
		t.Errorf("stalled for %v", r.Nums[NumStall])
	}
	for _, bad := range []string{"", "x", "{", `{"a"`, `{"a":`, `{"a":1}`, `{"a":"b"`, `{"a":"b",`, `{"duration_seconds":"x"}`, `{"_time":"x"}`, `{"weight":"-1"}`, `{"a":"\q"}`} {
		if err := d.decode([]byte(bad), &r); err == nil {
			t.Errorf("%s: no error", bad)
		}
	}
}

func FuzzDecodeLine(f *testing.F) {
	f.Add([]byte(line))
	f.Add([]byte(`{}`))
	f.Add([]byte(`{"timeline":"AQ","chunks":"9"}`))
	d := newLineDecoder()
	f.Fuzz(func(_ *testing.T, b []byte) {
		var r Row
		if d.decode(b, &r) == nil {
			fr := newFrame(&metricTable[0], Limits{WindowCalls: 4, BaselineCalls: 4, Values: 10})
			fr.parts[window].inRange = make([]float64, 1)
			fr.add(window, &r, 0)
		}
	})
}

// lineStore answers with lines, and keeps what it was asked.
type lineStore struct {
	lines []string
	asked []string
	err   error
}

func (s *lineStore) StreamCalls(_ context.Context, _, _ time.Time, filter, pipes string, each func([]byte) error) error {
	s.asked = append(s.asked, filter+" "+pipes)
	if strings.Contains(pipes, "count()") {
		return each([]byte(`{"calls":"1000000"}`))
	}
	for _, l := range s.lines {
		if err := each([]byte(l)); err != nil {
			return err
		}
	}
	return s.err
}

func TestLineSource(t *testing.T) {
	s := &lineStore{lines: []string{line, line, line}}
	req := Request{Metric: ErrorRate, Window: Selection{Ranges: []Range{{epoch, epoch.Add(time.Hour)}}, Terms: []Term{{"model", OpIs, []string{"gpt-4o"}}}}, Limits: Limits{BaselineCalls: 10_000}}
	e, err := Explain(t.Context(), req, FromLines(s))
	if err != nil {
		t.Fatal(err)
	}
	if e.Verdict != Unknown || e.Window.Calls != 120 || e.Baseline.SampledOneIn != 100 || e.Baseline.Calls != 1200 {
		t.Errorf("%s window %v baseline %v", e.Verdict, e.Window, e.Baseline)
	}
	all := strings.Join(s.asked, "\n")
	for _, want := range []string{`model:="gpt-4o" | sample 100 | fields id, _time, kind, weight, "tags.*", provider`, `model:="gpt-4o" | sample 10 | fields`, "trace_id", "| stats count() calls"} {
		if !strings.Contains(all, want) {
			t.Errorf("%q was not asked:\n%s", want, all)
		}
	}
	if strings.Contains(all, "cost.usd") || strings.Contains(all, "timeline") || strings.Contains(all, "_msg") {
		t.Errorf("more is read than is needed:\n%s", all)
	}

	n := 0
	if err := FromLines(s).Scan(t.Context(), Query{}, func(*Row) bool { n++; return false }); err != nil || n != 1 {
		t.Errorf("%d rows, %v", n, err)
	}
	s.err = errors.New("gone")
	if _, err := Explain(t.Context(), req, FromLines(s)); !errors.Is(err, s.err) {
		t.Errorf("the store's error: %v", err)
	}
}

func BenchmarkDecodeLine(b *testing.B) {
	d := newLineDecoder()
	l := []byte(line)
	var r Row
	b.ReportAllocs()
	for b.Loop() {
		if err := d.decode(l, &r); err != nil {
			b.Fatal(err)
		}
	}
}
