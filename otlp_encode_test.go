package pitot

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

var (
	encTrace = trace.TraceID{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48, 0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c}
	encSpan  = trace.SpanID{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}
	encTime  = time.Date(2026, 11, 21, 10, 0, 0, 123456789, time.UTC)
	encRes   = resource.NewWithAttributes("https://example.com/schema", attribute.String("service.name", "s"), attribute.Int("n", 3))
	encScope = instrumentation.Scope{Name: "lib", Version: "1.2", SchemaURL: "https://example.com/scope", Attributes: attribute.NewSet(attribute.Bool("x", true))}
)

// everyValue has an attribute of every kind that there is.
func everyValue() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("str", "hello \"wörld\"\n\t\u0001 日本 🙂"), attribute.String("empty", ""), attribute.String("long", strings.Repeat("x", 20000)),
		attribute.Bool("yes", true), attribute.Bool("no", false),
		attribute.Int64("int", -5), attribute.Int64("zero", 0), attribute.Int64("max", math.MaxInt64), attribute.Int64("min", math.MinInt64),
		attribute.Float64("float", 0.1), attribute.Float64("inf", math.Inf(1)), attribute.Float64("-inf", math.Inf(-1)), attribute.Float64("big", 1e300),
		attribute.StringSlice("strs", []string{"a", "", "c"}), attribute.BoolSlice("bools", []bool{true, false}),
		attribute.Int64Slice("ints", []int64{1, -1}), attribute.Float64Slice("floats", []float64{1.5, -2}), attribute.StringSlice("none", nil),
		attribute.ByteSlice("bytes", []byte{0, 1, 255}),
		attribute.Slice("mixed", attribute.StringValue("a"), attribute.Int64Value(1), attribute.MapValue(attribute.String("k", "v"))),
		attribute.Map("map", attribute.String("a", "b"), attribute.Map("in", attribute.Bool("deep", true))),
	}
}

// pdataValue is what an attribute should arrive as.
func pdataValue(v attribute.Value) any {
	switch v.Type() {
	case attribute.STRING:
		return v.AsString()
	case attribute.BOOL:
		return v.AsBool()
	case attribute.INT64:
		return v.AsInt64()
	case attribute.FLOAT64:
		return v.AsFloat64()
	case attribute.BYTESLICE:
		return v.AsByteSlice()
	case attribute.MAP:
		out := map[string]any{}
		for _, kv := range v.AsMap() {
			out[string(kv.Key)] = pdataValue(kv.Value)
		}
		return out
	case attribute.EMPTY:
		return nil
	default:
		return pdataSlice(v)
	}
}

func pdataSlice(v attribute.Value) []any {
	out := []any{}
	switch v.Type() {
	case attribute.SLICE:
		for _, x := range v.AsSlice() {
			out = append(out, pdataValue(x))
		}
	case attribute.STRINGSLICE:
		for _, x := range v.AsStringSlice() {
			out = append(out, x)
		}
	case attribute.BOOLSLICE:
		for _, x := range v.AsBoolSlice() {
			out = append(out, x)
		}
	case attribute.INT64SLICE:
		for _, x := range v.AsInt64Slice() {
			out = append(out, x)
		}
	case attribute.FLOAT64SLICE:
		for _, x := range v.AsFloat64Slice() {
			out = append(out, x)
		}
	default:
	}
	return out
}

func pdataMap(attrs []attribute.KeyValue) map[string]any {
	out := map[string]any{}
	for _, kv := range attrs {
		out[string(kv.Key)] = pdataValue(kv.Value)
	}
	return out
}

