package doctor

import (
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Sender is what one service delivered through one instrumentation.
type Sender struct {
	Service      string
	Source       llm.Source
	Dialect      string // as llm.Call has it
	Scope        string
	ScopeVersion string
	LastSeen     time.Time

	Calls               int64
	Sampled             int64   // Calls that stand for several
	Represented         float64 // for how many all Calls stand
	Errors              int64
	Streams             int64
	StreamsWithoutUsage int64
	Fields              map[string]Count // by the names of FieldNames
	Spans               map[llm.SpanKind]int64
}

// Count is how many Calls have a part, of those that could have it.
type Count struct{ Have, Of int64 }

// Histogram is a histogram of durations whose buckets are too wide to tell its
// values apart.
type Histogram struct {
	Name    string
	Service string
	Scope   string
	Reason  string
	Advice  string
}

// Severity orders findings by what they do to the numbers that people read.
type Severity string

// The severities, worst first.
const (
	WrongNumbers Severity = "wrong_numbers" // totals, costs or latencies are not what they seem
	Missing      Severity = "missing"       // something that people look for is not there
	Cosmetic     Severity = "cosmetic"      // good to know
)

func (s Severity) rank() int {
	switch s {
	case WrongNumbers:
		return 0
	case Missing:
		return 1
	case Cosmetic:
		return 2
	}
	return 3
}

// State says how far a sender delivers a field.
type State string

// The states of a field.
const (
	Delivered State = "delivered" // nearly always
	Partial   State = "partial"   // sometimes
	Absent    State = "missing"   // never, though it could
	Cannot    State = "cannot"    // never, and the instrumentation has no way to
	NotSeen   State = "not_seen"  // never, which may be right: not every application has it
	NoData    State = "no_data"   // no call could have had it
)

// Report is the result of Diagnose.
type Report struct {
	Senders []SenderReport `json:"senders"`
	// Findings are those that belong to no single sender of Calls.
	Findings []Finding `json:"findings"`
}

// SenderReport is what is to say of one sender.
type SenderReport struct {
	Service      string     `json:"service,omitempty"`
	Source       llm.Source `json:"source"`
	Dialect      string     `json:"dialect,omitempty"`
	Name         string     `json:"name"` // of the instrumentation, for people
	Scope        string     `json:"scope,omitempty"`
	ScopeVersion string     `json:"scope_version,omitempty"`
	LastSeen     time.Time  `json:"last_seen,omitzero"`
	Calls        int64      `json:"calls"`
	// Represented is for how many calls these stand, where the sender samples.
	Represented float64       `json:"represented,omitempty"`
	Errors      int64         `json:"errors"`
	Streams     int64         `json:"streams"`
	Spans       int64         `json:"spans"`
	Fields      []FieldReport `json:"fields"`
	Findings    []Finding     `json:"findings"` // worst first
}

// FieldReport is how far a sender delivers one field.
type FieldReport struct {
	Field string `json:"field"`
	State State  `json:"state"`
	Have  int64  `json:"have"`
	Of    int64  `json:"of"` // calls that could have it
}

// Finding is something that people should know, and what to do about it.
type Finding struct {
	Severity Severity `json:"severity"`
	Code     string   `json:"code"` // stable: no_input_tokens, streams_without_usage, ...
	Field    string   `json:"field,omitempty"`
	Message  string   `json:"message"`
	// MessageZH, SettingZH and NoteZH are the same in Chinese; a setting that is
	// code has none.
	MessageZH string `json:"message_zh"`
	// Setting is what to set, in the sender, to change it; empty where nothing would.
	Setting   string `json:"setting,omitempty"`
	SettingZH string `json:"setting_zh,omitempty"`
	// Note says what to know before that is set.
	Note   string `json:"note,omitempty"`
	NoteZH string `json:"note_zh,omitempty"`
}

// Worst is the severity of the worst finding, or empty.
func (r *SenderReport) Worst() Severity {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Severity
}
