package llm

import "time"

// SpanKind is the role of a Span in an LLM application, besides its
// OpenTelemetry kind.
type SpanKind string

// The kinds of a Span.
const (
	KindWorkflow  SpanKind = "workflow"
	KindAgent     SpanKind = "agent"
	KindTask      SpanKind = "task"
	KindTool      SpanKind = "tool"
	KindRetrieval SpanKind = "retrieval"
	// KindLLM is a model call that another record counts: the framework's view of
	// a provider library's call, or the application's view of a gateway's.
	KindLLM   SpanKind = "llm"
	KindOther SpanKind = "other"
)

// Span is an OpenTelemetry span that is not a Call: an agent, a tool, a
// retrieval, an HTTP handler. A Call is stored once, as a Call.
type Span struct {
	ID           string         `json:"id"` // ULID
	Time         time.Time      `json:"time"`
	Source       Source         `json:"source"`
	Tenant       string         `json:"tenant,omitempty"`
	TraceID      string         `json:"trace_id"`
	SpanID       string         `json:"span_id"`
	ParentSpanID string         `json:"parent_span_id,omitempty"`
	Name         string         `json:"name"`
	Kind         SpanKind       `json:"span_kind,omitempty"`
	OTelKind     string         `json:"otel_kind,omitempty"` // internal, server, client, producer, consumer
	Service      string         `json:"service,omitempty"`
	Environment  string         `json:"environment,omitempty"`
	Duration     time.Duration  `json:"-"` // duration_seconds in JSON
	Status       Status         `json:"status"`
	ErrorType    string         `json:"error_type,omitempty"`
	ErrorMessage string         `json:"error_message,omitempty"`
	Agent        string         `json:"agent,omitempty"`
	Workflow     string         `json:"workflow,omitempty"`
	Tool         string         `json:"tool,omitempty"`
	User         string         `json:"user,omitempty"`
	Session      string         `json:"session,omitempty"`
	Dialect      string         `json:"dialect,omitempty"`
	Scope        string         `json:"scope,omitempty"`
	ScopeVersion string         `json:"scope_version,omitempty"`
	Input        string         `json:"input,omitempty"`
	Output       string         `json:"output,omitempty"`
	Attributes   map[string]any `json:"attributes,omitempty"`
	Resource     map[string]any `json:"resource,omitempty"`
	Events       []SpanEvent    `json:"events,omitempty"`
	Links        []SpanLink     `json:"links,omitempty"`
	// ContentRemoved names the parts that were stored and have gone since. It is set
	// when a Span is read.
	ContentRemoved []string `json:"content_removed,omitempty"`

	// Aggregate is what a container (agent, workflow, chain) says of the model
	// calls beneath it. It becomes a Call of its own only when no Call beneath the
	// span is seen; it is not stored otherwise.
	Aggregate *Call `json:"-"`
}

// SpanEvent is something that happened at one moment of a Span.
type SpanEvent struct {
	Time       time.Time      `json:"time"`
	Name       string         `json:"name"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// SpanLink points to a Span of this or another trace.
type SpanLink struct {
	TraceID    string         `json:"trace_id"`
	SpanID     string         `json:"span_id"`
	Attributes map[string]any `json:"attributes,omitempty"`
}

// Log is a log record.
type Log struct {
	ID          string         `json:"id"` // ULID
	Time        time.Time      `json:"time"`
	Source      Source         `json:"source"`
	Tenant      string         `json:"tenant,omitempty"`
	Service     string         `json:"service,omitempty"`
	Environment string         `json:"environment,omitempty"`
	Level       string         `json:"level,omitempty"` // trace, debug, info, warn, error, fatal
	Message     string         `json:"message"`
	Event       string         `json:"event,omitempty"`
	TraceID     string         `json:"trace_id,omitempty"`
	SpanID      string         `json:"span_id,omitempty"`
	Scope       string         `json:"scope,omitempty"` // instrumentation scope, or the logger's name
	Attributes  map[string]any `json:"attributes,omitempty"`
	Resource    map[string]any `json:"resource,omitempty"`
}

// Record is anything that goes down the pipeline: exactly one of its fields is set.
type Record struct {
	Call     *Call
	Span     *Span
	Log      *Log
	Feedback *Feedback
}