func sampleSpans() []endedSpan {
	parent := trace.NewSpanContext(trace.SpanContextConfig{TraceID: encTrace, SpanID: trace.SpanID{1, 2, 3, 4, 5, 6, 7, 8}, Remote: true})
	state, _ := trace.ParseTraceState("ot=th:8;rv:01234567890123,other=1")
	stub := tracetest.SpanStub{
		Name:        "chat gpt-4o",
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: encTrace, SpanID: encSpan, TraceState: state, TraceFlags: trace.FlagsSampled}),
		Parent:      parent, SpanKind: trace.SpanKindClient, StartTime: encTime, EndTime: encTime.Add(1200 * time.Millisecond),
		Attributes: everyValue(), DroppedAttributes: 3, DroppedEvents: 4, DroppedLinks: 5,
		Events: []sdktrace.Event{{Name: "first", Time: encTime.Add(time.Second), Attributes: everyValue(), DroppedAttributeCount: 2}, {Name: ""}},
		Links:  []sdktrace.Link{{SpanContext: parent, Attributes: []attribute.KeyValue{attribute.Int("l", 1)}, DroppedAttributeCount: 1}},
		Status: sdktrace.Status{Code: codes.Error, Description: "boom"}, Resource: encRes, InstrumentationScope: encScope,
	}
	bare := tracetest.SpanStub{
		Name: "bare", SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: encTrace, SpanID: trace.SpanID{9}}),
		Resource: encRes, InstrumentationScope: instrumentation.Scope{Name: "other"}, StartTime: encTime, EndTime: encTime, Status: sdktrace.Status{Code: codes.Ok},
	}
	return []endedSpan{{stub.Snapshot(), false}, {bare.Snapshot(), false}, {stub.Snapshot(), true}}
}

