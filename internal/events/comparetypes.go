package events

import (
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// CompareQuery asks for groups of Calls side by side.
type CompareQuery struct {
	CallFilter
	By        []string // one or two of GroupFields
	Baseline  []string // values of By; default: the group with most Calls
	Limit     int      // groups
	Judgement string   // only feedback of this name counts as quality
	// Without are evaluators whose feedback is left out: a mean of what a rule
	// failed says nothing where what passed is not stored.
	Without []string
}

// Comparison is groups of Calls side by side, the one with most Calls first.
type Comparison struct {
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
	By    []string  `json:"by"`
	// Baseline is what the groups are compared with. It is absent where it has no
	// Calls.
	Baseline   map[string]string `json:"baseline,omitempty"`
	Confidence float64           `json:"confidence"`
	// Comparisons is for how many tests PAdjusted is corrected.
	Comparisons   int `json:"comparisons"`
	OmittedGroups int `json:"omitted_groups,omitempty"`
	// QualityWithout are the evaluators whose feedback is left out of the quality.
	QualityWithout []string `json:"quality_without,omitempty"`

	Bounds ComparedBounds  `json:"bounds"`
	Groups []ComparedGroup `json:"groups"`
}

// ComparedBounds are the edges of the buckets of durations, one more than each
// group has counts.
type ComparedBounds struct {
	Latency []float64 `json:"latency_seconds"`
	TTFT    []float64 `json:"ttft_seconds"`
	TPOT    []float64 `json:"tpot_seconds"`
}

// ComparedGroup is one of the groups.
type ComparedGroup struct {
	Values     map[string]string `json:"values"`
	IsBaseline bool              `json:"is_baseline,omitempty"`
	Calls      int64             `json:"calls"`
	Errors     int64             `json:"errors"`
	// EffectiveCalls is how many independent Calls these are worth where some
	// stand for several: what intervals and tests go by.
	EffectiveCalls       float64           `json:"effective_calls"`
	ErrorRate            Interval          `json:"error_rate"`
	Latency              *ComparedDuration `json:"latency_seconds,omitempty"`
	TTFT                 *ComparedDuration `json:"ttft_seconds,omitempty"`
	TPOT                 *ComparedDuration `json:"tpot_seconds,omitempty"`
	TokensPerSecond      llm.Opt[float64]  `json:"tokens_per_second,omitzero"` // of successful Calls
	InputTokens          int64             `json:"input_tokens"`
	OutputTokens         int64             `json:"output_tokens"`
	InputTokensPerCall   float64           `json:"input_tokens_per_call"`
	OutputTokensPerCall  float64           `json:"output_tokens_per_call"`
	CostUSD              float64           `json:"cost_usd"`
	UnpricedCalls        int64             `json:"unpriced_calls,omitempty"`
	CostPerCall          *Interval         `json:"cost_per_call,omitempty"` // of those with a price
	CostPer1kOutputToken llm.Opt[float64]  `json:"cost_per_1k_output_tokens,omitzero"`
	Quality              *ComparedQuality  `json:"quality,omitempty"`
	Versus               []Versus          `json:"versus,omitempty"`
}

// ComparedDuration describes durations in seconds, from buckets.
type ComparedDuration struct {
	Count  int64    `json:"count"`
	Avg    float64  `json:"avg"`
	P50    Interval `json:"p50"`
	P90    Interval `json:"p90"`
	P95    Interval `json:"p95"`
	P99    Interval `json:"p99"`
	Counts []int64  `json:"counts"` // by bucket
}

// ComparedQuality is the mean of the scores that were given.
type ComparedQuality struct {
	Interval
	Count int64 `json:"count"`
}

// Verdict says how a group does in one measure against the baseline.
type Verdict string

// The verdicts.
const (
	VerdictBetter Verdict = "better"
	VerdictWorse  Verdict = "worse"
	// VerdictSame says that no difference was shown, or one that does not matter.
	VerdictSame   Verdict = "same"
	VerdictTooFew Verdict = "too_few"
)

// Versus is a group against the baseline in one measure.
type Versus struct {
	Measure    string           `json:"measure"`
	Verdict    Verdict          `json:"verdict"`
	Difference llm.Opt[float64] `json:"difference,omitzero"` // the group's value less the baseline's
	Relative   llm.Opt[float64] `json:"relative,omitzero"`   // as a share of the baseline's
	PValue     llm.Opt[float64] `json:"p_value,omitzero"`
	PAdjusted  llm.Opt[float64] `json:"p_adjusted,omitzero"`
}
