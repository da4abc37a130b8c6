package pitot

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
)

// Filter chooses the calls of a Summary or of a Rule.
type Filter struct {
	field string
	value string
}

// ByProvider chooses the calls of one provider, as gen_ai.provider.name has it:
// openai, anthropic, aws.bedrock.
func ByProvider(name string) Filter { return Filter{"provider", name} }

// ByModel chooses the calls of one model, by the name that was asked for.
func ByModel(name string) Filter { return Filter{"model", name} }

// ByUser chooses the calls made for one user, as the property User names it.
func ByUser(id string) Filter { return Filter{"user", id} }

// ByFeature chooses the calls made for one feature, as the property Feature
// names it.
func ByFeature(name string) Filter { return Filter{"feature", name} }

// String returns the filter as field=value.
func (f Filter) String() string { return f.field + "=" + f.value }

func (f Filter) matches(k cellKey) bool {
	switch f.field {
	case "provider":
		return k.provider == f.value
	case "model":
		return k.model == f.value
	case "user":
		return k.user == f.value
	case "feature":
		return k.feature == f.value
	default:
		return true
	}
}

func matchAll(filters []Filter) func(cellKey) bool {
	return func(k cellKey) bool {
		for _, f := range filters {
			if !f.matches(k) {
				return false
			}
		}
		return true
	}
}

// Report is what a program's own calls were like over the last minutes. It
// prints as a table, and as JSON with durations in seconds.
type Report struct {
	// From and To are the time that the report covers. From is later than asked
	// for where the SDK has not run for that long or does not remember so much.
	From, To time.Time
	Filters  []Filter
	// Figures are those of all calls that the filters chose.
	Figures
	// Models are the figures by model, most calls first.
	Models []ModelFigures
	// Folded says that more combinations of models, users and features were seen
	// at a time than are told apart: a filter may miss calls, totals do not.
	Folded bool
}

// ModelFigures are the figures of one model.
type ModelFigures struct {
	Provider, Model string
	Figures
}

// Figures are the numbers of a set of calls. What is not known is nil.
type Figures struct {
	Requests, Errors int64
	// SuccessRate is the share of calls that did not fail, 0 to 1; nil without
	// calls.
	SuccessRate *float64
	// Slow is the number of calls that passed a threshold.
	Slow int64
	// Latency is that of whole calls, TTFT the time to the first token of
	// streams; nil without any.
	Latency, TTFT *Latency
	// InputTokens and OutputTokens are sums over the calls whose usage is known;
	// nil where none is.
	InputTokens, OutputTokens *int64
	// TokensPerSecond is output over the time of generation, over all successful
	// calls for which both are known.
	TokensPerSecond *float64
	// Cost is what is known of it; nil where no call has a price.
	Cost *Costs
	// Unpriced is the number of successful calls that are missing in Cost.
	Unpriced int64
	// ErrorTypes counts failed calls by their type.
	ErrorTypes map[string]int64
}

// Latency is a distribution of durations. The average is exact, the quantiles
// are within 2 % of the true ones.
type Latency struct {
	Count                  int64
	Average, P50, P95, P99 time.Duration
}

// Costs are sums in US dollars by how far they can be trusted.
type Costs struct {
	USD       float64 // all of them
	Reported  float64 // by the provider
	Computed  float64 // reported usage × price
	Estimated float64 // estimated usage × price
}

// Summary is what the calls of this program were like over the last window, at
// most an hour unless WithSummaryWindow says more; 0 is all that is remembered.
// The filters must all match. It needs no backend: it is answered from bounded
// memory. While the SDK is off the report is empty.
//
// Time is resolved to 1/240 of what is remembered, 15 seconds by default.
func Summary(window time.Duration, filters ...Filter) Report {
	r := current()
	if r == nil {
		return Report{Filters: filters}
	}
	return r.window.report(window, filters)
}

