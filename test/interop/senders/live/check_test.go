package main

import (
	"testing"
	"time"

	"github.com/pitot-dev/pitot/test/interop/senders/harness"
)

func sent() harness.WantCall {
	return harness.WantCall{
		Provider: "openai", Operation: "chat", RequestModel: "m", ResponseModel: "m-1", ResponseID: "r", Stream: true, Status: "ok", HTTPStatus: 200,
		UsageReported: true, InputTokens: new(int64(10)), OutputTokens: new(int64(5)), CacheReadTokens: new(int64(4)), CostUSD: new(0.5),
		TTFTSeconds: 0.1, DurationSeconds: 0.2, Session: "s",
	}
}

func recorded() call {
	g := call{
		Provider: "openai", Operation: "chat", RequestModel: "m", ResponseModel: "m-1", ResponseID: "r", Stream: true, Status: "ok",
		Duration: 0.25, TTFT: new(0.12), Session: "s",
	}
	g.Usage.Input, g.Usage.Output, g.Usage.CacheRead, g.Usage.Source = new(int64(10)), new(int64(5)), new(int64(4)), "reported"
	g.Cost.USD, g.Cost.State = new(0.5), "computed"
	return g
}

func TestCheck(t *testing.T) {
	for _, f := range check(sent(), recorded(), time.Second) {
		if f.state > right {
			t.Errorf("a true record: %s %s: %s", f.field, f.state, f.say)
		}
	}
	for field, tc := range map[string]struct {
		change func(*harness.WantCall, *call)
		want   state
	}{
		"provider":          {func(_ *harness.WantCall, g *call) { g.Provider = "" }, missing},
		"request_model":     {func(_ *harness.WantCall, g *call) { g.RequestModel = "m-1" }, wrong},
		"stream":            {func(_ *harness.WantCall, g *call) { g.Stream = false }, missing},
		"status":            {func(_ *harness.WantCall, g *call) { g.Status = "error" }, wrong},
		"input_tokens":      {func(_ *harness.WantCall, g *call) { g.Usage.Input = new(int64(6)) }, wrong},
		"output_tokens":     {func(_ *harness.WantCall, g *call) { g.Usage.Source = "estimated" }, missing},
		"cache_read_tokens": {func(_ *harness.WantCall, g *call) { g.Usage.CacheRead = nil }, missing},
		"reasoning_tokens":  {func(_ *harness.WantCall, g *call) { g.Usage.Reasoning = new(int64(1)) }, wrong},
		"usage_source":      {func(w *harness.WantCall, _ *call) { w.UsageReported = false }, wrong},
		"cost":              {func(_ *harness.WantCall, g *call) { g.Cost.USD = new(0.6) }, wrong},
		"ttft":              {func(_ *harness.WantCall, g *call) { g.TTFT = new(0.001) }, wrong},
		"duration":          {func(_ *harness.WantCall, g *call) { g.Duration = 0.05 }, wrong},
		"session":           {func(_ *harness.WantCall, g *call) { g.Session = "" }, missing},
		"error_type":        {func(w *harness.WantCall, g *call) { w.Status, g.Status, g.ErrorType = "error", "error", "_OTHER" }, missing},
	} {
		w, g := sent(), recorded()
		tc.change(&w, &g)
		if f := worst(check(w, g, time.Second), field); f.state != tc.want {
			t.Errorf("%s: %s, want %s", field, f.state, tc.want)
		}
	}
}

func TestPairPrefersTheResponseID(t *testing.T) {
	want := []harness.WantCall{{ResponseID: "a"}, {ResponseID: "b"}, {}}
	got := []call{{ResponseID: "b", ID: "2"}, {ID: "3"}, {ResponseID: "a", ID: "1"}}
	for i, g := range pair(want, got) {
		if g == nil || g.ID != string(rune('1'+i)) {
			t.Errorf("call %d is paired with %+v", i, g)
		}
	}
	if p := pair(want[:1], []call{{ResponseID: "x"}}); p[0] != nil {
		t.Error("a call is paired with another's record")
	}
}

func TestWhatIsKnownMustStillBeSo(t *testing.T) {
	a := &attempt{sender: harness.Sender{Name: "s", Cannot: map[string]string{"user": "why", "cost": "why", "ttft": "why"}}, scenario: harness.Scenario{Name: "plain"}}
	a.find(finding{"user", right, ""}, finding{"ttft", right, ""}, finding{"cost", missing, ""})
	if got := outdated([]*attempt{a}); len(got) != 1 || got[0] != "s is said not to deliver user, and does" {
		t.Errorf("got %q", got)
	}
}
