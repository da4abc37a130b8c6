package events

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/llm"
)

// validCall returns c as it can be stored: its text is valid UTF-8.
func validCall(t *testing.T, c *llm.Call) *llm.Call {
	t.Helper()
	b, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	var out llm.Call
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	return &out
}

// dataset is n Calls of one service, stored, with their oracle.
func dataset(t *testing.T, s *Store, service string, n int, from time.Time, over time.Duration, seed uint64) []*llm.Call {
	t.Helper()
	r := rand.New(rand.NewPCG(seed, 1))
	cs := make([]*llm.Call, n)
	for i := range cs {
		at := from.Add(time.Duration(r.Int64N(int64(over))))
		if i%50 == 0 {
			at = at.Truncate(over / 10) // many Calls of one moment
		}
		cs[i] = validCall(t, randomCall(r, at, service))
	}
	insert(t, s, calls(cs)...)
	return cs
}

func ids(cs []*llm.Call) []string {
	out := make([]string, len(cs))
	for i, c := range cs {
		out[i] = c.ID
	}
	return out
}

func newestFirst(cs []*llm.Call) []*llm.Call {
	out := slices.Clone(cs)
	slices.SortFunc(out, func(a, b *llm.Call) int {
		if c := b.Time.Compare(a.Time); c != 0 {
			return c
		}
		return strings.Compare(b.ID, a.ID)
	})
	return out
}

func where(cs []*llm.Call, keep func(*llm.Call) bool) []*llm.Call {
	return slices.DeleteFunc(slices.Clone(cs), func(c *llm.Call) bool { return !keep(c) })
}

// filters are conditions with what they mean.
func filters(cs []*llm.Call) map[string]struct {
	f    CallFilter
	keep func(*llm.Call) bool
} {
	type tc = struct {
		f    CallFilter
		keep func(*llm.Call) bool
	}
	mid := cs[len(cs)/2].Time
	out := map[string]tc{
		"all":          {CallFilter{}, func(*llm.Call) bool { return true }},
		"provider":     {CallFilter{Provider: "anthropic"}, func(c *llm.Call) bool { return c.Provider == "anthropic" }},
		"environment":  {CallFilter{Environment: "prod"}, func(c *llm.Call) bool { return c.Environment == "prod" }},
		"model asked":  {CallFilter{Model: "gpt-4o"}, func(c *llm.Call) bool { return c.RequestModel == "gpt-4o" }},
		"model given":  {CallFilter{Model: "gpt-4o-2025"}, func(c *llm.Call) bool { return c.ResponseModel == "gpt-4o-2025" }},
		"errors":       {CallFilter{Status: "error"}, func(c *llm.Call) bool { return c.Status == llm.StatusError }},
		"user":         {CallFilter{User: "u1", Status: "ok"}, func(c *llm.Call) bool { return c.User == "u1" && c.Status == llm.StatusOK }},
		"session":      {CallFilter{Session: "s2"}, func(c *llm.Call) bool { return c.Session == "s2" }},
		"feature":      {CallFilter{Feature: "search"}, func(c *llm.Call) bool { return c.Feature == "search" }},
		"error type":   {CallFilter{ErrorType: "timeout"}, func(c *llm.Call) bool { return c.ErrorType == "timeout" }},
		"slow":         {CallFilter{MinDuration: 3 * time.Second}, func(c *llm.Call) bool { return c.Duration >= 3*time.Second }},
		"fast":         {CallFilter{MaxDuration: 100 * time.Millisecond}, func(c *llm.Call) bool { return c.Duration <= 100*time.Millisecond }},
		"agent":        {CallFilter{Agent: "planner"}, func(c *llm.Call) bool { return c.Agent == "planner" }},
		"dialect":      {CallFilter{Dialect: "openlit", Agent: "planner"}, func(c *llm.Call) bool { return c.Agent == "planner" && c.Dialect == "openlit" }},
		"tag":          {CallFilter{Tags: map[string]string{"team": "a"}}, func(c *llm.Call) bool { return c.Tags["team"] == "a" }},
		"logsql":       {CallFilter{Query: `usage.output_tokens:>400 or error_type:="timeout"`}, func(c *llm.Call) bool { return c.Usage.OutputTokens.Or(0) > 400 || c.ErrorType == "timeout" }},
		"first half":   {CallFilter{Range: Range{End: mid}}, func(c *llm.Call) bool { return c.Time.Before(mid) }},
		"second half":  {CallFilter{Range: Range{Start: mid}}, func(c *llm.Call) bool { return !c.Time.Before(mid) }},
		"trace":        {CallFilter{TraceID: cs[0].TraceID}, func(c *llm.Call) bool { return cs[0].TraceID == "" || c.TraceID == cs[0].TraceID }},
		"search":       {CallFilter{Search: "question 42"}, func(c *llm.Call) bool { return strings.Contains(c.Input[0].Parts[0].Content, "question 42 ") }},
		"search break": {CallFilter{Search: "break"}, func(c *llm.Call) bool { return hasText(c, "\nbreak\t") }},
		"nothing":      {CallFilter{User: "nobody"}, func(*llm.Call) bool { return false }},
	}
	for i, odd := range oddStrings {
		out[fmt.Sprint("odd ", i)] = tc{CallFilter{Tags: map[string]string{"odd": odd}}, func(c *llm.Call) bool { return c.Tags["odd"] == odd }}
		out[fmt.Sprint("odd user ", i)] = tc{CallFilter{User: odd}, func(*llm.Call) bool { return false }}
	}
	return out
}

