package events

import (
	"cmp"
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// SenderStats is what one sender of telemetry delivered: one service through
// one instrumentation. Counts are of records as they came, not of the calls
// that a sampled one stands for.
type SenderStats struct {
	Service      string     `json:"service,omitempty"`
	Source       llm.Source `json:"source"`
	Dialect      string     `json:"dialect,omitempty"`
	Scope        string     `json:"scope,omitempty"`
	ScopeVersion string     `json:"scope_version,omitempty"`
	LastSeen     time.Time  `json:"last_seen,omitzero"`

	Calls int64 `json:"calls"` // model calls, with those of which only a tally was kept
	// Sampled are the Calls that stand for several, and Represented is for how
	// many all Calls stand.
	Sampled     int64   `json:"sampled,omitempty"`
	Represented float64 `json:"represented"`

	Errors  int64 `json:"errors,omitempty"`
	Streams int64 `json:"streams,omitempty"`
	// StreamsWithoutUsage are successful streams that report no output tokens.
	StreamsWithoutUsage int64 `json:"streams_without_usage,omitempty"`

	// Fields says for each part of a Call how many have it, of how many that
	// could: an embedding has no finish reason, and a failure no usage.
	Fields map[string]FieldCount `json:"fields,omitempty"`

	// Spans counts the other spans by kind; those of kind llm are model calls that
	// another record counts.
	Spans map[llm.SpanKind]int64 `json:"spans,omitempty"`
}

// FieldCount is how many Calls have a part, of those that could have it.
type FieldCount struct {
	Have int64 `json:"have"`
	Of   int64 `json:"of"`
}

// senderField is a part of Calls that senders are asked for.
type senderField struct {
	name string
	bit  uint64
	of   func(mask uint64, op llm.Operation) bool
}

func always(uint64, llm.Operation) bool         { return true }
func succeeded(m uint64, _ llm.Operation) bool  { return m&hasError == 0 }
func generated(m uint64, op llm.Operation) bool { return m&hasError == 0 && generates(op) }
func streamed(m uint64, op llm.Operation) bool  { return generated(m, op) && m&hasStream != 0 }
func failed(m uint64, _ llm.Operation) bool     { return m&hasError != 0 }
func asked(_ uint64, op llm.Operation) bool     { return generates(op) }
func takesTokens(m uint64, op llm.Operation) bool {
	// Others are priced by image, second, character or search.
	return m&hasError == 0 && (generates(op) || op == llm.OpEmbeddings)
}

// senderFields are the parts, in the order in which people want them.
var senderFields = []senderField{
	{"provider", hasProvider, always},
	{"request_model", hasRequestModel, always},
	{"response_model", hasResponseModel, succeeded},
	{"response_id", hasResponseID, generated},
	{"input_tokens", hasInputTokens, takesTokens},
	{"output_tokens", hasOutputTokens, generated},
	{"cache_read_tokens", hasCacheRead, generated},
	{"cache_write_tokens", hasCacheWrite, generated},
	{"reasoning_tokens", hasReasoning, generated},
	{"usage_estimated", hasUsageEstimated, takesTokens},
	{"cost_reported", hasCostReported, succeeded},
	{"stream", hasStream, asked},
	{"ttft", hasTTFT, streamed},
	{"timeline", hasTimeline, streamed},
	{"finish_reasons", hasFinishReasons, generated},
	{"error_type", hasErrorType, failed},
	{"user", hasUser, always},
	{"session", hasSession, always},
	{"agent", hasAgent, always},
	{"workflow", hasWorkflow, always},
	{"prompt_name", hasPrompt, always},
	{"input", hasInput, asked},
	{"output", hasOutput, generated},
	{"params", hasParams, asked},
	{"tools", hasTools, asked},
	{"trace_id", hasTrace, always},
	{"parent_span_id", hasParent, always},
}

// generates reports whether an operation answers with text that has tokens and
// an end.
func generates(op llm.Operation) bool {
	return op == llm.OpChat || op == llm.OpTextCompletion || op == llm.OpGenerateContent || op == llm.OpResponses || op == ""
}

// maxSenders bounds the answer of Senders: the busiest ones.
const maxSenders = 1000

// senderColumns tell senders apart.
var senderColumns = []string{"service", "source", "dialect", "scope", "scope_version"}

// Senders says who sent Calls and Spans in a range, and which parts they came
// with, the busiest first.
func (s *Store) Senders(ctx context.Context, r Range) ([]SenderStats, error) {
	r = s.resolveOpen(r)
	if !r.End.After(r.Start) {
		return nil, &QueryError{Param: "end", Message: "must be after start"}
	}
	senders := map[string]*SenderStats{}
	at := func(m row) *SenderStats {
		key := groupKey(m, senderColumns)
		st := senders[key]
		if st == nil {
			st = &SenderStats{
				Service: m["service"], Source: llm.Source(m["source"]), Dialect: m["dialect"],
				Scope: m["scope"], ScopeVersion: m["scope_version"],
			}
			senders[key] = st
		}
		return st
	}
	by := func(more ...string) string { return fieldList(append(slices.Clone(senderColumns), more...)) }
	err := s.each(ctx, request{
		op:    "count senders",
		query: countedStream + " status:* | stats by (" + by("operation", fieldHas, fieldWeight) + ") count() n, max(_time) last",
		r:     r,
	}, func(m row) error { return at(m).addCalls(m) })
	if err != nil {
		return nil, err
	}
	err = s.each(ctx, request{
		op:    "count spans by scope",
		query: stream(kindSpan, "", "") + " status:* | stats by (" + by("span_kind") + ") count() n, max(_time) last",
		r:     r,
	}, func(m row) error { return at(m).addSpans(m) })
	if err != nil {
		return nil, err
	}
	out := make([]SenderStats, 0, len(senders))
	for _, st := range senders {
		out = append(out, *st)
	}
	slices.SortFunc(out, func(a, b SenderStats) int {
		return cmp.Or(cmp.Compare(b.Calls, a.Calls), cmp.Compare(b.spans(), a.spans()), strings.Compare(a.Service, b.Service),
			strings.Compare(a.Scope, b.Scope), strings.Compare(a.ScopeVersion, b.ScopeVersion), strings.Compare(a.Dialect, b.Dialect),
			strings.Compare(string(a.Source), string(b.Source)))
	})
	return out[:min(maxSenders, len(out))], nil
}

func (st *SenderStats) spans() int64 {
	var n int64
	for _, c := range st.Spans {
		n += c
	}
	return n
}

// addCalls adds a row that counts the Calls with the same parts.
func (st *SenderStats) addCalls(m row) error {
	r := newRowReader(m)
	n := int64(r.int("n"))
	st.seen(r)
	st.Calls += n
	if m[fieldWeight] != "" {
		st.Sampled += n
	}
	st.Represented += float64(n) * r.weight()
	mask, err := strconv.ParseUint(cmp.Or(m[fieldHas], "0"), 10, 64)
	if err != nil {
		r.fail(fieldHas, err)
	}
	op := llm.Operation(m["operation"])
	if failed(mask, op) {
		st.Errors += n
	}
	if mask&hasStream != 0 {
		st.Streams += n
	}
	if streamed(mask, op) && mask&hasOutputTokens == 0 {
		st.StreamsWithoutUsage += n
	}
	if st.Fields == nil {
		st.Fields = make(map[string]FieldCount, len(senderFields))
	}
	for _, f := range senderFields {
		if !f.of(mask, op) {
			continue
		}
		c := st.Fields[f.name]
		c.Of += n
		if mask&f.bit != 0 {
			c.Have += n
		}
		st.Fields[f.name] = c
	}
	return r.err
}

func (st *SenderStats) addSpans(m row) error {
	r := newRowReader(m)
	st.seen(r)
	if st.Spans == nil {
		st.Spans = map[llm.SpanKind]int64{}
	}
	st.Spans[cmp.Or(llm.SpanKind(m["span_kind"]), llm.KindOther)] += int64(r.int("n"))
	return r.err
}

func (st *SenderStats) seen(r *rowReader) {
	if t := r.time("last").UTC(); t.After(st.LastSeen) {
		st.LastSeen = t
	}
}
