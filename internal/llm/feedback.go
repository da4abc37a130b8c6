package llm

import (
	"encoding/json"
	"time"
)

// SourceFeedback is the door of judgements, in the ledger.
const SourceFeedback Source = "feedback"

// Feedback is a judgement of a Call, a response, a trace or a session, by a
// person or an evaluator. At least one of CallID, TraceID, ResponseID and
// SessionID is set.
type Feedback struct {
	ID string `json:"id"` // ULID; the same for all versions of a judgement
	// Time is when the judgement counts: the start of the Call that is judged,
	// where that is known.
	Time time.Time `json:"time"`
	// Received is when it came in.
	Received   time.Time `json:"received,omitzero"`
	CallID     string    `json:"call_id,omitempty"`
	TraceID    string    `json:"trace_id,omitempty"`
	SpanID     string    `json:"span_id,omitempty"`
	ResponseID string    `json:"response_id,omitempty"`
	SessionID  string    `json:"session_id,omitempty"`

	Name      string       `json:"name,omitempty"`      // what is judged: helpful, correct, ...
	Score     Opt[float64] `json:"score,omitzero"`      // 0 to 1
	Label     string       `json:"label,omitempty"`     // instead of, or beside, a score
	Comment   string       `json:"comment,omitempty"`   // at most MaxComment bytes
	Evaluator string       `json:"evaluator,omitempty"` // who judged: user, or an evaluator's name
	User      string       `json:"user,omitempty"`

	// What follows is taken from the Call where the sender did not say it.

	Service       string    `json:"service,omitempty"`
	Provider      string    `json:"provider,omitempty"`
	Model         string    `json:"model,omitempty"`
	Operation     Operation `json:"operation,omitempty"`
	Feature       string    `json:"feature,omitempty"`
	PromptName    string    `json:"prompt_name,omitempty"`
	PromptVersion string    `json:"prompt_version,omitempty"`

	Metadata json.RawMessage `json:"metadata,omitempty"` // a JSON object

	// RowID is the id of this version in the store, and Supersedes that of the
	// version that it replaces.
	RowID      string `json:"-"`
	Supersedes string `json:"-"`
	// Tenant is whose it is; nobody can say that in a body.
	Tenant string `json:"-"`
}

// MaxComment is the most of a comment that is kept, in bytes.
const MaxComment = 16 << 10
