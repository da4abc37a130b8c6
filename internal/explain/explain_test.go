package explain

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"math/rand/v2"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// incidentOf makes one scenario of a kind.
func incidentOf(t *testing.T, kind string, seed uint64, calls float64) *scenario {
	t.Helper()
	for _, k := range incidentKinds() {
		if k.name == kind {
			s := &scenario{kind: kind, since: epoch.Add(12 * time.Minute)}
			w := newWorld(seed)
			k.make(w, s, calls/1800, 30*time.Minute)
			return s
		}
	}
	t.Fatalf("there is no incident %q", kind)
	return nil
}

func explainRows(t *testing.T, req Request, src Source) *Explanation {
	t.Helper()
	e, err := Explain(t.Context(), req, src)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// The sentence of the issue, with all that leads on.
func TestAnAlertSaysWhy(t *testing.T) {
	s := incidentOf(t, "provider-429", 3, 3000)
	s.req.Metric = ErrorRate
	provider := s.truth[0][0].Value
	// One user makes most of the provider's requests from then on.
	for i := range s.rows {
		r := &s.rows[i]
		if r.Values[DimProvider] == provider && !r.Time.Before(s.since) && i%5 < 3 {
			r.Values[DimUser] = "u17"
		}
	}
	e := explainRows(t, s.req, s.rows)
	if e.Verdict != Explained || len(e.Causes) == 0 {
		t.Fatalf("%s", e)
	}
	for _, want := range []string{
		`^Error rate [\d.]+ % \([\d.]+ % before\): \d+ % of the errors are 429 rate_limit_exceeded of provider ` + provider,
		`since 10:4\d UTC`, `user u17 makes \d\d % of its requests`,
	} {
		if !regexp.MustCompile(want).MatchString(e.Summary) {
			t.Errorf("%q does not match %s", e.Summary, want)
		}
	}
	for _, want := range []string{"错误率", "提供商 " + provider, "429", "用户 u17"} {
		if !strings.Contains(e.SummaryZH, want) {
			t.Errorf("%q lacks %s", e.SummaryZH, want)
		}
	}
	c := e.Causes[0]
	if len(c.Exemplars) != 3 {
		t.Errorf("%d exemplars", len(c.Exemplars))
	}
	for _, x := range c.Exemplars {
		i := slices.IndexFunc(s.rows, func(r Row) bool { return r.ID == x.ID })
		if i < 0 || s.rows[i].Values[DimProvider] != provider || s.rows[i].Values[DimHTTPStatus] != "429" || x.TraceID == "" {
			t.Errorf("exemplar %+v is none", x)
		}
	}
	if want := `provider:="` + provider + `" http_status:="429" error_type:="rate_limit_exceeded" status:="error"`; c.Filter.LogsQL != want {
		t.Errorf("filter %s, want %s", c.Filter.LogsQL, want)
	}
	a := e.Annotations(Links{Base: "http://pitot.example:4400/"})
	links := strings.Split(a["explanation_links"], "\n")
	if a["explanation"] != e.Summary || a["explanation_zh"] != e.SummaryZH || len(links) != 4 ||
		!strings.HasPrefix(links[0], "calls: http://pitot.example:4400/api/pitot/v1/calls?") || !strings.Contains(links[1], "/jaeger/api/traces/"+c.Exemplars[0].TraceID) {
		t.Errorf("annotations %v", a)
	}
	if text := e.String(); !strings.Contains(text, "1. ") || !strings.Contains(text, "LogsQL:") {
		t.Errorf("text:\n%s", text)
	}
	b, err := json.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`"verdict":"explained"`, `"conditions":[{"dimension":"provider"`, `"since":"2026-11-20T10:4`, `"exemplars":[{"id":"01TEST`, `"error_kinds":[`} {
		if !strings.Contains(string(b), want) {
			t.Errorf("the JSON lacks %s:\n%s", want, b)
		}
	}
}

// These calls against those, at the same time: what do the failed ones have in
// common?
func TestAnySelectionAgainstAny(t *testing.T) {
	s := incidentOf(t, "provider-429", 8, 4000)
	req := Request{
		Metric: Requests,
		Window: Selection{Ranges: s.req.Window.Ranges, Terms: []Term{{"status", OpIs, []string{"error"}}}},
	}
	req.Baseline.Terms = []Term{{"status", OpIs, []string{"ok"}}}
	e := explainRows(t, req, s.rows)
	if len(e.Causes) == 0 || !sameConditions(e.Causes[0].Conditions, s.truth[0]) {
		t.Errorf("failed calls against others: want %v\n%s", s.truth, e)
	}
	if !strings.Contains(e.Summary, "these calls against those") || !strings.Contains(e.Summary, "in the baseline") || strings.Contains(e.Summary, "/s") {
		t.Errorf("%s", e.Summary)
	}
}

