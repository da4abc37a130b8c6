package pitot

import (
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// endedSpan is a span on its way to the backend.
type endedSpan struct {
	sdktrace.ReadOnlySpan
	// alone: the span is exported for its own sake, whatever its trace's share,
	// and so stands for itself alone.
	alone bool
}

// The bits of a span's flags beyond those of the trace.
const (
	flagHasRemote = 0x100
	flagRemote    = 0x200
)

// otlpOrigin is what records share that travel under one resource and scope.
type otlpOrigin struct {
	res   *resource.Resource
	scope instrumentation.Scope
}

// origins finds the distinct origins of n records, and which one each has.
func origins(n int, of func(int) otlpOrigin) (distinct []otlpOrigin, index []int) {
	index = make([]int, n)
	for i := range n {
		o := of(i)
		at := slices.Index(distinct, o)
		if at < 0 {
			at = len(distinct)
			distinct = append(distinct, o)
		}
		index[i] = at
	}
	return distinct, index
}

// pbOrigin appends the records of one origin: records appends them.
func pbOrigin(b []byte, o *otlpOrigin, records func([]byte) []byte) []byte {
	b, at := openMessage(b, 1, 3)
	b = pbResource(b, o.res)
	b, scopeAt := openMessage(b, fieldScopes, 3)
	b = pbScope(b, &o.scope)
	b = records(b)
	b = pbText(b, fieldSchema, o.scope.SchemaURL)
	b = closeMessage(b, scopeAt, 3)
	b = pbText(b, fieldSchema, o.res.SchemaURL())
	return closeMessage(b, at, 3)
}

// pbTraces appends spans as an ExportTraceServiceRequest.
func pbTraces(b []byte, spans []endedSpan) []byte {
	distinct, index := origins(len(spans), func(i int) otlpOrigin {
		return otlpOrigin{spans[i].Resource(), spans[i].InstrumentationScope()}
	})
	for o := range distinct {
		b = pbOrigin(b, &distinct[o], func(b []byte) []byte {
			for i := range spans {
				if index[i] == o {
					b = pbSpan(b, &spans[i])
				}
			}
			return b
		})
	}
	return b
}

func pbSpan(b []byte, s *endedSpan) []byte {
	b, at := openMessage(b, fieldRecords, 2)
	sc, parent := s.SpanContext(), s.Parent()
	b = pbIDs(b, sc, 1, 2)
	b = pbText(b, 3, exportedState(sc.TraceState(), s.alone))
	if parent.SpanID().IsValid() {
		id := parent.SpanID()
		b = pbBytes(b, 4, id[:])
	}
	b = pbText(b, 5, s.Name())
	b = pbVarint(b, 6, uint64(s.SpanKind()))
	b = pbFixed64(b, 7, unixNanos(s.StartTime()))
	b = pbFixed64(b, 8, unixNanos(s.EndTime()))
	b = pbAttributes(b, 9, s.Attributes())
	b = pbCount(b, 10, s.DroppedAttributes())
	for _, e := range s.Events() {
		b = pbEvent(b, &e)
	}
	b = pbCount(b, 12, s.DroppedEvents())
	for _, l := range s.Links() {
		b = pbLink(b, &l)
	}
	b = pbCount(b, 14, s.DroppedLinks())
	b = pbStatus(b, s.Status())
	// What is exported counts as sampled, whatever its trace's share.
	flags := uint32(sc.TraceFlags()|trace.FlagsSampled) | flagHasRemote
	if parent.IsRemote() {
		flags |= flagRemote
	}
	b = pbFixed32(b, 16, flags)
	return closeMessage(b, at, 2)
}

func pbIDs(b []byte, sc trace.SpanContext, traceField, spanField int) []byte {
	if id := sc.TraceID(); id.IsValid() {
		b = pbBytes(b, traceField, id[:])
	}
	if id := sc.SpanID(); id.IsValid() {
		b = pbBytes(b, spanField, id[:])
	}
	return b
}

func pbEvent(b []byte, e *sdktrace.Event) []byte {
	b, at := openMessage(b, 11, 2)
	b = pbFixed64(b, 1, unixNanos(e.Time))
	b = pbText(b, 2, e.Name)
	b = pbAttributes(b, 3, e.Attributes)
	b = pbCount(b, 4, e.DroppedAttributeCount)
	return closeMessage(b, at, 2)
}

func pbLink(b []byte, l *sdktrace.Link) []byte {
	b, at := openMessage(b, 13, 1)
	b = pbIDs(b, l.SpanContext, 1, 2)
	b = pbText(b, 3, l.SpanContext.TraceState().String())
	b = pbAttributes(b, 4, l.Attributes)
	b = pbCount(b, 5, l.DroppedAttributeCount)
	flags := uint32(l.SpanContext.TraceFlags()) | flagHasRemote
	if l.SpanContext.IsRemote() {
		flags |= flagRemote
	}
	b = pbFixed32(b, 6, flags)
	return closeMessage(b, at, 1)
}

// The codes of a status on the wire; OpenTelemetry's Go API numbers them in
// another order.
const (
	statusOK    = 1
	statusError = 2
)

func pbStatus(b []byte, s sdktrace.Status) []byte {
	if s.Code == codes.Unset {
		return b
	}
	b, at := openMessage(b, 15, 1)
	b = pbText(b, 2, s.Description)
	switch s.Code {
	case codes.Ok:
		b = pbVarint(b, 3, statusOK)
	case codes.Error:
		b = pbVarint(b, 3, statusError)
	default:
	}
	return closeMessage(b, at, 1)
}

// nanos is a time on the wire; 0 is no time.
func unixNanos(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(max(t.UnixNano(), 0))
}

// exportedState is a tracestate as it is exported: that of a span that stands
// for itself alone says a probability of 1.
func exportedState(ts trace.TraceState, alone bool) string {
	ot := ts.Get(stateKey)
	if !alone || ot == "" {
		return ts.String()
	}
	changed, err := ts.Insert(stateKey, strings.Join(append([]string{thresholdKey + "0"}, otherEntries(ot)...), ";"))
	if err != nil {
		return ts.String()
	}
	return changed.String()
}