func hasText(c *llm.Call, text string) bool {
	return strings.Contains(c.Input[0].Parts[0].Content, text) || strings.Contains(c.Output[0].Parts[0].Content, text) || strings.Contains(c.ErrorMessage, text)
}

func TestQueriesAgreeWithOracle(t *testing.T) {
	s := testStore(t)
	const service = `oracle "service" {x}`
	from := time.Now().UTC().Add(-40 * time.Minute).Truncate(time.Minute)
	all := dataset(t, s, service, 3000, from, 30*time.Minute, 7)
	// Another service must not show.
	dataset(t, s, "other service", 100, from, 30*time.Minute, 8)
	for name, f := range filters(all) {
		t.Run(name, func(t *testing.T) {
			f.f.Service = service
			want := where(all, f.keep)
			if len(want) == 0 && name != "nothing" && !strings.HasPrefix(name, "odd") {
				t.Fatal("the case selects nothing")
			}
			checkList(t, s, f.f, want)
			if strings.HasPrefix(name, "odd") {
				return // what quoting gets wrong shows in the list
			}
			checkTotals(t, s, f.f, want)
			checkFacets(t, s, f.f, want)
			checkLatency(t, s, f.f, want)
		})
	}
}

func TestTenThousandCalls(t *testing.T) {
	s := testStore(t)
	from := time.Now().UTC().Add(-3 * time.Hour)
	all := dataset(t, s, "many", 10_000, from, 2*time.Hour, 17)
	checkTotals(t, s, CallFilter{Service: "many"}, all)
	got, err := s.Calls(t.Context(), CallQuery{CallFilter: CallFilter{Service: "many"}, Limit: MaxLimit})
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(ids(newestFirst(all)), ids(got.Calls)); d != "" {
		t.Errorf("(-want +got): %.2000s", d)
	}
}

