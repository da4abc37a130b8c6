package llm

import (
	"encoding/json"
	"slices"
	"time"
)

// Source says which door a record came in by.
type Source string

// The sources of a Call.
const (
	SourceGateway Source = "gateway"
	SourceOTLP    Source = "otlp"
	SourceSDK     Source = "sdk"
	// SourceLogs is a log line, or a Call that a log line describes.
	SourceLogs Source = "logs"
)

// Status is the outcome of a Call as its caller saw it.
type Status string

// The outcomes. The metrics show StatusOK as `success`.
const (
	StatusOK    Status = "ok"
	StatusError Status = "error"
)

// Operation is what was asked of the model. The values are those of
// gen_ai.operation.name where OpenTelemetry has one.
type Operation string

// The operations that are counted and priced as Calls.
const (
	OpChat            Operation = "chat"
	OpTextCompletion  Operation = "text_completion"
	OpGenerateContent Operation = "generate_content"
	OpResponses       Operation = "responses"
	OpEmbeddings      Operation = "embeddings"
	OpRerank          Operation = "rerank"
	OpImage           Operation = "image_generation"
	OpSpeech          Operation = "speech"
	OpTranscription   Operation = "transcription"
	OpModeration      Operation = "moderation"
)

// Call is one operation of a model: the unit that is counted and priced.
//
// Whoever creates a Call owns it until it hands it to the pipeline; after that
// nobody else may write to it.
type Call struct {
	// ID is a ULID whose time is the start of the Call; unique, and the key by
	// which a Call seen twice is stored once.
	ID   string    `json:"id"`
	Time time.Time `json:"time"` // start, UTC, nanoseconds

	Source Source `json:"source"`
	// Tenant is whose the Call is: the tenant of the key that it came with. Empty
	// is the default one.
	Tenant      string `json:"tenant,omitempty"`
	Service     string `json:"service,omitempty"`
	Environment string `json:"environment,omitempty"`
	// Upstream is the gateway's name for the server behind it; absent elsewhere.
	Upstream string `json:"upstream,omitempty"`

	TraceID      string `json:"trace_id,omitempty"`       // 32 hex digits
	SpanID       string `json:"span_id,omitempty"`        // 16 hex digits
	ParentSpanID string `json:"parent_span_id,omitempty"` // 16 hex digits

	Provider      string    `json:"provider,omitempty"` // gen_ai.provider.name
	Operation     Operation `json:"operation,omitempty"`
	RequestModel  string    `json:"request_model,omitempty"`
	ResponseModel string    `json:"response_model,omitempty"`
	ResponseID    string    `json:"response_id,omitempty"`
	// ServiceTier is the tier that the provider says it served: batch, flex,
	// priority, ... It changes the price.
	ServiceTier string `json:"service_tier,omitempty"`
	// Region is the place the provider served from where that changes the price.
	Region string `json:"region,omitempty"`

	Stream        bool     `json:"stream,omitempty"`
	Status        Status   `json:"status"`
	ErrorType     string   `json:"error_type,omitempty"`    // low cardinality: the provider's code or type
	ErrorMessage  string   `json:"error_message,omitempty"` // at most MaxErrorMessage bytes
	HTTPStatus    int      `json:"http_status,omitempty"`
	FinishReasons []string `json:"finish_reasons,omitempty"` // normalised, one a choice, in order

	Usage Usage `json:"usage"`
	Cost  Cost  `json:"cost"`

	// Durations are in seconds in JSON.
	Duration        time.Duration      `json:"-"`
	TTFT            Opt[time.Duration] `json:"-"` // first chunk with content; streams only
	GatewayOverhead Opt[time.Duration] `json:"-"`
	Timeline        Timeline           `json:"-"`

	User          string            `json:"user,omitempty"`
	Session       string            `json:"session,omitempty"`
	Feature       string            `json:"feature,omitempty"`
	PromptName    string            `json:"prompt_name,omitempty"`
	PromptVersion string            `json:"prompt_version,omitempty"`
	Tags          map[string]string `json:"tags,omitempty"`

	// Params are the request's settings: temperature, max_tokens, ... JSON values.
	Params map[string]any `json:"params,omitempty"`
	Input  []Message      `json:"input,omitempty"`
	Output []Message      `json:"output,omitempty"`
	// Tools is the JSON array of tool definitions as the request had it.
	Tools json.RawMessage `json:"tools,omitempty"`

	// Truncated names what was cut to stay within limits: "input", "output",
	// "request_body", "response_body", "timeline".
	Truncated []string `json:"truncated,omitempty"`
	// ContentRemoved names the parts that were stored and have gone since, because
	// content has a shorter life than calls. It is set when a Call is read.
	ContentRemoved []string `json:"content_removed,omitempty"`
	// Notes are low-cardinality remarks on the record itself: "client_gone",
	// "stream_cut", "malformed_response", "crc_mismatch", ...
	Notes []string `json:"notes,omitempty"`
	// Weight is how many calls this one stands for, where its sender recorded
	// only a share of them: the inverse of the share. 0 is read as 1.
	Weight float64 `json:"weight,omitempty"`

	// Phases are parts of the Duration that somebody measured.
	Phases Phases `json:"phases,omitzero"`

	// What follows comes from telemetry senders only.

	SpanName string `json:"span_name,omitempty"` // as the sender named the span
	Agent    string `json:"agent,omitempty"`     // the agent on whose behalf the call was made
	Workflow string `json:"workflow,omitempty"`
	// Dialect is the instrumentation's attribute set: openllmetry, openinference, ...
	Dialect      string `json:"dialect,omitempty"`
	Scope        string `json:"scope,omitempty"` // instrumentation scope
	ScopeVersion string `json:"scope_version,omitempty"`
	// Attributes are what a telemetry sender sent beyond the fields above.
	Attributes map[string]any `json:"attributes,omitempty"`
	Resource   map[string]any `json:"resource,omitempty"`
	Events     []SpanEvent    `json:"events,omitempty"`
	Links      []SpanLink     `json:"links,omitempty"`
}

