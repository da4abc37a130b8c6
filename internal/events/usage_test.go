package events

import (
	"math"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

func usageCall(at time.Time, env string, change func(*llm.Call)) llm.Record {
	c := &llm.Call{
		ID: ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String(), Time: at, Source: llm.SourceGateway, Upstream: "up", Service: "usages", Environment: env,
		Provider: "anthropic", Operation: llm.OpChat, RequestModel: "claude", Status: llm.StatusOK,
		Usage: llm.Usage{InputTokens: llm.Some[int64](1000), OutputTokens: llm.Some[int64](10), Source: llm.UsageReported},
		Cost:  llm.Cost{State: llm.CostComputed, USD: llm.Some(0.1)},
	}
	change(c)
	return llm.Record{Call: c}
}

func TestUsages(t *testing.T) {
	s := testStore(t)
	at := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	env := "usages-" + ulid.Make().String()
	insert(
		t, s,
		usageCall(at, env, func(*llm.Call) {}),
		usageCall(at.Add(time.Second), env, func(c *llm.Call) {
			c.Usage.CacheReadTokens, c.Usage.InputTokens = llm.Some[int64](600), llm.Some[int64](1000)
		}),
		usageCall(at.Add(2*time.Second), env, func(c *llm.Call) {
			c.Usage.CacheReadTokens, c.Usage.InputTokens = llm.Some[int64](0), llm.Some[int64](1200)
			c.Usage.CacheWriteTokens, c.Usage.CacheWrite1hTokens = llm.Some[int64](300), llm.Some[int64](100)
			c.Weight = 10
		}),
		usageCall(at.Add(3*time.Second), env, func(c *llm.Call) {
			c.Usage.CacheReadTokens, c.Usage.InputTokens = llm.Some[int64](190_000), llm.Some[int64](210_000)
		}),
		usageCall(at.Add(45*time.Minute), env, func(c *llm.Call) {
			c.Usage.CacheReadTokens, c.ServiceTier, c.User = llm.Some[int64](500), "batch", "u"
		}),
		usageCall(at.Add(4*time.Second), env, func(c *llm.Call) {
			c.RequestModel, c.Cost = "unheard-of", llm.Cost{State: llm.CostUnpriced, Reason: "unknown_model"}
		}),
		usageCall(at.Add(5*time.Second), env, func(c *llm.Call) {
			c.RequestModel, c.Cost, c.Usage = "silent", llm.Cost{State: llm.CostUnpriced, Reason: "unknown_usage"}, llm.Usage{}
		}),
	)
	f := CallFilter{Range: Range{at, at.Add(time.Hour)}, Environment: env}

	cached, err := s.Usages(t.Context(), UsageQuery{CallFilter: f, Cached: true, By: []string{"user", "provider"}})
	if err != nil {
		t.Fatal(err)
	}
	var calls float64
	var read, write, hour int64
	long := 0
	for _, g := range cached {
		calls += g.Calls
		read += g.Usage.CacheReadTokens.Or(0)
		write += g.Usage.CacheWriteTokens.Or(0)
		hour += g.Usage.CacheWrite1hTokens.Or(0)
		if g.Provider != "anthropic" || g.Values["provider"] != "anthropic" || g.Upstream != "up" || g.RequestModel != "claude" || g.Usage.OutputAudioTokens.Known() {
			t.Errorf("%+v", g)
		}
		switch {
		case g.InputOfOne > 200_000:
			long++
		case g.ServiceTier == "batch":
			if g.Values["user"] != "u" || g.First.Before(at.Add(30*time.Minute)) {
				t.Errorf("%+v", g)
			}
		}
	}
	if len(cached) != 3 || calls != 13 || read != 600+190_000+500 || write != 3000 || hour != 1000 || long != 1 {
		t.Errorf("%d groups, %v calls, %d read, %d written (%d for an hour), %d long:\n%+v", len(cached), calls, read, write, hour, long, cached)
	}

	unpriced, err := s.Usages(t.Context(), UsageQuery{CallFilter: f, State: llm.CostUnpriced})
	if err != nil {
		t.Fatal(err)
	}
	reasons := map[string]string{}
	for _, g := range unpriced {
		reasons[g.RequestModel] = g.Reason
		if g.Calls != 1 || g.First.IsZero() || !g.Last.Equal(g.First) || g.State != llm.CostUnpriced {
			t.Errorf("%+v", g)
		}
		if in, ok := g.Usage.InputTokens.Get(); ok != (g.RequestModel == "unheard-of") || ok && in != 1000 {
			t.Errorf("input of %s: %v %v", g.RequestModel, in, ok)
		}
	}
	if len(unpriced) != 2 || reasons["unheard-of"] != "unknown_model" || reasons["silent"] != "unknown_usage" {
		t.Errorf("%+v", unpriced)
	}
	if _, err := s.Usages(t.Context(), UsageQuery{CallFilter: f, By: []string{"nonsense"}}); err == nil {
		t.Error("an unknown dimension is no error")
	}
	all, err := s.Usages(t.Context(), UsageQuery{CallFilter: f})
	if err != nil {
		t.Fatal(err)
	}
	calls = 0
	for _, g := range all {
		calls += g.Calls
	}
	if math.Abs(calls-16) > 1e-9 {
		t.Errorf("%v calls", calls)
	}
}

func TestArrivals(t *testing.T) {
	s := testStore(t)
	at := time.Now().UTC().Truncate(time.Second).Add(-30 * 24 * time.Hour)
	id := func() string { return ulid.MustNew(ulid.Timestamp(at), ulid.DefaultEntropy()).String() }
	insert(
		t, s,
		usageCall(at, "", func(*llm.Call) {}),
		usageCall(at.Add(time.Second), "", func(*llm.Call) {}),
		usageCall(at.Add(2*time.Second), "", func(c *llm.Call) { c.Upstream, c.Source, c.Dialect, c.Scope = "", llm.SourceOTLP, "openllmetry", "lib" }),
		llm.Record{Log: &llm.Log{ID: id(), Time: at, Source: llm.SourceLogs, Message: "hello"}},
		llm.Record{Feedback: &llm.Feedback{ID: id(), Time: at, CallID: id(), Score: llm.Some(1.0)}},
	)
	got, err := s.Arrivals(t.Context(), Range{at, at.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	type door struct{ kind, source, upstream, dialect string }
	counts := map[door]Arrival{}
	for _, a := range got {
		counts[door{a.Kind, string(a.Source), a.Upstream, a.Dialect}] = a
	}
	if a := counts[door{"call", "gateway", "up", ""}]; a.Count != 2 || !a.First.Equal(at) || !a.Last.Equal(at.Add(time.Second)) {
		t.Errorf("%+v", a)
	}
	if a := counts[door{"call", "otlp", "", "openllmetry"}]; a.Count != 1 || a.Scope != "lib" {
		t.Errorf("%+v", a)
	}
	if counts[door{"log", "logs", "", ""}].Count != 1 || counts[door{"feedback", "", "", ""}].Count != 1 || len(got) != 4 {
		t.Errorf("%+v", got)
	}
}