// checkList pages through all Calls in both orders of time.
func checkList(t *testing.T, s *Store, f CallFilter, want []*llm.Call) {
	t.Helper()
	wantIDs := ids(newestFirst(want))
	for _, order := range []string{OrderNewest, OrderOldest} {
		var got []*llm.Call
		q := CallQuery{CallFilter: f, Order: order, Limit: 677}
		for {
			page, err := s.Calls(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, page.Calls...)
			if q.Cursor = page.NextCursor; q.Cursor == "" {
				break
			}
		}
		if d := cmp.Diff(wantIDs, ids(got)); d != "" {
			t.Fatalf("%s (-want +got):\n%s", order, d)
		}
		slices.Reverse(wantIDs)
	}
	page, err := s.Calls(t.Context(), CallQuery{CallFilter: f, Order: OrderSlowest, Limit: 20})
	if err != nil {
		t.Fatal(err)
	}
	slow := slices.Clone(want)
	slices.SortFunc(slow, func(a, b *llm.Call) int { return int(b.Duration - a.Duration) })
	for i, c := range page.Calls {
		if c.Duration != slow[i].Duration {
			t.Errorf("slowest %d lasts %v, want %v", i, c.Duration, slow[i].Duration)
		}
	}
	byID := map[string]*llm.Call{}
	for _, c := range want {
		byID[c.ID] = c
	}
	for _, c := range page.Calls {
		w := *byID[c.ID]
		w.Input, w.Output, w.Params, w.Timeline = nil, nil, nil, llm.Timeline{}
		c.Timeline = llm.Timeline{}
		if d := cmp.Diff(&w, c, equal); d != "" {
			t.Errorf("call %s in list (-want +got):\n%s", c.ID, d)
		}
	}
}

// oracleTotals adds up Calls.
func oracleTotals(cs []*llm.Call) Totals {
	t := Totals{ByState: map[llm.CostState]StateTotal{}}
	for _, c := range cs {
		t.Calls++
		if c.Status == llm.StatusError {
			t.Errors++
		}
		t.InputTokens += c.Usage.InputTokens.Or(0)
		t.OutputTokens += c.Usage.OutputTokens.Or(0)
		t.CacheReadTokens += c.Usage.CacheReadTokens.Or(0)
		t.CacheWriteTokens += c.Usage.CacheWriteTokens.Or(0)
		t.ReasoningTokens += c.Usage.ReasoningTokens.Or(0)
		t.CostUSD += c.Cost.USD.Or(0)
		t.DurationSeconds += c.Duration.Seconds()
		st := t.ByState[c.Cost.State]
		st.Calls++
		st.CostUSD += c.Cost.USD.Or(0)
		t.ByState[c.Cost.State] = st
	}
	return t
}

var nearly = cmp.Options{cmpopts.EquateApprox(1e-9, 1e-12), cmpopts.EquateEmpty(), cmp.AllowUnexported(llm.Opt[float64]{})}