func (w *window) report(d time.Duration, filters []Filter) Report {
	if d <= 0 {
		d = time.Duration(len(w.slots)) * w.slot
	}
	first, last, from, to := w.span(d)
	type modelKey struct{ provider, model string }
	all, models := new(total), map[modelKey]*total{}
	match := matchAll(filters)
	folded := w.each(first, last, func(c *windowCell) {
		if !match(c.key) {
			return
		}
		all.add(c)
		k := modelKey{c.key.provider, c.key.model}
		if _, there := models[k]; !there && len(models) >= maxModels {
			k = modelKey{otherValue, otherValue}
		}
		if models[k] == nil {
			models[k] = new(total)
		}
		models[k].add(c)
	})
	out := Report{From: from, To: to, Filters: filters, Figures: all.figures(), Folded: folded}
	for k, t := range models {
		out.Models = append(out.Models, ModelFigures{k.provider, k.model, t.figures()})
	}
	slices.SortFunc(out.Models, func(a, b ModelFigures) int {
		return cmp.Or(cmp.Compare(b.Requests, a.Requests), cmp.Compare(a.Provider, b.Provider), cmp.Compare(a.Model, b.Model))
	})
	return out
}

func (t *total) figures() Figures {
	f := Figures{
		Requests: t.requests, Errors: t.errors, Slow: t.slow, Unpriced: t.unpriced, ErrorTypes: t.errorTypes,
		Latency: t.latency.latency(), TTFT: t.ttft.latency(),
	}
	if t.requests > 0 {
		f.SuccessRate = new(1 - float64(t.errors)/float64(t.requests))
	}
	if t.inputKnown > 0 {
		f.InputTokens = new(t.input)
	}
	if t.outputKnown > 0 {
		f.OutputTokens = new(t.output)
	}
	if t.generating > 0 {
		f.TokensPerSecond = new(float64(t.generated) / t.generating)
	}
	if t.priced[costReported]+t.priced[costComputed]+t.priced[costEstimated] > 0 {
		f.Cost = &Costs{Reported: t.cost[costReported], Computed: t.cost[costComputed], Estimated: t.cost[costEstimated]}
		f.Cost.USD = f.Cost.Reported + f.Cost.Computed + f.Cost.Estimated
	}
	return f
}

func (d *distribution) latency() *Latency {
	if d.n == 0 {
		return nil
	}
	return &Latency{
		Count: int64(d.n), Average: fromSeconds(d.sum / float64(d.n)),
		P50: fromSeconds(d.quantile(0.5)), P95: fromSeconds(d.quantile(0.95)), P99: fromSeconds(d.quantile(0.99)),
	}
}

func fromSeconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

// figuresJSON is the JSON form of Figures, as Pitot's API writes them.
type figuresJSON struct {
	Requests        int64            `json:"requests"`
	Errors          int64            `json:"errors"`
	SuccessRate     *float64         `json:"success_rate,omitempty"`
	Slow            int64            `json:"slow"`
	Latency         *latencyJSON     `json:"latency_seconds,omitempty"`
	TTFT            *latencyJSON     `json:"ttft_seconds,omitempty"`
	InputTokens     *int64           `json:"input_tokens,omitempty"`
	OutputTokens    *int64           `json:"output_tokens,omitempty"`
	TokensPerSecond *float64         `json:"tokens_per_second,omitempty"`
	Cost            *costsJSON       `json:"cost,omitempty"`
	Unpriced        int64            `json:"unpriced,omitempty"`
	ErrorTypes      map[string]int64 `json:"error_types,omitempty"`
}

