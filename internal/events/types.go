package events

import (
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Range is a half-open range of time [Start, End). A zero Start means the start
// of the retention, a zero End now.
type Range struct {
	Start, End time.Time
}

// CallFilter selects Calls. Empty fields do not restrict. All given ones hold.
type CallFilter struct {
	Range
	Query       string // a LogsQL filter, without pipes
	Search      string // words that the prompt, the answer or the error must all hold
	Service     string
	Environment string
	Provider    string
	Model       string // as requested or as answered
	Operation   string
	Status      string // ok or error
	User        string
	Session     string
	Feature     string
	Agent       string
	Dialect     string // the sender's attribute set: openllmetry, openinference, ...
	PromptName  string
	ErrorType   string
	Source      string
	TraceID     string
	Tags        map[string]string
	MinDuration time.Duration
	MaxDuration time.Duration
}

// The orders of a list of Calls.
const (
	OrderNewest   = "newest" // default
	OrderOldest   = "oldest"
	OrderSlowest  = "slowest"
	OrderCostly   = "costliest"
	OrderTokens   = "most_tokens"
	DefaultLimit  = 100
	MaxLimit      = 10_000
	MaxFacetLimit = 1000
)

// CallQuery asks for a page of Calls.
type CallQuery struct {
	CallFilter
	Order  string
	Limit  int
	Cursor string // NextCursor of the page before, with the same filter and order
}

// CallPage is one page of Calls, without their content.
type CallPage struct {
	Calls      []*llm.Call `json:"calls"`
	NextCursor string      `json:"next_cursor,omitempty"`
}

// CallDetail is one Call with its content and what was said of it.
type CallDetail struct {
	Call     *llm.Call
	Feedback []Feedback
}

// FacetQuery asks for the most frequent values of the dimensions of Calls.
type FacetQuery struct {
	CallFilter
	Fields []string // default FacetFields
	Limit  int      // values a field; default 20
}

// Facet is one dimension with its most frequent values.
type Facet struct {
	Field  string       `json:"field"`
	Values []FacetValue `json:"values"`
}

// FacetValue is a value and the number of Calls that have it.
type FacetValue struct {
	Value string `json:"value"`
	Count int64  `json:"count"`
}

// Totals are sums over Calls. Money and tokens of Calls that have none are not
// in the sums; the counts by state say how many those are.
type Totals struct {
	Calls            int64   `json:"calls"`
	Errors           int64   `json:"errors"`
	InputTokens      int64   `json:"input_tokens"`
	OutputTokens     int64   `json:"output_tokens"`
	CacheReadTokens  int64   `json:"cache_read_tokens"`
	CacheWriteTokens int64   `json:"cache_write_tokens"`
	ReasoningTokens  int64   `json:"reasoning_tokens"`
	CostUSD          float64 `json:"cost_usd"`
	// ByState splits the cost by how far it can be trusted; the unpriced have a
	// count and no cost.
	ByState map[llm.CostState]StateTotal `json:"by_state,omitempty"`
	// DurationSeconds is the sum of the durations of all Calls.
	DurationSeconds float64 `json:"duration_seconds_sum"`
}

// StateTotal is the part of Totals with one cost state.
type StateTotal struct {
	Calls   int64   `json:"calls"`
	CostUSD float64 `json:"cost_usd"`
}

// Distribution describes durations in seconds. Absent when nothing was measured.
type Distribution struct {
	Count int64   `json:"count"`
	Avg   float64 `json:"avg"`
	P50   float64 `json:"p50"`
	P95   float64 `json:"p95"`
	P99   float64 `json:"p99"`
}

// Summary is what happened in a range.
type Summary struct {
	Start  time.Time `json:"start"`
	End    time.Time `json:"end"`
	Totals Totals    `json:"totals"`
	// SuccessRate is absent when there were no Calls.
	SuccessRate llm.Opt[float64] `json:"success_rate,omitzero"`
	Latency     *Distribution    `json:"latency_seconds,omitempty"`
	TTFT        *Distribution    `json:"ttft_seconds,omitempty"`
	TPOT        *Distribution    `json:"tpot_seconds,omitempty"`
	Errors      []FacetValue     `json:"errors_by_type"`
	// Approximate says that the quantiles come from buckets that are 13.6 % wide
	// rather than from the Calls themselves: those of rollups, or of Calls of
	// which some stand for several.
	Approximate bool `json:"approximate,omitempty"`
}

// Group is one value of each dimension that was grouped by, with its totals.
type Group struct {
	// Time is the start of the step; zero where no step was asked for.
	Time   time.Time         `json:"time,omitzero"`
	Values map[string]string `json:"values"`
	Totals Totals            `json:"totals"`
}

// CostQuery asks for totals of Calls by dimensions and steps of time.
type CostQuery struct {
	CallFilter
	By    []string      // of GroupFields; may be empty
	Step  time.Duration // 0: the whole range at once
	Limit int           // groups, costliest first; default 1000
}

// TimelineQuery asks for the Calls over time.
type TimelineQuery struct {
	CallFilter
	Step time.Duration // default: about 60 steps
	By   string        // one of GroupFields, or empty
	// Limit is the most values of By; the others are added up as `__other__`.
	// Default 10.
	Limit int
	// Quantiles asks for those of the latency and the time to first token.
	Quantiles bool
}

// Timeline is the number of Calls, their errors, tokens and cost over time.
// Every series has a value for each of Times.
type Timeline struct {
	Step   float64     `json:"step_seconds"`
	Times  []time.Time `json:"times"`
	Series []Series    `json:"series"`
}

// Series is one line of a Timeline.
type Series struct {
	Value        string    `json:"value"`
	Calls        []int64   `json:"calls"`
	Errors       []int64   `json:"errors"`
	InputTokens  []int64   `json:"input_tokens"`
	OutputTokens []int64   `json:"output_tokens"`
	CostUSD      []float64 `json:"cost_usd"`
	// Latency and TTFT are there where they were asked for.
	Latency *SeriesQuantiles `json:"latency_seconds,omitempty"`
	TTFT    *SeriesQuantiles `json:"ttft_seconds,omitempty"`
}

// SeriesQuantiles are quantiles of durations over time; unknown in steps
// without one.
type SeriesQuantiles struct {
	P50 []llm.Opt[float64] `json:"p50"`
	P95 []llm.Opt[float64] `json:"p95"`
	P99 []llm.Opt[float64] `json:"p99"`
}

// OtherValue stands for the values past a limit.
const OtherValue = "__other__"

// ModelStat is what is known of a model from its Calls.
type ModelStat struct {
	Provider string        `json:"provider"`
	Model    string        `json:"model"`
	Totals   Totals        `json:"totals"`
	Latency  *Distribution `json:"latency_seconds,omitempty"`
	TTFT     *Distribution `json:"ttft_seconds,omitempty"`
	LastSeen time.Time     `json:"last_seen,omitzero"`
}

// TraceQuery searches traces in the terms of the Jaeger query API: all
// conditions hold for one span of the trace.
type TraceQuery struct {
	Range
	Service     string
	Operation   string
	Tags        map[string]string
	MinDuration time.Duration
	MaxDuration time.Duration
	Limit       int // traces, newest first; default 20
}

// Dependency says that one service calls another, or a provider.
type Dependency struct {
	Parent string `json:"parent"`
	Child  string `json:"child"`
	Calls  int64  `json:"callCount"`
}

// LogQuery asks for log records.
type LogQuery struct {
	Range
	Query   string // a LogsQL filter, without pipes
	Service string
	Level   string
	TraceID string
	Oldest  bool // oldest first
	Limit   int
	Cursor  string
}

// LogPage is one page of log records.
type LogPage struct {
	Logs       []*llm.Log `json:"logs"`
	NextCursor string     `json:"next_cursor,omitempty"`
}

// Feedback is a judgement of a Call, a response, a trace or a session.
type Feedback = llm.Feedback

// MaxComment is the most of a comment that is kept, in bytes.
const MaxComment = llm.MaxComment