func decodeTraces(t testing.TB, b []byte) ptrace.Traces {
	t.Helper()
	td, err := (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(b)
	if err != nil {
		t.Fatalf("the official decoder refuses it: %v", err)
	}
	return td
}

func TestTracesAreWhatTheOfficialDecoderReads(t *testing.T) {
	td := decodeTraces(t, pbTraces(nil, sampleSpans()))
	if td.ResourceSpans().Len() != 2 || td.SpanCount() != 3 {
		t.Fatalf("%d groups, %d spans: want 2 groups (scopes) and 3 spans", td.ResourceSpans().Len(), td.SpanCount())
	}
	rs := td.ResourceSpans().At(0)
	if d := cmp.Diff(map[string]any{"service.name": "s", "n": int64(3)}, rs.Resource().Attributes().AsRaw()); d != "" {
		t.Error(d)
	}
	ss := rs.ScopeSpans().At(0)
	if rs.SchemaUrl() != encRes.SchemaURL() || ss.SchemaUrl() != encScope.SchemaURL || ss.Scope().Name() != "lib" || ss.Scope().Version() != "1.2" || ss.Scope().Attributes().Len() != 1 {
		t.Errorf("scope or schema wrong: %v %v %v", rs.SchemaUrl(), ss.SchemaUrl(), ss.Scope())
	}
	s := ss.Spans().At(0)
	got := map[string]any{
		"trace": s.TraceID().String(), "span": s.SpanID().String(), "parent": s.ParentSpanID().String(), "state": s.TraceState().AsRaw(),
		"name": s.Name(), "kind": s.Kind(), "start": s.StartTimestamp().AsTime(), "end": s.EndTimestamp().AsTime(), "flags": s.Flags(),
		"attrs": s.Attributes().AsRaw(), "dropped": []uint32{s.DroppedAttributesCount(), s.DroppedEventsCount(), s.DroppedLinksCount()},
		"status": s.Status().Code(), "message": s.Status().Message(), "events": s.Events().Len(), "event": s.Events().At(0).Name(),
		"event time": s.Events().At(0).Timestamp().AsTime(), "event attrs": s.Events().At(0).Attributes().AsRaw(), "event dropped": s.Events().At(0).DroppedAttributesCount(),
		"link": s.Links().At(0).SpanID().String(), "link attrs": s.Links().At(0).Attributes().AsRaw(), "link flags": s.Links().At(0).Flags(),
	}
	want := map[string]any{
		"trace": encTrace.String(), "span": encSpan.String(), "parent": "0102030405060708", "state": "ot=th:8;rv:01234567890123,other=1",
		"name": "chat gpt-4o", "kind": ptrace.SpanKindClient, "start": encTime, "end": encTime.Add(1200 * time.Millisecond), "flags": uint32(0x301),
		"attrs": pdataMap(everyValue()), "dropped": []uint32{3, 4, 5},
		"status": ptrace.StatusCodeError, "message": "boom", "events": 2, "event": "first",
		"event time": encTime.Add(time.Second), "event attrs": pdataMap(everyValue()), "event dropped": uint32(2),
		"link": "0102030405060708", "link attrs": map[string]any{"l": int64(1)}, "link flags": uint32(0x300),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if got := ss.Spans().At(1).TraceState().AsRaw(); got != "ot=th:0;rv:01234567890123,other=1" {
		t.Errorf("a span that stands alone has the tracestate %q", got)
	}
	if got := td.ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0).Flags(); got != 0x101 {
		t.Errorf("flags %x: a span that is exported is sampled, whatever its trace's share", got)
	}
	if got := td.ResourceSpans().At(1).ScopeSpans().At(0).Spans().At(0).Status().Code(); got != ptrace.StatusCodeOk {
		t.Errorf("status %v", got)
	}
}

// sameJSON checks that the JSON form decodes to the same as the protobuf form.
func sameJSON(t testing.TB, shape *otlpShape, proto []byte, toProto func(json []byte) ([]byte, error), again func([]byte) []byte) {
	t.Helper()
	text, err := appendOTLPJSON(nil, shape, proto)
	if err != nil {
		t.Fatal(err)
	}
	fromJSON, err := toProto(text)
	if err != nil {
		t.Fatalf("the official JSON decoder refuses it: %v\n%.2000s", err, text)
	}
	if canonical := again(proto); !bytes.Equal(canonical, fromJSON) {
		t.Errorf("JSON and protobuf differ:\n%.3000s", text)
	}
}

func sameTracesJSON(t testing.TB, proto []byte) {
	sameJSON(t, newOTLPShapes().traces, proto, func(b []byte) ([]byte, error) {
		td, err := (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(b)
		if err != nil {
			return nil, err
		}
		return (&ptrace.ProtoMarshaler{}).MarshalTraces(td)
	}, func(b []byte) []byte {
		out, err := (&ptrace.ProtoMarshaler{}).MarshalTraces(decodeTraces(t, b))
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
}

func TestTracesAsJSON(t *testing.T) {
	b := pbTraces(nil, sampleSpans())
	sameTracesJSON(t, b)
	text, err := appendOTLPJSON(nil, newOTLPShapes().traces, b)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`"traceId":"0af7651916cd43dd8448eb211c80319c"`, `"kind":3`, `"startTimeUnixNano":"1795255200123456789"`, `"intValue":"-5"`, `"doubleValue":"Infinity"`, `"bytesValue":"AAH/"`,
	} {
		if !bytes.Contains(text, []byte(want)) {
			t.Errorf("no %s in the JSON", want)
		}
	}
}

func TestBrokenTextDoesNotBreakTheMessage(t *testing.T) {
	stub := tracetest.SpanStub{
		Name: "a\xffb", Resource: encRes, Attributes: []attribute.KeyValue{attribute.String("k\xfe", "v\xc3\x28")},
		SpanContext: trace.NewSpanContext(trace.SpanContextConfig{TraceID: encTrace, SpanID: encSpan}),
	}
	td := decodeTraces(t, pbTraces(nil, []endedSpan{{stub.Snapshot(), false}}))
	s := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	if s.Name() != "a\uFFFDb" {
		t.Errorf("name %q", s.Name())
	}
	if d := cmp.Diff(map[string]any{"k\uFFFD": "v\uFFFD("}, s.Attributes().AsRaw()); d != "" {
		t.Error(d)
	}
}

func TestDeepValuesAreCut(t *testing.T) {
	v := attribute.StringValue("bottom")
	for range 100 {
		v = attribute.SliceValue(v)
	}
	stub := tracetest.SpanStub{Attributes: []attribute.KeyValue{{Key: "deep", Value: v}}, Resource: encRes}
	td := decodeTraces(t, pbTraces(nil, []endedSpan{{stub.Snapshot(), false}}))
	got, _ := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0).Attributes().Get("deep")
	depth := 0
	for got.Type() == pcommon.ValueTypeSlice && got.Slice().Len() > 0 {
		got = got.Slice().At(0)
		depth++
	}
	if depth == 0 || depth > maxSentDepth {
		t.Errorf("nested %d deep, want at most %d", depth, maxSentDepth)
	}
}

func sampleMetrics() *metricdata.ResourceMetrics {
	set := attribute.NewSet(attribute.String("model", "m"), attribute.Int("n", 1))
	exemplar := metricdata.Exemplar[float64]{
		FilteredAttributes: []attribute.KeyValue{attribute.String("f", "x")}, Time: encTime, Value: 1.5, SpanID: encSpan[:], TraceID: encTrace[:],
	}
	start := encTime.Add(-time.Minute)
	return &metricdata.ResourceMetrics{Resource: encRes, ScopeMetrics: []metricdata.ScopeMetrics{{Scope: encScope, Metrics: []metricdata.Metrics{
		{Name: "gi", Description: "d", Unit: "1", Data: metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Attributes: set, Time: encTime, Value: -7}, {Time: encTime, Value: 0}}}},
		{Name: "gf", Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Time: encTime, Value: 0.5}}}},
		{Name: "si", Data: metricdata.Sum[int64]{Temporality: metricdata.CumulativeTemporality, IsMonotonic: true, DataPoints: []metricdata.DataPoint[int64]{{
			Attributes: set, StartTime: start, Time: encTime, Value: 9, Exemplars: []metricdata.Exemplar[int64]{{Time: encTime, Value: 3}},
		}}}},
		{Name: "sf", Data: metricdata.Sum[float64]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.DataPoint[float64]{{StartTime: start, Time: encTime, Value: 2.5, Exemplars: []metricdata.Exemplar[float64]{exemplar}}}}},
		{Name: "h", Unit: "s", Data: metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.HistogramDataPoint[float64]{{
			Attributes: set, StartTime: start, Time: encTime, Count: 6, Sum: 12.5, Bounds: []float64{0.1, 1, 10}, BucketCounts: []uint64{1, 2, 0, 3},
			Min: metricdata.NewExtrema(0.0), Max: metricdata.NewExtrema(11.0), Exemplars: []metricdata.Exemplar[float64]{exemplar},
		}}}},
		{Name: "hi", Data: metricdata.Histogram[int64]{Temporality: metricdata.DeltaTemporality, DataPoints: []metricdata.HistogramDataPoint[int64]{{Time: encTime, Count: 0, BucketCounts: []uint64{0}}}}},
		{Name: "e", Data: metricdata.ExponentialHistogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{
			Attributes: set, StartTime: start, Time: encTime, Count: 300, Sum: 3, Scale: -2, ZeroCount: 1, ZeroThreshold: 1e-6,
			PositiveBucket: metricdata.ExponentialBucket{Offset: -5, Counts: []uint64{1, 0, 200}}, NegativeBucket: metricdata.ExponentialBucket{Offset: 7, Counts: []uint64{98}},
			Min: metricdata.NewExtrema(-1.0), Max: metricdata.NewExtrema(4.0), Exemplars: []metricdata.Exemplar[float64]{exemplar},
		}}}},
		{Name: "q", Data: metricdata.Summary{DataPoints: []metricdata.SummaryDataPoint{{Attributes: set, StartTime: start, Time: encTime, Count: 2, Sum: 3, QuantileValues: []metricdata.QuantileValue{{Quantile: 0.5, Value: 1}, {Quantile: 0.99, Value: 2}}}}}},
		{Name: "without points", Data: metricdata.Gauge[int64]{}},
	}}}}
}