type latencyJSON struct {
	Count int64   `json:"count"`
	Avg   float64 `json:"avg"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
}

type costsJSON struct {
	USD     float64            `json:"usd"`
	ByState map[string]float64 `json:"by_state"`
}

func (f *Figures) json() figuresJSON {
	j := figuresJSON{
		Requests: f.Requests, Errors: f.Errors, SuccessRate: f.SuccessRate, Slow: f.Slow,
		Latency: f.Latency.json(), TTFT: f.TTFT.json(), InputTokens: f.InputTokens, OutputTokens: f.OutputTokens,
		TokensPerSecond: f.TokensPerSecond, Unpriced: f.Unpriced, ErrorTypes: f.ErrorTypes,
	}
	if c := f.Cost; c != nil {
		by := map[string]float64{}
		for state, v := range map[string]float64{"reported": c.Reported, "computed": c.Computed, "estimated": c.Estimated} {
			if v != 0 {
				by[state] = v
			}
		}
		j.Cost = &costsJSON{c.USD, by}
	}
	return j
}

func (l *Latency) json() *latencyJSON {
	if l == nil {
		return nil
	}
	return &latencyJSON{l.Count, l.Average.Seconds(), l.P50.Seconds(), l.P95.Seconds(), l.P99.Seconds()}
}

// MarshalJSON encodes the figures with durations in seconds; what is not known
// is left out.
func (f Figures) MarshalJSON() ([]byte, error) { return json.Marshal(f.json()) }

// MarshalJSON encodes the figures and the name of the model.
func (m ModelFigures) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Provider string `json:"provider,omitempty"`
		Model    string `json:"model,omitempty"`
		figuresJSON
	}{m.Provider, m.Model, m.Figures.json()})
}

// MarshalJSON encodes the report.
func (r Report) MarshalJSON() ([]byte, error) {
	filters := map[string]string{}
	for _, f := range r.Filters {
		filters[f.field] = f.value
	}
	return json.Marshal(struct {
		From    time.Time         `json:"start"`
		To      time.Time         `json:"end"`
		Filters map[string]string `json:"filters,omitempty"`
		figuresJSON
		Models []ModelFigures `json:"models,omitempty"`
		Folded bool           `json:"folded,omitempty"`
	}{r.From, r.To, filters, r.Figures.json(), r.Models, r.Folded})
}

// String returns the report as a table for people.
func (r Report) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d requests in %s", r.Requests, r.To.Sub(r.From).Round(time.Second))
	for i, f := range r.Filters {
		b.WriteString([]string{" of ", ", "}[min(i, 1)] + f.String())
	}
	b.WriteByte('\n')
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, value string) { _, _ = fmt.Fprintf(t, "%s\t%s\n", name, value) } // a Builder does not fail
	row("success rate", percent(r.SuccessRate))
	row("latency", latencyText(r.Latency))
	row("time to first token", latencyText(r.TTFT))
	row("tokens in, out", number(r.InputTokens)+", "+number(r.OutputTokens))
	row("tokens per second", rate(r.TokensPerSecond))
	row("cost", costText(&r.Figures))
	row("slow", strconv.FormatInt(r.Slow, 10))
	for _, e := range sortedErrors(r.ErrorTypes) {
		row("error "+e, strconv.FormatInt(r.ErrorTypes[e], 10))
	}
	_ = t.Flush()
	if len(r.Models) > 0 {
		b.WriteByte('\n')
		t = tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(t, "model\trequests\tsuccess\tp50\tp95\tttft p50\ttokens in\ttokens out\tcost")
		for _, m := range r.Models {
			p50, p95, ttft := "-", "-", "-"
			if m.Latency != nil {
				p50, p95 = round(m.Latency.P50), round(m.Latency.P95)
			}
			if m.TTFT != nil {
				ttft = round(m.TTFT.P50)
			}
			_, _ = fmt.Fprintln(t, strings.Join([]string{
				strings.TrimPrefix(m.Provider+"/"+m.Model, "/"), strconv.FormatInt(m.Requests, 10), percent(m.SuccessRate),
				p50, p95, ttft, number(m.InputTokens), number(m.OutputTokens), costText(&m.Figures),
			}, "\t"))
		}
		_ = t.Flush()
	}
	if r.Folded {
		b.WriteString("More combinations of models, users and features than are told apart: filters may miss calls.\n")
	}
	return b.String()
}

func percent(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v*100, 'f', 1, 64) + " %"
}

func number(v *int64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatInt(*v, 10)
}

func rate(v *float64) string {
	if v == nil {
		return "-"
	}
	return strconv.FormatFloat(*v, 'f', 1, 64)
}

func latencyText(l *Latency) string {
	if l == nil {
		return "-"
	}
	return fmt.Sprintf("avg %s, p50 %s, p95 %s, p99 %s", round(l.Average), round(l.P50), round(l.P95), round(l.P99))
}

// round shows a duration with three digits.
func round(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 1000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

func costText(f *Figures) string {
	c := f.Cost
	if c == nil {
		return "-"
	}
	s := "$" + strconv.FormatFloat(c.USD, 'g', 4, 64)
	if c.Estimated > 0 {
		s += " (partly estimated)"
	}
	if f.Unpriced > 0 {
		s += fmt.Sprintf(", %d unpriced", f.Unpriced)
	}
	return s
}
