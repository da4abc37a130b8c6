package traffic

import (
	"cmp"
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/dist"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var day = time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC)

func quiet(seed uint64) Config { return Config{Seed: seed, Incidents: []Incident{}} }

func collect(t *testing.T, cfg Config, start, end time.Time) (calls []*llm.Call, spans []*llm.Span) {
	t.Helper()
	err := New(cfg).History(start, end, func(r llm.Record) error {
		if r.Call != nil {
			calls = append(calls, r.Call)
		} else {
			spans = append(spans, r.Span)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return calls, spans
}

func TestHistoryIsDeterministic(t *testing.T) {
	take := func(seed uint64) []string {
		var out []string
		calls, spans := collect(t, Config{Seed: seed}, day, day.Add(30*time.Minute))
		for _, c := range calls {
			b, err := c.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(b))
		}
		for _, s := range spans {
			b, err := s.MarshalJSON()
			if err != nil {
				t.Fatal(err)
			}
			out = append(out, string(b))
		}
		return out
	}
	if d := gocmp.Diff(take(1), take(1)); d != "" {
		t.Errorf("the same seed gives another history:\n%.2000s", d)
	}
	if gocmp.Equal(take(1), take(2)) {
		t.Error("another seed gives the same history")
	}
}

func TestHistoryFollowsTheParameters(t *testing.T) {
	cfg := quiet(3)
	cfg.Rate = 0.7
	calls, spans := collect(t, cfg, day, day.Add(24*time.Hour))
	want := 0.7 * 86400
	if got := float64(len(calls)); math.Abs(got-want) > 0.15*want {
		t.Errorf("%v calls in a day, want about %v", got, want)
	}
	p := parameters()
	lengths := func(service string, field func(*llm.Call) int64) dist.Table {
		var xs []float64
		for _, c := range calls {
			if c.Service == service && c.Usage.Source == llm.UsageReported && c.Usage.ReasoningTokens == (llm.Opt[int64]{}) && c.Operation != llm.OpModeration {
				xs = append(xs, float64(field(c)))
			}
		}
		return dist.Fit(xs)
	}
	in := func(c *llm.Call) int64 { return c.Usage.InputTokens.Or(0) }
	out := func(c *llm.Call) int64 { return c.Usage.OutputTokens.Or(0) }
	for _, x := range []struct {
		name      string
		got, want dist.Table
	}{
		{"conv input", lengths("support-chat", in), p.convInput},
		{"conv output", lengths("support-chat", out), p.convOutput},
		{"code input", lengths("code-assistant", in), p.codeInput},
		{"code output", lengths("code-assistant", out), p.codeOutput},
	} {
		for _, q := range []float64{0.1, 0.5, 0.9, 0.95} {
			if g, w := x.got.At(q), x.want.At(q); math.Abs(g-w) > 0.1*w+2 {
				t.Errorf("%s at %v: %.0f, want %.0f", x.name, q, g, w)
			}
		}
	}
	var shares []float64
	users := map[string]int{}
	streams, failed := 0, 0
	models := map[string]int{}
	for _, c := range calls {
		users[c.User]++
		models[c.RequestModel]++
		if c.Stream {
			streams++
		}
		if c.Status == llm.StatusError {
			failed++
		}
		n := c.Usage.InputTokens.Or(0)
		if r, ok := c.Usage.CacheReadTokens.Get(); ok && n >= 4096 {
			shares = append(shares, float64(r)/float64(n))
		}
		if r, ok := c.Usage.CacheReadTokens.Get(); ok && r > n {
			t.Fatalf("%d of %d tokens cached", r, n)
		}
	}
	tab := dist.Fit(shares)
	for _, q := range []float64{0.2, 0.5, 0.9} {
		if g, w := tab.At(q), p.cached.At(q); math.Abs(g-w) > 0.06 {
			t.Errorf("cached share at %v: %.2f, want %.2f", q, g, w)
		}
	}
	if s := float64(streams) / float64(len(calls)); s < 0.45 || s > 0.85 {
		t.Errorf("%.2f of the calls stream", s)
	}
	if f := float64(failed) / float64(len(calls)); f < 0.003 || f > 0.012 {
		t.Errorf("%.4f of the calls fail without any incident", f)
	}
	byUse := make([]int, 0, len(users))
	for _, n := range users {
		byUse = append(byUse, n)
	}
	slices.SortFunc(byUse, func(a, b int) int { return cmp.Compare(b, a) })
	if top := sum(byUse[:10]); top < len(calls)/4 || len(users) < 200 {
		t.Errorf("ten of %d users make %d of %d calls: not like Zipf", len(users), top, len(calls))
	}
	if len(models) < 13 || len(spans) < len(calls)/4 {
		t.Errorf("%d models, %d spans", len(models), len(spans))
	}
}

func sum(xs []int) (n int) {
	for _, x := range xs {
		n += x
	}
	return n
}

// TestArrivalsAreAsUnevenAsTheTraces fits the generator's output in the way the
// traces were fit.
func TestArrivalsAreAsUnevenAsTheTraces(t *testing.T) {
	for _, x := range []struct {
		service  string
		want     arrivals
		from, to float64 // bounds of the clump: short gaps blur it
	}{
		{"support-chat", parameters().conv, 1, 1.3},
		{"code-assistant", parameters().code, 3.5, 7},
	} {
		cfg := quiet(11)
		cfg.Rate, cfg.Flat = 15, true
		var at []float64
		g := New(cfg)
		g.apps = slices.DeleteFunc(g.apps, func(a *app) bool { return a.service != x.service })
		for a := range g.due(day, day.Add(4*24*time.Hour)) {
			at = append(at, float64(a.at.UnixNano())/1e9)
		}
		slices.Sort(at)
		got := fitArrivals(at)
		if math.Abs(got.spread-x.want.spread) > 0.15*x.want.spread+0.03 || math.Abs(got.memory-x.want.memory) > 0.12 {
			t.Errorf("%s: %+v, want %+v", x.service, got, x.want)
		}
		if got.clump < x.from || got.clump > x.to {
			t.Errorf("%s: clump %.2f, want %.2f to %.2f", x.service, got.clump, x.from, x.to)
		}
	}
}

func TestDailyShape(t *testing.T) {
	g := New(quiet(1))
	var mean, low, high float64
	low = math.Inf(1)
	for m := range 24 * 60 {
		f := g.dayFactor(day.Add(time.Duration(m) * time.Minute))
		mean += f / (24 * 60)
		low, high = min(low, f), max(high, f)
	}
	if math.Abs(mean-1) > 0.001 || high/low < 3 {
		t.Errorf("mean %v, from %v to %v", mean, low, high)
	}
}

func TestTracesHoldTogether(t *testing.T) {
	calls, spans := collect(t, Config{Seed: 5}, day.Add(9*time.Hour), day.Add(11*time.Hour))
	for _, s := range spans {
		if s.Time.Add(s.Duration).After(day.Add(11 * time.Hour)) {
			t.Fatalf("%s reaches into the future", s.Name)
		}
	}
	ids := map[string]bool{}
	byID := map[string]*llm.Span{}
	for _, s := range spans {
		byID[s.SpanID] = s
		if ids[s.ID] || len(s.TraceID) != 32 || len(s.SpanID) != 16 {
			t.Fatalf("bad ids: %+v", s)
		}
		ids[s.ID] = true
	}
	kinds := map[llm.SpanKind]int{}
	for _, s := range spans {
		kinds[s.Kind]++
		if s.ParentSpanID == "" {
			continue
		}
		p, ok := byID[s.ParentSpanID]
		if !ok || p.TraceID != s.TraceID || s.Time.Before(p.Time) || s.Time.Add(s.Duration).After(p.Time.Add(p.Duration)) {
			t.Fatalf("%s does not lie within its parent %+v", s.Name, p)
		}
	}
	for _, k := range []llm.SpanKind{llm.KindWorkflow, llm.KindAgent, llm.KindTool, llm.KindRetrieval, llm.KindOther} {
		if kinds[k] == 0 {
			t.Errorf("no span of kind %s", k)
		}
	}
	tools := 0
	for _, c := range calls {
		if ids[c.ID] {
			t.Fatalf("id %s twice", c.ID)
		}
		ids[c.ID] = true
		if p, ok := byID[c.ParentSpanID]; c.ParentSpanID != "" && (!ok || p.TraceID != c.TraceID) {
			t.Fatalf("call without its parent: %+v", c)
		}
		if len(c.Output) > 0 && c.Output[0].Parts[0].Type == llm.PartToolCall {
			tools++
		}
		if c.Stream && c.Status == llm.StatusOK {
			ttft, ok := c.TTFT.Get()
			if !ok || ttft <= 0 || ttft > c.Duration || c.Timeline.Chunks() == 0 {
				t.Fatalf("stream without a timeline: ttft %v of %v", ttft, c.Duration)
			}
			streamed := 0
			for tick := range c.Timeline.Ticks() {
				streamed += tick.Bytes
			}
			// The chunks together are the answer; of reasoning the record has no text.
			answer := 0
			for _, m := range c.Output {
				for _, p := range m.Parts {
					answer += len(p.Content)
				}
			}
			whole := c.Usage.ReasoningTokens.Or(0) == 0 && len(c.Notes) == 0
			if answer > 0 && (streamed < answer || whole && streamed != answer) {
				t.Fatalf("%d bytes in the chunks of an answer of %d", streamed, answer)
			}
		}
		if c.Provider == "" || c.Upstream == "" || c.Service == "" || c.Time.Location() != time.UTC {
			t.Fatalf("incomplete call: %+v", c)
		}
	}
	if tools == 0 {
		t.Error("no call calls a tool")
	}
}

func TestIncidentsShow(t *testing.T) {
	start := day.Add(6 * time.Hour)
	end := start.Add(12 * time.Hour)
	cfg := Config{Seed: 8, Flat: true, Rate: 1.5}
	g := New(cfg)
	if d := gocmp.Diff(DefaultIncidents(), g.Incidents()); d != "" {
		t.Error(d)
	}
	occ := g.Occurrences(start, end)
	if len(occ) < 10 || !slices.IsSortedFunc(occ, func(a, b Occurrence) int { return a.Start.Compare(b.Start) }) {
		t.Fatalf("%d occurrences", len(occ))
	}
	in := func(c *llm.Call, name string) bool {
		return slices.ContainsFunc(occ, func(o Occurrence) bool {
			return o.Incident.Name == name && !c.Time.Before(o.Start.Add(time.Minute)) && c.Time.Before(o.End.Add(-time.Minute))
		})
	}
	type tally struct {
		n, errors int
		ttft      time.Duration
		runaway   int
	}
	during, apart := map[string]*tally{}, map[string]*tally{}
	calls, _ := collect(t, cfg, start, end)
	for _, i := range DefaultIncidents() {
		d, a := &tally{}, &tally{}
		during[i.Name], apart[i.Name] = d, a
		for _, c := range calls {
			if i.User == "" && (i.Provider != c.Provider || i.Model != "" && i.Model != c.RequestModel) {
				continue
			}
			x := a
			if in(c, i.Name) {
				x = d
			}
			x.n++
			if c.Status == llm.StatusError {
				x.errors++
			}
			if c.User == i.User && i.User != "" {
				x.runaway++
			}
			x.ttft += c.TTFT.Or(0)
		}
		if d.n == 0 || a.n == 0 {
			t.Fatalf("%s: %d calls during, %d apart", i.Name, d.n, a.n)
		}
	}
	ttft := func(x *tally) float64 { return x.ttft.Seconds() / float64(x.n) }
	rate := func(x *tally) float64 { return float64(x.errors) / float64(x.n) }
	if d, a := ttft(during["slow-provider"]), ttft(apart["slow-provider"]); d < 3*a {
		t.Errorf("slow provider: %.2f s to the first token, else %.2f s", d, a)
	}
	if d, a := rate(during["rate-limit"]), rate(apart["rate-limit"]); d < 0.4 || a > 0.05 {
		t.Errorf("rate limit: %.2f of the calls fail, else %.3f", d, a)
	}
	if d, a := rate(during["server-errors"]), rate(apart["server-errors"]); d < 0.25 || a > 0.05 {
		t.Errorf("server errors: %.2f of the calls fail, else %.3f", d, a)
	}
	if d, a := ttft(during["saturated-gpu"]), ttft(apart["saturated-gpu"]); d < 5*a {
		t.Errorf("saturated GPU: %.2f s to the first token, else %.2f s", d, a)
	}
	if d, a := during["runaway-user"], apart["runaway-user"]; d.runaway < 500 || a.runaway > d.runaway {
		t.Errorf("runaway user: %d calls during, %d apart", d.runaway, a.runaway)
	}
}

func TestOccurrenceAtItsEdges(t *testing.T) {
	i := Incident{Every: time.Hour, Offset: 55 * time.Minute, Length: 10 * time.Minute} // reaches into the next hour
	for at, want := range map[string]bool{"10:54:59": false, "10:55:00": true, "11:04:59": true, "11:05:00": false} {
		when, err := time.Parse("2006-01-02 15:04:05", "2026-11-20 "+at)
		if err != nil {
			t.Fatal(err)
		}
		o, got := i.at(when)
		if got != want {
			t.Errorf("at %s: %v, want %v", at, got, want)
		}
		if got && o.Start.Format("15:04") != "10:55" {
			t.Errorf("at %s: started %v", at, o.Start)
		}
	}
}

func TestPoisson(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, mean := range []float64{0.2, 3, 49, 51, 400} {
		var xs []float64
		for range 20000 {
			xs = append(xs, float64(poisson(r, mean)))
		}
		m, v := moments(xs)
		if math.Abs(m-mean) > 0.03*mean+0.02 || math.Abs(v-mean) > 0.08*mean+0.03 {
			t.Errorf("mean %v: drew mean %v, variance %v", mean, m, v)
		}
	}
}

func TestMaxText(t *testing.T) {
	cfg := quiet(2)
	cfg.MaxText = 100
	calls, _ := collect(t, cfg, day, day.Add(time.Hour))
	for _, c := range calls {
		for _, m := range slices.Concat(c.Input, c.Output) {
			for _, p := range m.Parts {
				if len(p.Content) > 400 {
					t.Fatalf("%d bytes of text in %s", len(p.Content), c.Service)
				}
			}
		}
	}
	chinese := slices.ContainsFunc(calls, func(c *llm.Call) bool { return strings.Contains(c.Input[len(c.Input)-1].Parts[0].Content, "。") })
	if !chinese {
		t.Error("no Chinese prompt")
	}
}

func TestHistoryStops(t *testing.T) {
	n := 0
	err := New(Config{}).History(day, day.Add(time.Hour), func(llm.Record) error {
		n++
		return context.Canceled
	})
	if !errors.Is(err, context.Canceled) || n != 1 {
		t.Errorf("%d records, %v", n, err)
	}
}

func BenchmarkHistory(b *testing.B) {
	g := New(Config{Seed: 1, Rate: 50})
	b.ReportAllocs()
	calls, start := 0, day
	for b.Loop() {
		if err := g.History(start, start.Add(time.Minute), func(r llm.Record) error {
			if r.Call != nil {
				calls++
			}
			return nil
		}); err != nil {
			b.Fatal(err)
		}
		start = start.Add(time.Minute)
	}
	b.ReportMetric(float64(calls)/b.Elapsed().Seconds(), "calls/s")
}