// Count is how many calls this one stands for: its Weight, at least 1.
func (c *Call) Count() float64 {
	if c.Weight > 1 {
		return c.Weight
	}
	return 1
}

// MaxErrorMessage is the most of an error message that a Call keeps, in bytes.
const MaxErrorMessage = 2000

// Model is the model to group by: the one asked for, else the one that answered.
// A call that failed names no other, and would fall into a group of its own
// beside the dated name under which the successful ones are answered.
func (c *Call) Model() string {
	if c.RequestModel != "" {
		return c.RequestModel
	}
	return c.ResponseModel
}

// Note adds a remark once.
func (c *Call) Note(n string) { c.Notes = addOnce(c.Notes, n) }

// MarkTruncated adds the name of a part that was cut, once.
func (c *Call) MarkTruncated(part string) { c.Truncated = addOnce(c.Truncated, part) }

func addOnce(s []string, v string) []string {
	if slices.Contains(s, v) {
		return s
	}
	return append(s, v)
}

// SetError marks the Call as failed. The first error wins: what broke first is
// what the user wants to know.
func (c *Call) SetError(typ, message string) {
	c.Status = StatusError
	if c.ErrorType != "" {
		return
	}
	if len(message) > MaxErrorMessage {
		message = validPrefix(message, MaxErrorMessage)
	}
	c.ErrorType, c.ErrorMessage = typ, message
}

// validPrefix cuts s to at most n bytes without splitting a UTF-8 sequence.
func validPrefix(s string, n int) string {
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n]
}

// TPOT is the time per output token after the first: (duration − TTFT) /
// (output tokens − 1). Unknown unless the Call streamed successfully and
// reported at least two output tokens.
func (c *Call) TPOT() Opt[time.Duration] {
	ttft, ok := c.TTFT.Get()
	out, known := c.Usage.OutputTokens.Get()
	if !ok || !known || out < 2 || c.Duration <= ttft {
		return Opt[time.Duration]{}
	}
	return Some((c.Duration - ttft) / time.Duration(out-1))
}

// TokensPerSecond is the speed of generation as the reader felt it: output
// tokens over the time from first token to the end for streams, over the whole
// duration otherwise.
func (c *Call) TokensPerSecond() Opt[float64] {
	out, known := c.Usage.OutputTokens.Get()
	if !known || out <= 0 || c.Duration <= 0 {
		return Opt[float64]{}
	}
	if tpot, ok := c.TPOT().Get(); ok && tpot > 0 {
		return Some(float64(time.Second) / float64(tpot))
	}
	return Some(float64(out) / c.Duration.Seconds())
}
