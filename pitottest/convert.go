package pitottest

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// traces is the OTLP form of spans.
func traces(spans []sdktrace.ReadOnlySpan) ptrace.Traces {
	td := ptrace.NewTraces()
	for _, s := range spans {
		rs := td.ResourceSpans().AppendEmpty()
		if r := s.Resource(); r != nil {
			attributes(rs.Resource().Attributes(), r.Attributes())
		}
		ss := rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName(s.InstrumentationScope().Name)
		ss.Scope().SetVersion(s.InstrumentationScope().Version)
		span(ss.Spans().AppendEmpty(), s)
	}
	return td
}

func span(out ptrace.Span, s sdktrace.ReadOnlySpan) {
	sc := s.SpanContext()
	out.SetTraceID(pcommon.TraceID(sc.TraceID()))
	out.SetSpanID(pcommon.SpanID(sc.SpanID()))
	if p := s.Parent(); p.SpanID().IsValid() {
		out.SetParentSpanID(pcommon.SpanID(p.SpanID()))
	}
	out.TraceState().FromRaw(sc.TraceState().String())
	out.SetName(s.Name())
	out.SetKind(kinds[s.SpanKind()])
	out.SetStartTimestamp(stamp(s.StartTime()))
	out.SetEndTimestamp(stamp(s.EndTime()))
	switch st := s.Status(); st.Code {
	case codes.Error:
		out.Status().SetCode(ptrace.StatusCodeError)
		out.Status().SetMessage(st.Description)
	case codes.Ok:
		out.Status().SetCode(ptrace.StatusCodeOk)
	default:
	}
	attributes(out.Attributes(), s.Attributes())
	for _, e := range s.Events() {
		ev := out.Events().AppendEmpty()
		ev.SetName(e.Name)
		ev.SetTimestamp(stamp(e.Time))
		attributes(ev.Attributes(), e.Attributes)
	}
	for _, l := range s.Links() {
		link := out.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID(l.SpanContext.TraceID()))
		link.SetSpanID(pcommon.SpanID(l.SpanContext.SpanID()))
		attributes(link.Attributes(), l.Attributes)
	}
}

var kinds = map[trace.SpanKind]ptrace.SpanKind{
	trace.SpanKindInternal: ptrace.SpanKindInternal, trace.SpanKindServer: ptrace.SpanKindServer, trace.SpanKindClient: ptrace.SpanKindClient,
	trace.SpanKindProducer: ptrace.SpanKindProducer, trace.SpanKindConsumer: ptrace.SpanKindConsumer,
}

func stamp(t time.Time) pcommon.Timestamp { return pcommon.NewTimestampFromTime(t) }

func attributes(m pcommon.Map, attrs []attribute.KeyValue) {
	for _, a := range attrs {
		switch k := string(a.Key); a.Value.Type() {
		case attribute.BOOL:
			m.PutBool(k, a.Value.AsBool())
		case attribute.INT64:
			m.PutInt(k, a.Value.AsInt64())
		case attribute.FLOAT64:
			m.PutDouble(k, a.Value.AsFloat64())
		case attribute.STRING:
			m.PutStr(k, a.Value.AsString())
		case attribute.BOOLSLICE:
			list(m, k, a.Value.AsBoolSlice(), pcommon.Value.SetBool)
		case attribute.INT64SLICE:
			list(m, k, a.Value.AsInt64Slice(), pcommon.Value.SetInt)
		case attribute.FLOAT64SLICE:
			list(m, k, a.Value.AsFloat64Slice(), pcommon.Value.SetDouble)
		case attribute.STRINGSLICE:
			list(m, k, a.Value.AsStringSlice(), pcommon.Value.SetStr)
		default:
			m.PutStr(k, a.Value.String())
		}
	}
}

func list[T any](m pcommon.Map, key string, values []T, set func(pcommon.Value, T)) {
	s := m.PutEmptySlice(key)
	for _, v := range values {
		set(s.AppendEmpty(), v)
	}
}
