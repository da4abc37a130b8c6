package events

import (
	"cmp"
	"context"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// UsageQuery asks for the usage of Calls, added up by what its price depends on.
type UsageQuery struct {
	CallFilter
	By    []string      // dimensions to tell apart, of GroupFields
	State llm.CostState // only Calls of this state; empty: of any
	// Cached restricts to Calls that read from or wrote to a cache, and tells apart
	// what their price varies with besides names: time, length, tier and region.
	Cached bool
	Limit  int // groups, those with most Calls first; default 100,000
}

// UsageGroup is the usage of Calls that are priced alike.
type UsageGroup struct {
	Values map[string]string // of By

	Provider, Upstream, RequestModel, ResponseModel string
	Operation                                       llm.Operation
	ServiceTier, Region                             string // where Cached
	State                                           llm.CostState
	Reason                                          string // why it is unpriced

	Calls float64 // with those that they stand for
	// InputOfOne is the mean input of a Call. Where Cached, those of a group differ
	// by less than lengthStep.
	InputOfOne  int64
	Usage       llm.Usage // the sums; what no Call has is unknown
	First, Last time.Time
}

const (
	maxUsageGroups = 100_000
	// lengthStep parts inputs by length: the thresholds of prices are multiples of it.
	lengthStep = 8000
	// hourlyRange is the longest range in which times are told apart by half an
	// hour, with which prices by the hour begin and end; beyond, by the day, with
	// which prices change.
	hourlyRange = 7 * 24 * time.Hour
)

// usageSums are the parts of usage that prices tell apart, without those that
// are fractions.
func usageSums(u *llm.Usage) map[string]*llm.Opt[int64] {
	return map[string]*llm.Opt[int64]{
		"usage.input_tokens": &u.InputTokens, "usage.output_tokens": &u.OutputTokens,
		"usage.cache_read_tokens": &u.CacheReadTokens, "usage.cache_write_tokens": &u.CacheWriteTokens, "usage.reasoning_tokens": &u.ReasoningTokens,
		"usage.cache_write_5m_tokens": &u.CacheWrite5mTokens, "usage.cache_write_1h_tokens": &u.CacheWrite1hTokens,
		"usage.input_audio_tokens": &u.InputAudioTokens, "usage.input_image_tokens": &u.InputImageTokens, "usage.input_video_tokens": &u.InputVideoTokens,
		"usage.output_audio_tokens": &u.OutputAudioTokens, "usage.output_image_tokens": &u.OutputImageTokens, "usage.cache_read_audio_tokens": &u.CacheReadAudioTokens,
		"usage.images": &u.Images, "usage.characters": &u.Characters, "usage.searches": &u.Searches,
	}
}

// Usages adds up the usage of Calls, those with most Calls first.
func (s *Store) Usages(ctx context.Context, q UsageQuery) ([]UsageGroup, error) {
	if err := q.validate(); err != nil {
		return nil, err
	}
	limit, err := checkLimit(q.Limit, maxUsageGroups, maxUsageGroups)
	if err != nil {
		return nil, err
	}
	for _, b := range q.By {
		if err := checkGroupField(b); err != nil {
			return nil, err
		}
	}
	r := s.resolve(q.Range)
	by := slices.Clone(q.By)
	for _, f := range []string{"provider", "upstream", "request_model", "response_model", "operation", "cost.state", "cost.reason", fieldWeight} {
		if !slices.Contains(by, f) {
			by = append(by, f)
		}
	}
	filter, steps := q.counted(), ""
	if q.State != "" {
		filter += ` "cost.state":=` + quote(string(q.State))
	}
	if q.Cached {
		filter += ` ("usage.cache_read_tokens":>0 or "usage.cache_write_tokens":>0)`
		by = append(by, "service_tier", "region")
		step := 24 * time.Hour
		if r.End.Sub(r.Start) <= hourlyRange {
			step = 30 * time.Minute
		}
		steps = stepField(step) + `"usage.input_tokens":` + strconv.Itoa(lengthStep) + ", "
	}
	var none llm.Usage
	out := []UsageGroup{}
	err = s.each(ctx, request{
		op: "add up usage",
		query: filter + " | stats by (" + steps + fieldList(by) + ") count() calls, min(_time) first, max(_time) last, sum(usage.audio_seconds) seconds, " +
			namedSums(sortedKeys(usageSums(&none))) + " | sort by (calls desc) limit " + strconv.Itoa(limit),
		filters: q.userFilters(), r: r,
	}, func(m row) error {
		g, err := usageGroup(m, q.By)
		out = append(out, g)
		return err
	})
	if err != nil {
		return nil, err
	}
	out = mergeUsage(out, q.By)
	slices.SortStableFunc(out, func(a, b UsageGroup) int { return cmp.Compare(b.Calls, a.Calls) })
	return out, nil
}

// namedSums adds up fields under names that differ from theirs: a field that is
// grouped by may be added up, too.
func namedSums(fields []string) string {
	exprs := make([]string, len(fields))
	for i, f := range fields {
		exprs[i] = "sum(" + quote(f) + ") " + quote("sum."+f)
	}
	return strings.Join(exprs, ", ")
}

func usageGroup(m row, by []string) (UsageGroup, error) {
	r := newRowReader(m)
	g := UsageGroup{
		Values: make(map[string]string, len(by)), Provider: m["provider"], Upstream: m["upstream"],
		RequestModel: m["request_model"], ResponseModel: m["response_model"], Operation: llm.Operation(m["operation"]),
		ServiceTier: m["service_tier"], Region: m["region"],
		State: cmp.Or(llm.CostState(m["cost.state"]), llm.CostUnpriced), Reason: m["cost.reason"],
		First: r.time("first").UTC(), Last: r.time("last").UTC(),
	}
	for _, b := range by {
		g.Values[b] = m[b]
	}
	w := r.weight()
	n := r.sum("calls")
	g.Calls = n * w
	for field, to := range usageSums(&g.Usage) {
		if v, ok := r.optFloat("sum." + field).Get(); ok && !math.IsNaN(v) {
			*to = llm.Some(int64(math.Round(v * w)))
		}
	}
	if v, ok := r.optFloat("seconds").Get(); ok && !math.IsNaN(v) {
		g.Usage.AudioSeconds = llm.Some(v * w)
	}
	if in, ok := g.Usage.InputTokens.Get(); ok && n > 0 {
		g.InputOfOne = int64(math.Round(float64(in) / (n * w)))
	}
	g.Usage.Source = llm.UsageReported
	return g, r.err
}

// mergeUsage joins the groups that differ in their weight alone.
func mergeUsage(in []UsageGroup, by []string) []UsageGroup {
	index := map[string]int{}
	out := in[:0]
	for i := range in {
		g := in[i]
		m := row{
			"p": g.Provider, "u": g.Upstream, "q": g.RequestModel, "a": g.ResponseModel, "o": string(g.Operation), "t": g.ServiceTier, "r": g.Region,
			"s": string(g.State), "e": g.Reason, "l": strconv.FormatInt(g.InputOfOne/lengthStep, 10), "d": g.First.Truncate(30 * time.Minute).String(),
		}
		names := []string{"p", "u", "q", "a", "o", "t", "r", "s", "e"}
		if g.Cached() {
			names = append(names, "l", "d")
		}
		key := groupKey(m, names) + groupKey(g.Values, by)
		j, ok := index[key]
		if !ok {
			index[key] = len(out)
			out = append(out, g)
			continue
		}
		out[j].Add(&g)
	}
	return out
}

// Cached reports whether the group is of Calls that used a cache.
func (g *UsageGroup) Cached() bool {
	return g.Usage.CacheReadTokens.Or(0) > 0 || g.Usage.CacheWriteTokens.Or(0) > 0
}

// Add adds the usage of other Calls.
func (g *UsageGroup) Add(o *UsageGroup) {
	if total := g.Calls + o.Calls; total > 0 {
		g.InputOfOne = int64(math.Round((float64(g.InputOfOne)*g.Calls + float64(o.InputOfOne)*o.Calls) / total))
	}
	g.Calls += o.Calls
	sums := usageSums(&o.Usage)
	for field, to := range usageSums(&g.Usage) {
		if v, ok := sums[field].Get(); ok {
			*to = llm.Some(to.Or(0) + v)
		}
	}
	if v, ok := o.Usage.AudioSeconds.Get(); ok {
		g.Usage.AudioSeconds = llm.Some(g.Usage.AudioSeconds.Or(0) + v)
	}
	if o.First.Before(g.First) {
		g.First = o.First
	}
	if o.Last.After(g.Last) {
		g.Last = o.Last
	}
}