// The order of the calls, and the Source's own batches, change nothing.
func TestOrderChangesNothing(t *testing.T) {
	s := incidentOf(t, "feature-by-model", 5, 2000)
	s.req.Limits = Limits{WindowCalls: 1000, BaselineCalls: 4000}
	a := explainRows(t, s.req, s.rows)
	shuffled := slices.Clone(s.rows)
	r := rand.New(rand.NewPCG(1, 1))
	r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	b := explainRows(t, s.req, shuffled)
	if a.Summary != b.Summary || a.Window.SampledOneIn < 2 || a.Window.Calls != b.Window.Calls {
		t.Errorf("%s %v\n%s %v", a.Summary, a.Window, b.Summary, b.Window)
	}
}

// A sample says the same as the whole, and that it is one.
func TestSamplingIsUnbiased(t *testing.T) {
	s := incidentOf(t, "provider-429", 12, 9000)
	s.req.Metric = ErrorRate
	whole := explainRows(t, s.req, s.rows)
	s.req.Limits = Limits{WindowCalls: 3000, BaselineCalls: 5000}
	part := explainRows(t, s.req, s.rows)
	near := func(what string, got, want, within float64) {
		t.Helper()
		if math.Abs(got-want) > within*want {
			t.Errorf("%s: %v of a sample, %v of all", what, got, want)
		}
	}
	near("calls", part.Window.Calls, whole.Window.Calls, 0.1)
	near("baseline calls", part.Baseline.Calls, whole.Baseline.Calls, 0.1)
	near("error rate", part.Window.Value.Or(0), whole.Window.Value.Or(0), 0.15)
	if part.Baseline.SampledOneIn < 2 || len(part.Notes) == 0 || len(part.Notes) != len(part.NotesZH) {
		t.Errorf("sampling is not said: %+v %v", part.Baseline, part.Notes)
	}
	if !sameConditions(part.Causes[0].Conditions, whole.Causes[0].Conditions) {
		t.Errorf("%v and %v", part.Causes[0].Conditions, whole.Causes[0].Conditions)
	}
	f := s.req
	f.Metric = Requests
	near("rate", explainRows(t, f, s.rows).Window.Value.Or(0), whole.Window.Calls/1800, 0.1)
}

// Weights count as calls, and are no more evidence than one.
func TestWeights(t *testing.T) {
	s := incidentOf(t, "provider-429", 12, 3000)
	s.req.Metric = ErrorRate
	plain := explainRows(t, s.req, s.rows)
	for i := range s.rows {
		s.rows[i].Weight = 10
	}
	heavy := explainRows(t, s.req, s.rows)
	if math.Abs(heavy.Window.Calls-10*plain.Window.Calls) > 1 || heavy.Window.Value != plain.Window.Value {
		t.Errorf("%+v and %+v", plain.Window, heavy.Window)
	}
	if math.Abs(heavy.Causes[0].Score-plain.Causes[0].Score) > 0.01*plain.Causes[0].Score {
		t.Errorf("scores %v and %v", plain.Causes[0].Score, heavy.Causes[0].Score)
	}
}

// Contributions of amounts add up, and no share is above the whole.
func TestSharesAreShares(t *testing.T) {
	if testing.Short() {
		t.Skip("makes 16 incidents")
	}
	for seed := range uint64(4) {
		for _, kind := range []string{"user-flood", "provider-429", "model-slow", "mix-to-slow-feature"} {
			s := incidentOf(t, kind, 100+seed, 1500)
			e := explainRows(t, s.req, s.rows)
			sum := 0.0
			for _, c := range e.Causes {
				for _, v := range []float64{c.WindowShare.Or(0), c.BaselineShare.Or(0), c.OutcomeShare.Or(0), c.EventShare.Or(0), c.P} {
					if v < 0 || v > 1+1e-9 {
						t.Errorf("%s %d: a share of %v: %+v", kind, seed, v, c)
					}
				}
				sum += c.Contribution.Or(0)
				if c.WindowCalls > e.Window.Calls+0.5 {
					t.Errorf("%s %d: more calls than there are: %+v", kind, seed, c)
				}
				if c.Since != nil && c.Until != nil && c.Until.Before(*c.Since) {
					t.Errorf("%s %d: from %v until %v", kind, seed, c.Since, c.Until)
				}
				for _, x := range c.Exemplars {
					if !(Selection{}.with(c.Conditions...)).Match(&s.rows[slices.IndexFunc(s.rows, func(r Row) bool { return r.ID == x.ID })]) {
						t.Errorf("%s %d: exemplar %v is not of %v", kind, seed, x.ID, c.Conditions)
					}
				}
			}
			if sum > 1.6 {
				t.Errorf("%s %d: contributions of %v: %s", kind, seed, sum, e)
			}
		}
	}
}

