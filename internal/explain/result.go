package explain

import (
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Verdict says how a question ended.
type Verdict string

// The verdicts.
const (
	// Explained: at least one cause was found.
	Explained Verdict = "explained"
	// Uniform: the metric changed, and all parts of the traffic alike.
	Uniform Verdict = "uniform"
	// Unexplained: the metric changed, and no part stands out.
	Unexplained Verdict = "unexplained"
	// Unchanged: nothing changed beyond chance.
	Unchanged Verdict = "unchanged"
	// Unknown: there are too few Calls to tell.
	Unknown Verdict = "unknown"
)

// CauseKind is what changed about the Calls of a Cause.
type CauseKind string

// The kinds of causes.
const (
	// Behaviour: these Calls went otherwise than such Calls did before.
	Behaviour CauseKind = "behaviour"
	// Mix: there are more (or fewer) of these Calls, which always were like this.
	Mix CauseKind = "mix"
	// Volume: these Calls add up to more or less than before.
	Volume CauseKind = "volume"
)

// Explanation is the answer to a Request.
type Explanation struct {
	Metric  Metric  `json:"metric"`
	Unit    string  `json:"unit"`
	Verdict Verdict `json:"verdict"`

	Window   Side `json:"window"`
	Baseline Side `json:"baseline"`
	// Change of the metric over all selected Calls.
	Change Change `json:"change"`

	Causes []Cause `json:"causes"`
	// Phases say where the time of slow answers goes; for times only.
	Phases *Phases `json:"phases,omitempty"`
	// Kinds are the errors of the window by what they were; for errors only.
	Kinds []Kind `json:"error_kinds,omitempty"`

	// Summary and SummaryZH are the result in one or two sentences.
	Summary   string `json:"summary"`
	SummaryZH string `json:"summary_zh"`
	// Notes say what was left out, sampled or cannot be told.
	Notes   []string `json:"notes"`
	NotesZH []string `json:"notes_zh"`

	// Exemplars of the metric where no cause was found: the worst Calls.
	Exemplars []Exemplar `json:"exemplars"`
	// Candidates is the number of sets of Calls that were looked at.
	Candidates int           `json:"candidates"`
	Took       time.Duration `json:"-"`
}

// Side is the window or the baseline.
type Side struct {
	Ranges []Range `json:"ranges,omitempty"`
	Filter string  `json:"filter,omitempty"` // as Selection.String
	Calls  float64 `json:"calls"`
	// SampledOneIn is 2 or more where only so many of the Calls were looked at.
	SampledOneIn float64 `json:"sampled_one_in,omitempty"`
	// Value is the metric.
	Value llm.Opt[float64] `json:"value,omitzero"`
}

// Change is how the metric changed.
type Change struct {
	Absolute llm.Opt[float64] `json:"absolute,omitzero"`
	Ratio    llm.Opt[float64] `json:"ratio,omitzero"` // window over baseline
	// P is the chance of such a difference where nothing changed.
	P           llm.Opt[float64] `json:"p,omitzero"`
	Significant bool             `json:"significant"`
	// MixShare is the part of the change that a different mix of Calls makes,
	// rather than different behaviour of the same Calls.
	MixShare llm.Opt[float64] `json:"mix_share,omitzero"`
}

// Cause is a set of Calls that makes the metric change.
type Cause struct {
	Kind CauseKind `json:"kind"`
	// Conditions select the Calls; empty means all.
	Conditions []Condition `json:"conditions"`
	// New says that there were no such Calls in the baseline.
	New bool `json:"new,omitempty"`
	// Outcome narrows the Calls to those that went wrong in the way that
	// increased: error_type, http_status, finish_reason.
	Outcome []Condition `json:"outcome,omitempty"`
	// OutcomeShare is the part of the failures within the cause that Outcome is.
	OutcomeShare llm.Opt[float64] `json:"outcome_share,omitzero"`
	// EventShare is the part of all failures of the window that those of the
	// cause with its Outcome are.
	EventShare llm.Opt[float64] `json:"event_share,omitzero"`
	// Same are conditions that select the same Calls by another name.
	Same []Condition `json:"same,omitempty"`

	WindowCalls   float64 `json:"window_calls"`
	BaselineCalls float64 `json:"baseline_calls"`
	// Window and Baseline are the metric over the Calls of the cause.
	Window   llm.Opt[float64] `json:"window_value,omitzero"`
	Baseline llm.Opt[float64] `json:"baseline_value,omitzero"`
	// WindowShare is the part of all the window's Calls, or of the sum that the
	// metric is, that the cause is; BaselineShare likewise.
	WindowShare   llm.Opt[float64] `json:"window_share,omitzero"`
	BaselineShare llm.Opt[float64] `json:"baseline_share,omitzero"`
	// Contribution is the part of the metric's change that is gone without this
	// cause.
	Contribution llm.Opt[float64] `json:"contribution,omitzero"`

	// Score is the logarithm of the likelihood ratio; P the chance of it after
	// correction for the number of candidates.
	Score float64 `json:"score"`
	P     float64 `json:"p"`

	// Since is when it began, Until when it ended, where that is in sight.
	Since *time.Time `json:"since,omitempty"`
	Until *time.Time `json:"until,omitempty"`

	// Details are what else changed within the Calls of the cause.
	Details []Detail `json:"details,omitempty"`

	Sentence   string `json:"sentence"`
	SentenceZH string `json:"sentence_zh"`

	Filter    Filter     `json:"filter"`
	Exemplars []Exemplar `json:"exemplars"`
}

// Detail is a further finding about the Calls of a Cause.
type Detail struct {
	Dimension     string  `json:"dimension"`
	Value         string  `json:"value"`
	WindowShare   float64 `json:"window_share"`
	BaselineShare float64 `json:"baseline_share"`
	New           bool    `json:"new,omitempty"` // there is no baseline to compare with
	Text          string  `json:"text"`
	TextZH        string  `json:"text_zh"`
}

// Filter selects the Calls behind a cause elsewhere.
type Filter struct {
	LogsQL string `json:"logsql"` // a filter, without a range of time
	// Query is the query string of GET /api/pitot/v1/calls and of the UI.
	Query string    `json:"query"`
	Start time.Time `json:"start"`
	End   time.Time `json:"end"`
}

// Exemplar is a Call that shows a cause.
type Exemplar struct {
	ID      string           `json:"id"`
	TraceID string           `json:"trace_id,omitempty"`
	Time    time.Time        `json:"time"`
	Value   llm.Opt[float64] `json:"value,omitzero"`
	Error   string           `json:"error,omitempty"`
}

// Kind is a kind of error with its part of all errors.
type Kind struct {
	Dimension     string  `json:"dimension"`
	Value         string  `json:"value"`
	Errors        float64 `json:"errors"`
	WindowShare   float64 `json:"window_share"`
	BaselineShare float64 `json:"baseline_share"`
}

// Phases is where the time of answers went, as far as that was measured.
type Phases struct {
	// Of is the cause whose Calls these are: 0 for the first; -1 for all Calls.
	Of    int           `json:"of_cause"`
	Parts []PhaseChange `json:"parts"`
	// Dominant is the phase that makes most of the change; empty where that
	// cannot be told.
	Dominant string `json:"dominant,omitempty"`
	Text     string `json:"text,omitempty"`
	TextZH   string `json:"text_zh,omitempty"`
}

// The phases of an answer.
const (
	PhaseConnect = "connect"
	PhaseQueue   = "queue"
	PhaseLoad    = "load"
	PhasePrefill = "prefill"
	// PhaseWait is queue and prefill where nobody tells them apart.
	PhaseWait   = "queue_or_prefill"
	PhaseDecode = "decode"
	PhaseStalls = "stalls"
	// PhaseLength is decoding of more tokens at the same speed.
	PhaseLength = "longer_answers"
	// PhaseUnknown is what nobody measured.
	PhaseUnknown = "unknown"
)

// PhaseChange is the mean time of a phase.
type PhaseChange struct {
	Phase    string  `json:"phase"`
	Window   float64 `json:"window_seconds"`
	Baseline float64 `json:"baseline_seconds"`
	Share    float64 `json:"share_of_change"`
	Evidence string  `json:"evidence"` // measured, inferred or rest
}
