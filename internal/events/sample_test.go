package events

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestSample(t *testing.T) {
	s, _ := rollupStore(t)
	end := time.Now().UTC().Add(-22 * time.Hour)
	r := newRand(6)
	byID := map[string]*llm.Call{}
	var recs []llm.Record
	const total = 6000
	for i := range total {
		c := worldCall(r, end.Add(-time.Duration(i)*time.Second), "", "", i)
		c.Service = "sampled"
		if i%3 == 0 {
			c.Stream, c.TTFT, c.Usage, c.Cost, c.RequestModel = false, llm.Opt[time.Duration]{}, llm.Usage{Source: llm.UsageUnknown}, llm.Cost{State: llm.CostUnpriced}, ""
		}
		byID[c.ID] = c
		recs = append(recs, llm.Record{Call: c})
	}
	insert(t, s, recs...)
	f := CallFilter{Range: Range{end.Add(-2 * time.Hour), end.Add(1)}, Service: "sampled"}
	got := func(q SampleQuery) *Sample {
		t.Helper()
		sm, err := s.Sample(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		checkSample(t, sm, byID, q.By)
		return sm
	}
	all := got(SampleQuery{CallFilter: f, Limit: MaxSample, By: "region"})
	if all.Total != total || all.Count != total || all.Share != 1 {
		t.Errorf("all: %d of %d, share %v", all.Count, all.Total, all.Share)
	}
	few := got(SampleQuery{CallFilter: f, Limit: 500, By: "user"})
	if few.Total != total || few.Count < 480 || few.Count > 500 || math.Abs(few.Share-float64(few.Count)/total) > 1e-12 {
		t.Errorf("few: %d of %d, share %v", few.Count, few.Total, few.Share)
	}
	if again := got(SampleQuery{CallFilter: f, Limit: 500}); !slices.Equal(few.Columns.ID, again.Columns.ID) || again.Columns.By != nil {
		t.Error("the same query has another sample")
	}
	// Uniform: each quarter of the range has its share.
	quarters := [4]int{}
	for _, ms := range few.Columns.TimeMS {
		quarters[min(3, int(end.Sub(time.UnixMilli(ms))/(25*time.Minute)))]++
	}
	for i, n := range quarters {
		if n < 85 || n > 165 {
			t.Errorf("quarter %d has %d of %d", i, n, few.Count)
		}
	}
	f.Status = "error"
	errorsOnly := got(SampleQuery{CallFilter: f, Limit: 100})
	if d := cmp.Diff([]string{"error"}, errorsOnly.Columns.Status.Values); d != "" || errorsOnly.Total == total {
		t.Error(errorsOnly.Total, d)
	}
	f.Service = "none"
	none, err := s.Sample(t.Context(), SampleQuery{CallFilter: f})
	if err != nil || none.Total != 0 || none.Count != 0 || none.Share != 0 || none.Columns.ID == nil || none.Columns.Status.Index == nil {
		t.Error(none, err)
	}
	_, err = s.Sample(t.Context(), SampleQuery{By: "odd"})
	mustFail(t, err, "by")
	_, err = s.Sample(t.Context(), SampleQuery{Limit: MaxSample + 1})
	mustFail(t, err, "limit")
}

// checkSample compares every point with its Call.
func checkSample(t *testing.T, sm *Sample, byID map[string]*llm.Call, by string) {
	t.Helper()
	c := &sm.Columns
	value := func(col Coded, i int) string {
		if col.Index[i] < 0 {
			return ""
		}
		return col.Values[col.Index[i]]
	}
	optSeconds := func(o llm.Opt[time.Duration]) llm.Opt[float64] {
		if d, ok := o.Get(); ok {
			return llm.Some(d.Seconds())
		}
		return llm.Opt[float64]{}
	}
	for i, id := range c.ID {
		call := byID[id]
		if call == nil {
			t.Fatalf("%s is no call", id)
		}
		if i > 0 && c.TimeMS[i] < c.TimeMS[i-1] {
			t.Fatal("the points are not in the order of time")
		}
		for name, d := range map[string]string{
			"time":       cmp.Diff(call.Time.UnixMilli(), c.TimeMS[i]),
			"duration":   cmp.Diff(call.Duration.Seconds(), c.Duration[i], equal),
			"ttft":       cmp.Diff(optSeconds(call.TTFT), c.TTFT[i], equal),
			"tpot":       cmp.Diff(optSeconds(call.TPOT()), c.TPOT[i], equal),
			"speed":      cmp.Diff(call.TokensPerSecond(), c.TokensPerSecond[i], equal),
			"input":      cmp.Diff(call.Usage.InputTokens, c.InputTokens[i], equal),
			"output":     cmp.Diff(call.Usage.OutputTokens, c.OutputTokens[i], equal),
			"cost":       cmp.Diff(call.Cost.USD, c.CostUSD[i], equal),
			"status":     cmp.Diff(string(call.Status), value(c.Status, i)),
			"model":      cmp.Diff(call.Model(), value(c.Model, i)),
			"provider":   cmp.Diff(call.Provider, value(c.Provider, i)),
			"service":    cmp.Diff(call.Service, value(c.Service, i)),
			"error type": cmp.Diff(call.ErrorType, value(c.ErrorType, i)),
			"trace":      cmp.Diff(call.TraceID, c.TraceID[i]),
		} {
			if d != "" {
				t.Fatalf("%s of %s (-want +got):\n%s", name, id, d)
			}
		}
		if by == "region" && value(*c.By, i) != call.Region || by == "user" && value(*c.By, i) != call.User {
			t.Fatalf("%s of %s is %q", by, id, value(*c.By, i))
		}
	}
}