func checkTotals(t *testing.T, s *Store, f CallFilter, want []*llm.Call) {
	t.Helper()
	sum, err := s.Summary(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(oracleTotals(want), sum.Totals, nearly); d != "" {
		t.Errorf("summary (-want +got):\n%s", d)
	}
	errorTypes := map[string]int64{}
	for _, c := range want {
		if c.Status == llm.StatusError {
			errorTypes[c.ErrorType]++
		}
	}
	for _, e := range sum.Errors {
		if errorTypes[e.Value] != e.Count {
			t.Errorf("%d errors %s, want %d", e.Count, e.Value, errorTypes[e.Value])
		}
	}
	if len(sum.Errors) != len(errorTypes) {
		t.Errorf("errors = %v, want %v", sum.Errors, errorTypes)
	}
	for _, step := range []time.Duration{0, 10 * time.Minute} {
		groups, err := s.Costs(t.Context(), CostQuery{CallFilter: f, By: []string{"model", "user"}, Step: step})
		if err != nil {
			t.Fatal(err)
		}
		oracle := map[string][]*llm.Call{}
		for _, c := range want {
			oracle[costKey(c.Time, step, c.Model(), c.User)] = append(oracle[costKey(c.Time, step, c.Model(), c.User)], c)
		}
		if len(groups) != len(oracle) {
			t.Errorf("%d groups, want %d", len(groups), len(oracle))
		}
		for _, g := range groups {
			at := g.Time
			if d := cmp.Diff(oracleTotals(oracle[costKey(at, step, g.Values["model"], g.Values["user"])]), g.Totals, nearly); d != "" {
				t.Errorf("group %v (-want +got):\n%s", g, d)
			}
		}
	}
}

func costKey(at time.Time, step time.Duration, values ...string) string {
	if step > 0 {
		values = append(values, at.UTC().Truncate(step).Format(time.RFC3339))
	}
	return strings.Join(values, "\x00")
}

func checkFacets(t *testing.T, s *Store, f CallFilter, want []*llm.Call) {
	t.Helper()
	facets, err := s.Facets(t.Context(), FacetQuery{CallFilter: f, Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	oracle := map[string]map[string]int64{}
	add := func(field, value string) {
		if value != "" {
			if oracle[field] == nil {
				oracle[field] = map[string]int64{}
			}
			oracle[field][value]++
		}
	}
	for _, c := range want {
		add("service", c.Service)
		add("environment", c.Environment)
		add("provider", c.Provider)
		add("model", c.Model())
		add("operation", string(c.Operation))
		add("status", string(c.Status))
		add("error_type", c.ErrorType)
		add("user", c.User)
		add("session", c.Session)
		add("feature", c.Feature)
		add("agent", c.Agent)
		add("dialect", c.Dialect)
		add("source", string(c.Source))
		add("cost.state", string(c.Cost.State))
		if c.Stream {
			add("stream", "true")
		}
	}
	got := map[string]map[string]int64{}
	for _, facet := range facets {
		got[facet.Field] = map[string]int64{}
		for _, v := range facet.Values {
			got[facet.Field][v.Value] = v.Count
		}
	}
	if d := cmp.Diff(oracle, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("facets (-want +got):\n%s", d)
	}
}

func checkLatency(t *testing.T, s *Store, f CallFilter, want []*llm.Call) {
	t.Helper()
	sum, err := s.Summary(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	if len(want) == 0 {
		if sum.Latency != nil || sum.SuccessRate.Known() {
			t.Errorf("latency of nothing = %v, success rate %v", sum.Latency, sum.SuccessRate)
		}
		return
	}
	var d []float64
	total := 0.0
	for _, c := range want {
		d = append(d, c.Duration.Seconds())
		total += c.Duration.Seconds()
	}
	slices.Sort(d)
	if got, want := sum.Latency.Avg, total/float64(len(d)); math.Abs(got-want) > 1e-9*want {
		t.Errorf("avg = %v, want %v", got, want)
	}
	for q, got := range map[float64]float64{0.5: sum.Latency.P50, 0.95: sum.Latency.P95, 0.99: sum.Latency.P99} {
		i := q * float64(len(d))
		low, high := d[max(int(i)-2, 0)], d[min(int(i)+2, len(d)-1)]
		if got < low-1e-9 || got > high+1e-9 {
			t.Errorf("p%v = %v, want %v to %v", q*100, got, low, high)
		}
	}
}

func TestCallHasAllItsContent(t *testing.T) {
	s := testStore(t)
	r := rand.New(rand.NewPCG(3, 3))
	now := time.Now().UTC()
	var cs []*llm.Call
	for range 100 {
		cs = append(cs, validCall(t, randomCall(r, now.Add(-time.Duration(r.Int64N(int64(time.Hour)))), "content")))
	}
	full := fullCall()
	full.Time = now.Add(-time.Minute)
	full.ID = newID(full.Time, r)
	big := fullCall()
	big.Time = now.Add(-2 * time.Minute)
	big.ID = "not-a-ulid"
	big.Input[0].Parts[0].Content = strings.Repeat("日本\n\"x\" ", 300_000)
	big.Output[0].Parts[0].Content = strings.Repeat("y\x01\u2028", 200_000)
	cs = append(cs, full, big)
	insert(t, s, calls(cs)...)
	for _, want := range cs {
		got, err := s.Call(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Call, equal); d != "" {
			t.Errorf("call %s (-want +got): %.2000s", want.ID, d)
		}
	}
	for _, id := range []string{"", "nope", newID(now, r), `" or id:*`, strings.Repeat("x", 500)} {
		if _, err := s.Call(t.Context(), id); !errors.Is(err, ErrNotFound) {
			t.Errorf("Call(%q) = %v", id, err)
		}
	}
}

// The engine stores a field whose values all look like decimals as numbers.
func TestDecimalTextIsKept(t *testing.T) {
	s := testStore(t)
	now := time.Now().UTC().Add(-time.Minute)
	var cs []*llm.Call
	for i := range 200 {
		c := &llm.Call{ID: fmt.Sprintf("decimal%03d", i), Time: now.Add(time.Duration(i)), Service: "decimals", Status: llm.StatusOK}
		c.PromptVersion = fmt.Sprintf("%d.%d0", i/10, i%10)
		c.User, c.Session = fmt.Sprintf("%d_%d.0", i+1, i), fmt.Sprintf("-%d.00", i+1)
		c.Cost = llm.Cost{State: llm.CostComputed, USD: llm.Some(float64(i) / 10)}
		c.Tags = map[string]string{"version": fmt.Sprintf("1.%d0", i)}
		c.Params = map[string]any{"temperature": float64(i) / 100, "text": fmt.Sprintf("%d.0", i)}
		cs = append(cs, c)
	}
	insert(t, s, calls(cs)...)
	for _, want := range cs {
		got, err := s.Call(t.Context(), want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(want, got.Call, exactly); d != "" {
			t.Fatalf("(-want +got):\n%s", d)
		}
	}
	page, err := s.Calls(t.Context(), CallQuery{CallFilter: CallFilter{Service: "decimals"}, Order: OrderOldest, Limit: 200})
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range page.Calls {
		want := *cs[i]
		want.Params = nil
		if d := cmp.Diff(&want, c, exactly); d != "" {
			t.Fatalf("in list (-want +got):\n%s", d)
		}
	}
}

func TestPresent(t *testing.T) {
	s := testStore(t)
	now := time.Now().UTC()
	cs := dataset(t, s, "present", 500, now.Add(-time.Hour), time.Hour, 11)
	asked := append(ids(cs), "absent", `") or id:*`)
	from, to := newestFirst(cs)[len(cs)-1].Time, newestFirst(cs)[0].Time
	got, err := s.Present(t.Context(), asked, from, to)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(cs) {
		t.Errorf("%d present, want %d", len(got), len(cs))
	}
	for _, id := range ids(cs) {
		if !got[id] {
			t.Errorf("%s is missing", id)
		}
	}
	if got, err := s.Present(t.Context(), nil, from, to); err != nil || len(got) != 0 {
		t.Errorf("Present of nothing = %v, %v", got, err)
	}
}

func TestInsertRejectsWhatTheEngineWouldDrop(t *testing.T) {
	s := testStore(t)
	good := &llm.Call{ID: "good", Time: time.Now(), Service: "rejected"}
	for name, c := range map[string]*llm.Call{
		"old":    {ID: "old", Time: time.Now().Add(-61 * 24 * time.Hour), Service: "rejected"},
		"future": {ID: "future", Time: time.Now().Add(72 * time.Hour), Service: "rejected"},
	} {
		var rows [][]byte
		for _, c := range []*llm.Call{good, c} {
			row, err := AppendRow(nil, llm.Record{Call: c})
			if err != nil {
				t.Fatal(err)
			}
			rows = append(rows, row)
		}
		var rejected *RejectedError
		if err := s.Insert(t.Context(), rows); !errors.As(err, &rejected) || rejected.Rows != 1 || !rejected.Permanent() {
			t.Errorf("%s: err = %v", name, err)
		}
		if s.Accepts(c.Time) || !s.Accepts(good.Time) {
			t.Errorf("%s: Accepts disagrees with Insert", name)
		}
	}
	var rejected *RejectedError
	if err := s.Insert(t.Context(), [][]byte{[]byte("{}\n")}); !errors.As(err, &rejected) || rejected.Reason != "malformed" {
		t.Errorf("malformed: %v", err)
	}
	if err := s.Insert(t.Context(), nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	page, err := s.Calls(t.Context(), CallQuery{CallFilter: CallFilter{Service: "rejected"}})
	if err != nil || len(page.Calls) != 0 {
		t.Errorf("%d calls, %v", len(page.Calls), err)
	}
}

func TestWrongQueriesAreTheUsers(t *testing.T) {
	s := testStore(t)
	for name, q := range map[string]CallQuery{
		"pipe":         {CallFilter: CallFilter{Query: "* | delete id"}},
		"syntax":       {CallFilter: CallFilter{Query: "a:("}},
		"close":        {CallFilter: CallFilter{Query: ") or (id:*"}},
		"status":       {CallFilter: CallFilter{Status: "weird"}},
		"range":        {CallFilter: CallFilter{Range: Range{Start: time.Now(), End: time.Now().Add(-time.Hour)}}},
		"order":        {Order: "random"},
		"limit":        {Limit: -1},
		"too many":     {Limit: 1 << 20},
		"cursor":       {Cursor: "zzz"},
		"other cursor": {Cursor: cursor{Filter: "x"}.String()},
	} {
		var qe *QueryError
		if _, err := s.Calls(t.Context(), q); !errors.As(err, &qe) {
			t.Errorf("%s: err = %v", name, err)
		}
	}
	var qe *QueryError
	if _, err := s.Costs(t.Context(), CostQuery{By: []string{"nope"}}); !errors.As(err, &qe) {
		t.Errorf("by: %v", err)
	}
	if _, err := s.Costs(t.Context(), CostQuery{Step: time.Millisecond}); !errors.As(err, &qe) {
		t.Errorf("step: %v", err)
	}
	if _, err := s.Facets(t.Context(), FacetQuery{Fields: []string{"input"}}); !errors.As(err, &qe) {
		t.Errorf("fields: %v", err)
	}
}

func TestTimeline(t *testing.T) {
	s := testStore(t)
	from := time.Now().UTC().Add(-2 * time.Hour).Truncate(time.Hour)
	all := dataset(t, s, "timeline", 1000, from, time.Hour, 21)
	f := CallFilter{Service: "timeline", Range: Range{from, from.Add(time.Hour)}}
	tl, err := s.Timeline(t.Context(), TimelineQuery{CallFilter: f, Step: 10 * time.Minute, By: "user", Limit: 2})
	if err != nil {
		t.Fatal(err)
	}
	if len(tl.Times) != 6 || len(tl.Series) != 3 || tl.Series[2].Value != OtherValue {
		t.Fatalf("%d times, series %v", len(tl.Times), tl.Series)
	}
	top := map[string]bool{tl.Series[0].Value: true, tl.Series[1].Value: true}
	for _, series := range tl.Series {
		for i, at := range tl.Times {
			want := where(all, func(c *llm.Call) bool {
				in := series.Value == c.User || series.Value == OtherValue && !top[c.User]
				return in && c.Time.Truncate(10*time.Minute).Equal(at)
			})
			sum := oracleTotals(want)
			if series.Calls[i] != sum.Calls || series.Errors[i] != sum.Errors || series.InputTokens[i] != sum.InputTokens ||
				series.OutputTokens[i] != sum.OutputTokens || math.Abs(series.CostUSD[i]-sum.CostUSD) > 1e-9 {
				t.Errorf("%s at %v: %d calls, want %d", series.Value, at, series.Calls[i], sum.Calls)
			}
		}
	}
	auto, err := s.Timeline(t.Context(), TimelineQuery{CallFilter: f})
	if err != nil || auto.Step != 60 || len(auto.Times) != 60 || len(auto.Series) != 1 {
		t.Errorf("default step = %v, %d times, %d series, %v", auto.Step, len(auto.Times), len(auto.Series), err)
	}
}

func TestModels(t *testing.T) {
	s := testStore(t)
	from := time.Now().UTC().Add(-time.Hour)
	all := dataset(t, s, "models", 600, from, 30*time.Minute, 31)
	got, err := s.Models(t.Context(), CallFilter{Service: "models"})
	if err != nil {
		t.Fatal(err)
	}
	byModel := map[string][]*llm.Call{}
	for _, c := range all {
		byModel[c.Provider+" "+c.Model()] = append(byModel[c.Provider+" "+c.Model()], c)
	}
	if len(got) != len(byModel) {
		t.Errorf("%d models, want %d", len(got), len(byModel))
	}
	for _, m := range got {
		cs := byModel[m.Provider+" "+m.Model]
		if d := cmp.Diff(oracleTotals(cs), m.Totals, nearly); d != "" {
			t.Errorf("%s (-want +got):\n%s", m.Model, d)
		}
		if m.Latency == nil || m.Latency.Count != int64(len(cs)) || !m.LastSeen.Equal(newestFirst(cs)[0].Time) {
			t.Errorf("%s: latency %v, last seen %v", m.Model, m.Latency, m.LastSeen)
		}
	}
}

func TestStoreSurvivesKilledEngine(t *testing.T) {
	sup, err := engine.Start(t.Context(), engineOptions(t.TempDir()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sup.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	s := newStore(t, sup, nil)
	before := s.Epoch()
	epochs, cancel := sup.Subscribe()
	defer cancel()
	kill(t, sup.Status().PID)
	for e := range epochs {
		if e > before {
			break
		}
	}
	if s.Epoch() == before {
		t.Error("the epoch does not change")
	}
	if err := s.WaitReady(t.Context()); err != nil {
		t.Fatal(err)
	}
	dataset(t, s, "after", 10, time.Now().Add(-time.Hour), time.Hour, 1)
	page, err := s.Calls(t.Context(), CallQuery{CallFilter: CallFilter{Service: "after"}})
	if err != nil || len(page.Calls) != 10 {
		t.Errorf("%d calls, %v", len(page.Calls), err)
	}
	if err := sup.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	var down *UnavailableError
	if _, err := s.Calls(t.Context(), CallQuery{}); !errors.As(err, &down) || !errors.Is(err, engine.ErrDown) {
		t.Errorf("query of a stopped engine = %v", err)
	}
	if err := s.Insert(t.Context(), [][]byte{mustRow(t)}); !errors.As(err, &down) {
		t.Errorf("insert into a stopped engine = %v", err)
	}
}

func TestFullDiskIsAnError(t *testing.T) {
	opt := engineOptions(t.TempDir())
	opt.MinFreeDisk = 1 << 60
	sup, err := engine.Start(t.Context(), opt)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sup.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	s := newStore(t, sup, nil)
	var down *UnavailableError
	if err := s.Insert(t.Context(), [][]byte{mustRow(t)}); !errors.As(err, &down) || !strings.Contains(err.Error(), "read-only") {
		t.Errorf("insert on a full disk = %v", err)
	}
	if st, err := sup.Stats(t.Context()); err != nil || !st.ReadOnly {
		t.Errorf("stats = %+v, %v", st, err)
	}
	if _, err := s.Calls(t.Context(), CallQuery{}); err != nil {
		t.Errorf("a full disk stops queries: %v", err)
	}
}

func mustRow(t *testing.T) []byte {
	t.Helper()
	b, err := AppendRow(nil, llm.Record{Call: &llm.Call{ID: "x", Time: time.Now()}})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSharedMapKeysAreSorted(t *testing.T) {
	m := map[string]int{"b": 1, "a": 2}
	if got := sortedKeys(m); !slices.Equal(got, slices.Sorted(maps.Keys(m))) {
		t.Error(got)
	}
}
