package doctor

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var moment0 = time.Date(2026, 11, 21, 10, 0, 0, 0, time.UTC)

// well is a server that has data, looked at where it is.
func well() *Facts {
	return &Facts{
		Now: moment0, Start: moment0.Add(-time.Hour), End: moment0, Matching: 10, InRange: 10, Stored: 100,
		First: moment0.Add(-48 * time.Hour), Last: moment0.Add(-time.Minute),
		Started: moment0.Add(-24 * time.Hour), Received: 50, Stores: 50, Dropped: map[string]uint64{"duplicate": 3},
		JournalMax: 1 << 30, Retention: 30 * 24 * time.Hour, SamplingRate: 1, ContentKept: "full",
		Targets: []Target{{Job: "vllm", URL: "http://a/metrics", Up: true}},
	}
}

func TestCauses(t *testing.T) {
	if got := Causes(well()); len(got) != 0 || got == nil {
		t.Fatalf("all is well: %+v", got)
	}
	for name, c := range map[string]struct {
		change   func(*Facts)
		want     []string
		severity string // of the first
		ranged   bool   // the first offers a range
	}{
		"engine": {func(f *Facts) { f.Engine, f.EngineDetail = "backoff", "exit status 1" }, []string{CauseEngineDown}, CauseError, false},
		"journal full": {func(f *Facts) {
			f.Matching, f.InRange, f.JournalBytes, f.Dropped["journal_full"] = 0, 0, 1<<30, 7
		}, []string{CauseJournalFull, CauseRange}, CauseError, false},
		"journal cannot be written": {func(f *Facts) { f.JournalErr = "no space left on device" }, []string{CauseJournalFull}, CauseWarning, false},
		"disk":                      {func(f *Facts) { f.ReadOnly = true }, []string{CauseReadOnly}, CauseWarning, false},
		"nothing ever": {func(f *Facts) {
			f.Matching, f.InRange, f.Stored, f.Received, f.Stores, f.First, f.Last = 0, 0, 0, 0, 0, time.Time{}, time.Time{}
		}, []string{CauseNothingReceived}, CauseError, false},
		"somebody tries": {func(f *Facts) {
			f.Matching, f.InRange, f.Stored, f.Received, f.Stores, f.First, f.Last = 0, 0, 0, 0, 0, time.Time{}, time.Time{}
			f.Refused = []Refused{{"traces", "415", 4}}
		}, []string{CauseRefused, CauseNothingReceived}, CauseError, false},
		"refused":   {func(f *Facts) { f.Refused = []Refused{{"traces", "413", 4}, {"logs", "Unavailable", 1}} }, []string{CauseRefused}, CauseWarning, false},
		"dropped":   {func(f *Facts) { f.Dropped["too_large"] = 4 }, []string{CauseDropped}, CauseWarning, false},
		"too old":   {func(f *Facts) { f.Matching, f.Dropped["too_old"] = 0, 4 }, []string{CauseDropped}, CauseError, false},
		"as wanted": {func(f *Facts) { f.Dropped["sampled"], f.Dropped["refused"] = 4, 4 }, []string{}, "", false},
		"clock ahead": {func(f *Facts) {
			f.Matching, f.InRange, f.Stored, f.First, f.Last, f.Ahead, f.AheadLast = 0, 0, 0, time.Time{}, time.Time{}, 5, moment0.Add(3*time.Hour)
		}, []string{CauseClockSkew}, CauseError, true},
		"clock behind": {func(f *Facts) {
			f.Matching, f.InRange, f.Last = 0, 0, f.Started.Add(-time.Hour)
		}, []string{CauseClockSkew, CauseRange}, CauseError, true},
		"within reason": {func(f *Facts) { f.Ahead, f.AheadLast = 1, moment0.Add(time.Second) }, []string{}, "", false},
		"retention":     {func(f *Facts) { f.Start = moment0.Add(-60 * 24 * time.Hour) }, []string{CauseRetention}, CauseInfo, false},
		"all removed": {func(f *Facts) {
			f.Matching, f.InRange, f.Start, f.End = 0, 0, moment0.Add(-60*24*time.Hour), moment0.Add(-40*24*time.Hour)
		}, []string{CauseRetention, CauseRange}, CauseError, false},
		"filter": {func(f *Facts) { f.Filtered, f.Matching = true, 0 }, []string{CauseFilter}, CauseError, false},
		"filter elsewhere": {func(f *Facts) {
			f.Filtered, f.Matching, f.MatchingFirst, f.MatchingLast = true, 0, f.First, f.First
		}, []string{CauseFilter}, CauseError, true},
		"range": {func(f *Facts) { f.Matching, f.InRange = 0, 0 }, []string{CauseRange}, CauseError, true},
		"range of what the filter selects": {func(f *Facts) {
			f.Filtered, f.Matching, f.InRange, f.MatchingFirst, f.MatchingLast = true, 0, 0, f.First.Add(time.Hour), f.First.Add(2*time.Hour)
		}, []string{CauseRange}, CauseError, true},
		"backlog":            {func(f *Facts) { f.JournalWaiting, f.JournalLag = 100, time.Minute }, []string{CauseBacklog}, CauseWarning, false},
		"a moment's backlog": {func(f *Facts) { f.JournalWaiting, f.JournalLag = 100, time.Second }, []string{}, "", false},
		"targets": {func(f *Facts) {
			f.Targets = append(f.Targets, Target{Job: "vllm", URL: "http://b/metrics", Error: "connection refused"})
		}, []string{CauseTargets}, CauseWarning, false},
		"sampled": {func(f *Facts) { f.SamplingRate, f.Dropped["sampled"] = 0.1, 90 }, []string{CauseSampled}, CauseInfo, false},
		"capture": {func(f *Facts) { f.ContentKept = "metrics" }, []string{CauseCapture}, CauseInfo, false},
		"summary": {func(f *Facts) { f.ContentKept = "summary" }, []string{CauseCapture}, CauseInfo, false},
	} {
		t.Run(name, func(t *testing.T) {
			f := well()
			c.change(f)
			got := Causes(f)
			codes := []string{}
			for _, x := range got {
				codes = append(codes, x.Code)
				if x.Message.EN == "" || x.Message.ZH == "" || x.Action.EN == "" || x.Action.ZH == "" || x.Evidence == nil || x.Message.EN == x.Message.ZH {
					t.Errorf("%+v", x)
				}
			}
			if diff := cmp.Diff(c.want, codes); diff != "" {
				t.Fatal(diff)
			}
			if len(got) > 0 && (got[0].Severity != c.severity || c.ranged != (!got[0].Start.IsZero() && got[0].Start.Before(got[0].End))) {
				t.Errorf("%+v", got[0])
			}
		})
	}
}

// TestRefusals has an action of its own for each way to be refused.
func TestRefusals(t *testing.T) {
	seen := map[string]bool{}
	for _, code := range []string{"400", "401", "404", "413", "415", "429", "500"} {
		en, zh := refusal(code)
		if en == "" || zh == "" || seen[en] {
			t.Errorf("%s: %s %s", code, en, zh)
		}
		seen[en] = true
	}
	f := well()
	f.Refused = []Refused{{"traces", "413", 4}, {"traces", "ResourceExhausted", 1}}
	c := Causes(f)[0]
	if en, _ := refusal("413"); c.Action.EN != en || len(c.Evidence) != 2 {
		t.Errorf("%+v", c)
	}
	if !slices.Contains(c.Evidence, Evidence{"traces 413", "4"}) {
		t.Errorf("%+v", c.Evidence)
	}
}
