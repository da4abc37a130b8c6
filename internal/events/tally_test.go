package events

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/llm"
)

func appendRow(t testing.TB, r llm.Record) []byte {
	t.Helper()
	row, err := AppendRow(nil, r)
	if err != nil {
		t.Fatal(err)
	}
	return row
}

func appendTallyOf(t testing.TB, c *llm.Call) []byte {
	t.Helper()
	tally, err := AppendTally(nil, appendRow(t, llm.Record{Call: c}))
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

// object decodes a row's line.
func object(t *testing.T, line []byte) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(line, &m); err != nil {
		t.Fatalf("%v: %s", err, line)
	}
	return m
}

func TestTallyHasWhatTotalsNeed(t *testing.T) {
	r := rand.New(rand.NewPCG(4, 4))
	now := time.Now()
	all := []*llm.Call{fullCall()}
	for range 500 {
		all = append(all, randomCall(r, now, `odd "service" \`))
	}
	big := fullCall()
	big.Input[0].Parts[0].Content = strings.Repeat("\"\\\n", 400_000)
	all = append(all, big)
	for _, c := range all {
		row := appendRow(t, llm.Record{Call: c})
		tally := appendTallyOf(t, c)
		if n := bytes.Count(tally, []byte("\n")); n != 1 || tally[len(tally)-1] != '\n' {
			t.Fatalf("%d lines: %s", n, tally)
		}
		lines := bytes.Split(bytes.TrimSuffix(row, []byte("\n")), []byte("\n"))
		full, got := object(t, lines[len(lines)-1]), object(t, tally)
		want := map[string]any{"kind": "tally", "_msg": "tally"}
		for name, v := range full {
			if name != "kind" && inTally([]byte(name)) {
				want[name] = v
			}
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
		for _, name := range []string{"input", "output", "trace_id", "timeline", "tools", "error_message", "response_id", "span_id"} {
			if got[name] != nil {
				t.Errorf("a tally has %s", name)
			}
		}
		if id, at, ok := RowID(tally); !ok || id != c.ID || !at.Equal(c.Time) {
			t.Errorf("RowID = %v, %v, %v", id, at, ok)
		}
	}
	for _, f := range append(append([]string{"duration_seconds"}, sumFields...), append(latencyFields, GroupFields()...)...) {
		if !inTally([]byte(f)) {
			t.Errorf("totals need %s, which a tally has not", f)
		}
	}
	for _, f := range FacetFields() {
		if !inTally([]byte(f)) {
			t.Errorf("facets need %s, which a tally has not", f)
		}
	}
}

func TestTallyIsSmall(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	c := benchCall(r, time.Now(), 2000)
	row, tally := appendRow(t, llm.Record{Call: c}), appendTallyOf(t, c)
	if len(tally) > 900 || len(tally)*3 > len(row) {
		t.Errorf("%d bytes of a row of %d", len(tally), len(row))
	}
}

func TestOnlyCallsHaveTallies(t *testing.T) {
	call := string(appendRow(t, llm.Record{Call: fullCall()}))
	for name, row := range map[string]string{
		"span":        string(appendRow(t, llm.Record{Span: &llm.Span{ID: "a", Name: "x"}})),
		"log":         string(appendRow(t, llm.Record{Log: &llm.Log{ID: "a", Message: "x"}})),
		"nothing":     "",
		"a tally":     string(appendTallyOf(t, fullCall())),
		"cut":         call[:len(call)/2],
		"not ours":    `{"id": "a"}`,
		"no kind":     `{"id":"a"}`,
		"list":        `{"kind":"call","x":[1]}`,
		"open string": `{"kind":"call","x":"}`,
		"bare":        `{"kind"}`,
		"empty value": `{"kind":,}`,
		"a colon":     `{:}`,
	} {
		dst := []byte("before")
		got, err := AppendTally(dst, []byte(row))
		if name == "list" { // we write none, and what a value is nobody asks
			continue
		}
		if !errors.Is(err, ErrNotCall) || string(got) != "before" {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
}

func FuzzAppendTally(f *testing.F) {
	f.Add([]byte(`{"id":"a","_time":"2026-01-01T00:00:00Z","kind":"call","x":"\\\"","status":"ok","duration_seconds":1.5,"stream":true}`))
	f.Add([]byte(`{"kind":"call"`))
	f.Add([]byte(`{"kind":"content"}` + "\n" + `{"kind":"call","input":"a\\"}` + "\n"))
	f.Fuzz(func(t *testing.T, row []byte) {
		out, err := AppendTally([]byte("p"), row)
		if err != nil {
			if string(out) != "p" {
				t.Errorf("left %q behind", out)
			}
			return
		}
		if len(out) > len(row)+len(tallyStart)+3 {
			t.Errorf("%d bytes of %d", len(out), len(row))
		}
	})
}

func BenchmarkAppendTally(b *testing.B) {
	row := appendRow(b, llm.Record{Call: benchCall(rand.New(rand.NewPCG(1, 1)), time.Now(), 2000)})
	var buf []byte
	b.SetBytes(int64(len(row)))
	b.ReportAllocs()
	for b.Loop() {
		var err error
		if buf, err = AppendTally(buf[:0], row); err != nil {
			b.Fatal(err)
		}
	}
}

// insertSampled stores Calls, of which those that keep refuses become tallies.
func insertSampled(t *testing.T, s *Store, cs []*llm.Call, keep func(i int) bool) {
	t.Helper()
	var rows [][]byte
	for i, c := range cs {
		if keep(i) {
			rows = append(rows, appendRow(t, llm.Record{Call: c}))
		} else {
			rows = append(rows, appendTallyOf(t, c))
		}
	}
	if err := s.Insert(t.Context(), rows); err != nil {
		t.Fatal(err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestTotalsCountTalliesAndListsDoNot(t *testing.T) {
	s := testStore(t)
	r := rand.New(rand.NewPCG(11, 3))
	from := time.Now().UTC().Add(-40 * time.Minute)
	var all, kept []*llm.Call
	for i := range 1000 {
		c := validCall(t, randomCall(r, from.Add(time.Duration(r.Int64N(int64(30*time.Minute)))), "sampled"))
		if c.TraceID == "" {
			c.TraceID, c.SpanID = strings.Repeat("e", 32), newID(from, r)[:16]
		}
		all = append(all, c)
		if i%10 == 0 {
			kept = append(kept, c)
		}
	}
	insertSampled(t, s, all, func(i int) bool { return i%10 == 0 })
	f := CallFilter{Service: "sampled"}
	checkTotals(t, s, f, all)
	checkFacets(t, s, f, all)
	checkLatency(t, s, f, all)
	checkList(t, s, f, kept)
	for _, keep := range []CallFilter{{Service: "sampled", User: "u1"}, {Service: "sampled", Status: "error"}, {Service: "sampled", MinDuration: time.Second}} {
		checkTotals(t, s, keep, where(all, func(c *llm.Call) bool {
			return (keep.User == "" || c.User == keep.User) && (keep.Status == "" || string(c.Status) == keep.Status) && c.Duration >= keep.MinDuration
		}))
	}
	models, err := s.Models(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, m := range models {
		n += m.Totals.Calls
	}
	if n != 1000 {
		t.Errorf("models count %d calls", n)
	}
	// Nothing but totals knows the others.
	if _, err := s.Call(t.Context(), all[1].ID); !errors.Is(err, ErrNotFound) {
		t.Errorf("a tally is found as a call: %v", err)
	}
	recs, err := s.Trace(t.Context(), all[1].TraceID, Range{})
	if err != nil || slices.ContainsFunc(recs.Records, func(r llm.Record) bool { return r.Call.ID == all[1].ID }) {
		t.Errorf("a tally is in its trace: %v", err)
	}
	found, err := s.Present(t.Context(), []string{all[0].ID, all[1].ID}, from.Add(-time.Hour), time.Now())
	if err != nil || len(found) != 2 {
		t.Errorf("present = %v, %v", found, err)
	}
}

// weigh gives a sender's Calls weights and returns each Call as often as it counts.
func weigh(cs []*llm.Call, weights ...float64) (expanded []*llm.Call) {
	for i, c := range cs {
		c.Weight = weights[i%len(weights)]
		for range int(max(c.Weight, 1)) {
			expanded = append(expanded, c)
		}
	}
	return expanded
}

func TestWeightsCount(t *testing.T) {
	s := testStore(t)
	r := rand.New(rand.NewPCG(12, 3))
	from := time.Now().UTC().Add(-40 * time.Minute)
	var all []*llm.Call
	for range 600 {
		all = append(all, validCall(t, randomCall(r, from.Add(time.Duration(r.Int64N(int64(30*time.Minute)))), "weighted")))
	}
	expanded := weigh(all, 0, 10, 4)
	insertSampled(t, s, all, func(i int) bool { return i%5 > 0 })
	f := CallFilter{Service: "weighted"}
	checkTotals(t, s, f, expanded)
	checkFacets(t, s, f, expanded)
	checkWeightedLatency(t, s, f, expanded)
	checkList(t, s, f, where(all, func(c *llm.Call) bool { return slices.Index(all, c)%5 > 0 }))
	f.Start = from.Add(-time.Minute)
	tl, err := s.Timeline(t.Context(), TimelineQuery{CallFilter: f, Step: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var n int64
	for _, sr := range tl.Series {
		for _, v := range sr.Calls {
			n += v
		}
	}
	if n != int64(len(expanded)) {
		t.Errorf("timeline counts %d calls, want %d", n, len(expanded))
	}
}

// checkWeightedLatency compares with Calls that stand for several.
func checkWeightedLatency(t *testing.T, s *Store, f CallFilter, want []*llm.Call) {
	t.Helper()
	sum, err := s.Summary(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	var d []float64
	for _, c := range want {
		d = append(d, c.Duration.Seconds())
	}
	slices.Sort(d)
	if !sum.Approximate || sum.Latency.Count != int64(len(d)) {
		t.Errorf("approximate %v, %d measured of %d", sum.Approximate, sum.Latency.Count, len(d))
	}
	if got, want := sum.Latency.P50, d[len(d)/2]; got < want/1.2 || got > want*1.2 {
		t.Errorf("p50 = %v, want about %v", got, want)
	}
}

// TestFractionalWeights adds up what no whole number of calls stands for.
func TestFractionalWeights(t *testing.T) {
	s := testStore(t)
	r := rand.New(rand.NewPCG(13, 3))
	from := time.Now().UTC().Add(-10 * time.Minute)
	var all []*llm.Call
	for range 30 {
		c := benchCall(r, from, 0)
		c.Service, c.Weight, c.Status, c.ErrorType = "thirds", 10.0/3, llm.StatusOK, ""
		all = append(all, c)
	}
	insert(t, s, calls(all)...)
	sum, err := s.Summary(t.Context(), CallFilter{Service: "thirds"})
	if err != nil || sum.Totals.Calls != 100 || sum.Totals.ByState[llm.CostComputed].Calls != 100 {
		t.Errorf("%+v, %v", sum.Totals, err)
	}
}

func TestRollupsCountTalliesAndWeights(t *testing.T) {
	s, _ := rollupStore(t)
	end := time.Now().UTC()
	r := rand.New(rand.NewPCG(14, 9))
	var all []*llm.Call
	for range 1500 {
		all = append(all, validCall(t, randomCall(r, end.Add(-time.Duration(r.Int64N(int64(4*24*time.Hour)))), []string{"a", "b"}[r.IntN(2)])))
	}
	expanded := weigh(all, 1, 1, 3)
	insertSampled(t, s, all, func(i int) bool { return i%4 == 0 })
	if n := rollup(t, s); n < 50 {
		t.Errorf("%d periods were rolled up", n)
	}
	checkRollups(t, s, expanded, end)
	if n := rollup(t, s); n > 1 { // an hour may have ended meanwhile
		t.Errorf("%d periods were rolled up again for nothing", n)
	}
}

// TestTalliesSurviveReplay inserts what is there already, as after a crash.
func TestTalliesSurviveReplay(t *testing.T) {
	sup, err := engine.Start(t.Context(), engineOptions(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sup.Stop(t.Context()) }()
	s := newStore(t, sup, nil)
	c := benchCall(rand.New(rand.NewPCG(1, 2)), time.Now().Add(-time.Minute), 100)
	insertSampled(t, s, []*llm.Call{c}, func(int) bool { return false })
	found, err := s.Present(t.Context(), []string{c.ID}, c.Time.Add(-time.Second), c.Time.Add(time.Second))
	if err != nil || !found[c.ID] {
		t.Errorf("present = %v, %v", found, err)
	}
}