func TestTooFewCalls(t *testing.T) {
	s := incidentOf(t, "provider-429", 1, 500)
	s.req.Metric = ErrorRate
	for name, rows := range map[string]Rows{"none": {}, "a few": s.rows[:9]} {
		e := explainRows(t, s.req, rows)
		if e.Verdict != Unknown || len(e.Causes) != 0 || len(e.Notes) == 0 || e.Summary == "" || e.SummaryZH == "" {
			t.Errorf("%s: %s", name, e)
		}
	}
	// A number that no call has is unknown, not 0.
	s.req.Metric = StallRate
	for i := range s.rows {
		s.rows[i].Nums[NumStall] = math.NaN()
	}
	if e := explainRows(t, s.req, s.rows); e.Verdict != Unknown || e.Window.Value.Known() {
		t.Errorf("%s %v", e, e.Window.Value)
	}
}

func TestBadRequests(t *testing.T) {
	r := Range{epoch, epoch.Add(time.Hour)}
	for name, req := range map[string]Request{
		"metric":    {Metric: "nosuch", Window: Selection{Ranges: []Range{r}}},
		"window":    {Metric: ErrorRate},
		"baseline":  {Metric: ErrorRate, Window: Selection{Ranges: []Range{r}}, Baseline: Selection{Ranges: []Range{{r.End, r.Start}}}},
		"direction": {Metric: ErrorRate, Window: Selection{Ranges: []Range{r}}, Direction: 2},
		"max_depth": {Metric: ErrorRate, Window: Selection{Ranges: []Range{r}}, MaxDepth: 4},
		"limits":    {Metric: ErrorRate, Window: Selection{Ranges: []Range{r}}, Limits: Limits{WindowCalls: -1}},
	} {
		_, err := Explain(t.Context(), req, Rows{})
		var bad *RequestError
		if !errors.As(err, &bad) || !strings.HasPrefix(bad.Param, name) {
			t.Errorf("%s: %v", name, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Explain(ctx, Request{Metric: ErrorRate, Window: Selection{Ranges: []Range{r}}}, Rows(make([]Row, 5000))); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}

// More values than are kept are one, and no cause; more tags than are kept are
// left out; both are bounded.
func TestManyValuesAndTags(t *testing.T) {
	s := incidentOf(t, "provider-429", 3, 1500)
	s.req.Metric, s.req.Limits = ErrorRate, Limits{Values: 20, Tags: 2}
	for i := range s.rows {
		for k := range 40 {
			if (i+k)%(k+1) == 0 {
				s.rows[i].Tags = append(s.rows[i].Tags, Tag{"tag" + string(rune('A'+k)), "v"})
			}
		}
	}
	e := explainRows(t, s.req, s.rows)
	for _, c := range e.Causes {
		for _, k := range c.Conditions {
			if k.Value == "__other__" {
				t.Errorf("a cause of what is not told apart: %v", c.Conditions)
			}
		}
	}
	if len(e.Causes) == 0 {
		t.Errorf("%s", e)
	}
}

func TestScored(t *testing.T) {
	s := incidentOf(t, "quality-drop", 4, 2000)
	scores := map[string]float64{}
	for i := range s.rows {
		if v := s.rows[i].Nums[NumQuality]; !math.IsNaN(v) && i%2 == 0 {
			scores[s.rows[i].ID] = v
		}
		s.rows[i].Nums[NumQuality] = math.NaN()
	}
	e := explainRows(t, s.req, Scored(s.rows, scores))
	if len(e.Causes) == 0 || !slices.Contains(e.Causes[0].Conditions, s.truth[0][0]) && !slices.Contains(e.Causes[0].Same, s.truth[0][0]) {
		t.Errorf("want %v: %s", s.truth, e)
	}
}

func TestNames(t *testing.T) {
	for _, n := range MetricNames() {
		if m, ok := ParseMetric(n); !ok || string(m) != n {
			t.Errorf("%s reads as %s", n, m)
		}
	}
	for _, n := range DimensionNames() {
		if d, ok := ParseDim(n); !ok || d.String() != n {
			t.Errorf("%s reads as %s", n, d)
		}
	}
	if m, ok := ParseMetric("Latency"); !ok || m != LatencyP95 {
		t.Errorf("latency reads as %s", m)
	}
	for v, want := range map[float64]string{0.94: "94 %", 0.0123: "1.2 %", 1: "100 %", 0.00034: "0.034 %", 0: "0 %"} {
		if got := percent(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
	for v, want := range map[float64]string{0.0018: "1.8 ms", 0.31: "310 ms", 8.23: "8.2 s", 123: "123 s"} {
		if got := seconds(v); got != want {
			t.Errorf("%v is %s, want %s", v, got, want)
		}
	}
}