func decodeMetrics(t testing.TB, b []byte) pmetric.Metrics {
	t.Helper()
	md, err := (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(b)
	if err != nil {
		t.Fatalf("the official decoder refuses it: %v", err)
	}
	return md
}

func TestMetricsAreWhatTheOfficialDecoderReads(t *testing.T) {
	b, n := pbMetrics(nil, sampleMetrics())
	md := decodeMetrics(t, b)
	if n != 8 || md.MetricCount() != 8 {
		t.Fatalf("%d written, %d read, want 8", n, md.MetricCount())
	}
	ms := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	gi, gf, si, sf := ms.At(0).Gauge().DataPoints(), ms.At(1).Gauge().DataPoints(), ms.At(2).Sum(), ms.At(3).Sum()
	if gi.At(0).IntValue() != -7 || gi.At(1).ValueType() != pmetric.NumberDataPointValueTypeInt || gf.At(0).DoubleValue() != 0.5 {
		t.Error("gauges differ")
	}
	if si.DataPoints().At(0).IntValue() != 9 || !si.IsMonotonic() || si.AggregationTemporality() != pmetric.AggregationTemporalityCumulative || si.DataPoints().At(0).Exemplars().At(0).IntValue() != 3 {
		t.Error("integer sum differs")
	}
	if e := sf.DataPoints().At(0).Exemplars().At(0); sf.IsMonotonic() || sf.AggregationTemporality() != pmetric.AggregationTemporalityDelta ||
		e.DoubleValue() != 1.5 || e.TraceID().String() != encTrace.String() || e.SpanID().String() != encSpan.String() || e.FilteredAttributes().Len() != 1 {
		t.Error("sum differs")
	}
	h := ms.At(4).Histogram().DataPoints().At(0)
	if d := cmp.Diff([]any{uint64(6), 12.5, []float64{0.1, 1, 10}, []uint64{1, 2, 0, 3}, true, 0.0, 11.0, 1, map[string]any{"model": "m", "n": int64(1)}, encTime},
		[]any{h.Count(), h.Sum(), h.ExplicitBounds().AsRaw(), h.BucketCounts().AsRaw(), h.HasMin(), h.Min(), h.Max(), h.Exemplars().Len(), h.Attributes().AsRaw(), h.Timestamp().AsTime()}); d != "" {
		t.Error(d)
	}
	if hi := ms.At(5).Histogram().DataPoints().At(0); hi.HasMin() || hi.HasMax() || !hi.HasSum() || hi.Count() != 0 {
		t.Error("an empty histogram differs")
	}
	e := ms.At(6).ExponentialHistogram().DataPoints().At(0)
	if d := cmp.Diff([]any{uint64(300), int32(-2), uint64(1), 1e-6, int32(-5), []uint64{1, 0, 200}, int32(7), []uint64{98}, -1.0, 4.0, 1},
		[]any{e.Count(), e.Scale(), e.ZeroCount(), e.ZeroThreshold(), e.Positive().Offset(), e.Positive().BucketCounts().AsRaw(), e.Negative().Offset(), e.Negative().BucketCounts().AsRaw(), e.Min(), e.Max(), e.Exemplars().Len()}); d != "" {
		t.Error(d)
	}
	q := ms.At(7).Summary().DataPoints().At(0)
	if q.Count() != 2 || q.Sum() != 3 || q.QuantileValues().At(1).Quantile() != 0.99 || q.QuantileValues().At(1).Value() != 2 {
		t.Error("summary differs")
	}
	sameMetricsJSON(t, b)
}

func sameMetricsJSON(t testing.TB, proto []byte) {
	sameJSON(t, newOTLPShapes().metrics, proto, func(b []byte) ([]byte, error) {
		md, err := (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(b)
		if err != nil {
			return nil, err
		}
		return (&pmetric.ProtoMarshaler{}).MarshalMetrics(md)
	}, func(b []byte) []byte {
		out, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(decodeMetrics(t, b))
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
}

// emitted are records as the log SDK makes them.
func emitted(t testing.TB, ctx trace.SpanContext, records ...otellog.Record) []sdklog.Record {
	t.Helper()
	rec := &logRecorder{}
	lp := sdklog.NewLoggerProvider(sdklog.WithProcessor(rec), sdklog.WithResource(encRes))
	logger := lp.Logger("lib", otellog.WithInstrumentationVersion("1"))
	for _, r := range records {
		logger.Emit(trace.ContextWithSpanContext(t.Context(), ctx), r)
	}
	return rec.all()
}

func sampleLogs(t testing.TB) []sdklog.Record {
	var full, bare otellog.Record
	full.SetTimestamp(encTime)
	full.SetObservedTimestamp(encTime.Add(time.Second))
	full.SetSeverity(otellog.SeverityWarn)
	full.SetSeverityText("WARN")
	full.SetBody(attribute.StringValue("slow"))
	full.SetEventName("gen_ai.evaluation.result")
	full.AddAttributes(everyValue()...)
	sc := trace.NewSpanContext(trace.SpanContextConfig{TraceID: encTrace, SpanID: encSpan, TraceFlags: trace.FlagsSampled})
	return emitted(t, sc, full, bare)
}

func decodeLogs(t testing.TB, b []byte) plog.Logs {
	t.Helper()
	ld, err := (&plog.ProtoUnmarshaler{}).UnmarshalLogs(b)
	if err != nil {
		t.Fatalf("the official decoder refuses it: %v", err)
	}
	return ld
}

func TestLogsAreWhatTheOfficialDecoderReads(t *testing.T) {
	b := pbLogs(nil, sampleLogs(t))
	ld := decodeLogs(t, b)
	if ld.ResourceLogs().Len() != 1 || ld.LogRecordCount() != 2 {
		t.Fatalf("%d groups, %d records", ld.ResourceLogs().Len(), ld.LogRecordCount())
	}
	r := ld.ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	got := []any{
		r.Timestamp().AsTime(), r.ObservedTimestamp().AsTime(), r.SeverityNumber(), r.SeverityText(), r.Body().AsRaw(), r.EventName(),
		r.TraceID().String(), r.SpanID().String(), uint32(r.Flags()), r.Attributes().AsRaw(),
	}
	want := []any{
		encTime, encTime.Add(time.Second), plog.SeverityNumberWarn, "WARN", "slow", "gen_ai.evaluation.result",
		encTrace.String(), encSpan.String(), uint32(1), pdataMap(everyValue()),
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	sameLogsJSON(t, b)
}

func sameLogsJSON(t testing.TB, proto []byte) {
	sameJSON(t, newOTLPShapes().logs, proto, func(b []byte) ([]byte, error) {
		ld, err := (&plog.JSONUnmarshaler{}).UnmarshalLogs(b)
		if err != nil {
			return nil, err
		}
		return (&plog.ProtoMarshaler{}).MarshalLogs(ld)
	}, func(b []byte) []byte {
		out, err := (&plog.ProtoMarshaler{}).MarshalLogs(decodeLogs(t, b))
		if err != nil {
			t.Fatal(err)
		}
		return out
	})
}

func BenchmarkEncodeSpans(b *testing.B) {
	attrs := []attribute.KeyValue{attribute.String("gen_ai.input.messages", strings.Repeat("a message of a user ", 60)), attribute.StringSlice("gen_ai.response.finish_reasons", []string{"stop"})}
	for i := range 28 {
		attrs = append(attrs, attribute.String("gen_ai.some.attribute."+string(rune('a'+i)), "a value of ordinary length"))
	}
	stub := sampleSpans()[1]
	one := tracetest.SpanStub{
		Name: "chat gpt-4o", SpanContext: stub.SpanContext(), StartTime: encTime, EndTime: encTime, Resource: encRes,
		InstrumentationScope: encScope, Attributes: attrs,
	}.Snapshot()
	spans := make([]endedSpan, 512)
	for i := range spans {
		spans[i] = endedSpan{one, false}
	}
	buf := pbTraces(nil, spans)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf = pbTraces(buf[:0], spans)
	}
	b.ReportMetric(float64(len(spans))*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
}

func BenchmarkEncodeMetrics(b *testing.B) {
	rm := sampleMetrics()
	buf, _ := pbMetrics(nil, rm)
	b.SetBytes(int64(len(buf)))
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = pbMetrics(buf[:0], rm)
	}
}
