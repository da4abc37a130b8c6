package pitot

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	otellog "go.opentelemetry.io/otel/log"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
)

// source makes values of bytes.
type source struct{ b []byte }

func (s *source) byte() byte {
	if len(s.b) == 0 {
		return 0
	}
	c := s.b[0]
	s.b = s.b[1:]
	return c
}

func (s *source) uint64() uint64 {
	var b [8]byte
	n := copy(b[:], s.b)
	s.b = s.b[n:]
	return binary.LittleEndian.Uint64(b[:])
}

func (s *source) text() string {
	n := min(int(s.byte()), len(s.b))
	t := string(s.b[:n])
	s.b = s.b[n:]
	if n > 200 {
		t = strings.Repeat(t, 100) // lengths of three bytes
	}
	return t
}

func (s *source) value(depth int) attribute.Value {
	n := int(s.byte() % 4)
	switch kind := s.byte() % 12; {
	case kind == 0:
		return attribute.BoolValue(n == 1)
	case kind == 1:
		return attribute.Int64Value(int64(s.uint64()))
	case kind == 2:
		return attribute.Float64Value(math.Float64frombits(s.uint64()))
	case kind == 3:
		return attribute.ByteSliceValue([]byte(s.text()))
	case kind == 4:
		out := make([]string, n)
		for i := range out {
			out[i] = s.text()
		}
		return attribute.StringSliceValue(out)
	case kind == 5:
		out := make([]int64, n)
		for i := range out {
			out[i] = int64(s.uint64())
		}
		return attribute.Int64SliceValue(out)
	case kind == 6:
		out := make([]float64, n)
		for i := range out {
			out[i] = math.Float64frombits(s.uint64())
		}
		return attribute.Float64SliceValue(out)
	case kind == 7:
		return attribute.BoolSliceValue(make([]bool, n))
	case kind == 8 && depth < 4:
		out := make([]attribute.Value, n)
		for i := range out {
			out[i] = s.value(depth + 1)
		}
		return attribute.SliceValue(out...)
	case kind == 9 && depth < 4:
		return attribute.MapValue(s.attrs(depth + 1)...)
	case kind == 10:
		return attribute.Value{}
	default:
		return attribute.StringValue(s.text())
	}
}

// attrs have distinct keys.
func (s *source) attrs(depth int) []attribute.KeyValue {
	out := make([]attribute.KeyValue, s.byte()%6)
	for i := range out {
		out[i] = attribute.KeyValue{Key: attribute.Key(string(rune('a'+i)) + s.text()), Value: s.value(depth)}
	}
	return out
}

func valid(s string) string { return strings.ToValidUTF8(s, "\uFFFD") }

// validRaw is a value as it arrives: with texts that are UTF-8.
func validRaw(v any) any {
	switch v := v.(type) {
	case string:
		return valid(v)
	case []any:
		for i := range v {
			v[i] = validRaw(v[i])
		}
	case map[string]any:
		out := map[string]any{}
		for k, x := range v {
			out[valid(k)] = validRaw(x)
		}
		return out
	}
	return v
}

func sameAttrs(t *testing.T, sent []attribute.KeyValue, got map[string]any) {
	t.Helper()
	want := validRaw(pdataMap(sent))
	if d := cmp.Diff(want, any(got), cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
		t.Error(d)
	}
}

func FuzzTraces(f *testing.F) {
	f.Add("chat gpt-4o", []byte("\x05\x03abc\x01\x00"), int64(1), uint8(3))
	f.Add("\xff", []byte{5, 200, 1, 2, 3, 9, 9, 8, 8, 8, 8}, int64(-1), uint8(255))
	f.Fuzz(func(t *testing.T, name string, raw []byte, at int64, bits uint8) {
		s := &source{raw}
		attrs, event, link := s.attrs(0), s.attrs(0), s.attrs(0)
		sc := trace.SpanContextConfig{TraceFlags: trace.TraceFlags(bits & 1)}
		binary.BigEndian.PutUint64(sc.TraceID[:], s.uint64())
		binary.BigEndian.PutUint64(sc.SpanID[:], s.uint64())
		start := time.Unix(0, at)
		stub := tracetest.SpanStub{
			Name: name, SpanContext: trace.NewSpanContext(sc), SpanKind: trace.SpanKind(bits % 6), StartTime: start, EndTime: start.Add(time.Second),
			Attributes: attrs, Events: []sdktrace.Event{{Name: s.text(), Attributes: event}}, Links: []sdktrace.Link{{Attributes: link}},
			Status: sdktrace.Status{Code: codes.Code(bits % 3), Description: s.text()}, Resource: encRes,
			InstrumentationScope: instrumentation.Scope{Name: s.text(), Version: s.text()}, DroppedAttributes: int(bits),
		}
		b := pbTraces(nil, []endedSpan{{stub.Snapshot(), bits&2 != 0}, {stub.Snapshot(), false}})
		td := decodeTraces(t, b)
		if td.SpanCount() != 2 {
			t.Fatalf("%d spans", td.SpanCount())
		}
		got := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1)
		if got.Name() != valid(name) || got.Events().At(0).Name() != valid(stub.Events[0].Name) || got.DroppedAttributesCount() != uint32(bits) {
			t.Errorf("%q %q", got.Name(), got.Events().At(0).Name())
		}
		if want := uint64(max(at, 0)); !start.IsZero() && uint64(got.StartTimestamp()) != want {
			t.Errorf("start %d, want %d", got.StartTimestamp(), want)
		}
		sameAttrs(t, attrs, got.Attributes().AsRaw())
		sameAttrs(t, event, got.Events().At(0).Attributes().AsRaw())
		sameAttrs(t, link, got.Links().At(0).Attributes().AsRaw())
		sameTracesJSON(t, b)
	})
}

func FuzzLogs(f *testing.F) {
	f.Add("hello", "event", []byte("\x05\x03abc\x01\x00"), 9)
	f.Fuzz(func(t *testing.T, body, event string, raw []byte, severity int) {
		s := &source{raw}
		attrs := s.attrs(0)
		var rec otellog.Record
		rec.SetBody(s.value(0))
		rec.SetEventName(event)
		rec.SetSeverityText(body)
		rec.SetSeverity(otellog.Severity(severity & 31))
		rec.SetTimestamp(encTime)
		rec.AddAttributes(attrs...)
		b := pbLogs(nil, emitted(t, trace.SpanContext{}, rec))
		got := decodeLogs(t, b).ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		if got.SeverityText() != valid(body) || got.EventName() != valid(event) || int(got.SeverityNumber()) != severity&31 {
			t.Errorf("%q %q %v", got.SeverityText(), got.EventName(), got.SeverityNumber())
		}
		sameAttrs(t, attrs, got.Attributes().AsRaw())
		sameLogsJSON(t, b)
	})
}

func FuzzMetrics(f *testing.F) {
	f.Add("llm.request", []byte("\x05\x03abc\x01\x00"), 1.5, int64(3))
	f.Fuzz(func(t *testing.T, name string, raw []byte, v float64, n int64) {
		s := &source{raw}
		set := attribute.NewSet(s.attrs(0)...)
		counts := make([]uint64, s.byte()%20)
		for i := range counts {
			counts[i] = s.uint64()
		}
		scale := int32(n)
		rm := &metricdata.ResourceMetrics{Resource: encRes, ScopeMetrics: []metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{
			{Name: name, Data: metricdata.Sum[int64]{DataPoints: []metricdata.DataPoint[int64]{{Attributes: set, Value: n}}}},
			{Name: name, Unit: s.text(), Data: metricdata.Gauge[float64]{DataPoints: []metricdata.DataPoint[float64]{{Value: v}}}},
			{Name: name, Data: metricdata.Histogram[float64]{DataPoints: []metricdata.HistogramDataPoint[float64]{{Attributes: set, BucketCounts: counts, Bounds: []float64{v}, Sum: v, Max: metricdata.NewExtrema(v)}}}},
			{Name: name, Data: metricdata.ExponentialHistogram[float64]{DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{Scale: scale, PositiveBucket: metricdata.ExponentialBucket{Offset: scale, Counts: counts}}}}},
		}}}}
		b, written := pbMetrics(nil, rm)
		md := decodeMetrics(t, b)
		if written != 4 || md.MetricCount() != 4 {
			t.Fatalf("%d written, %d read", written, md.MetricCount())
		}
		ms := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
		h, e := ms.At(2).Histogram().DataPoints().At(0), ms.At(3).ExponentialHistogram().DataPoints().At(0)
		got := []any{ms.At(0).Name(), ms.At(0).Sum().DataPoints().At(0).IntValue(), ms.At(1).Gauge().DataPoints().At(0).DoubleValue(), h.BucketCounts().AsRaw(), h.Max(), e.Scale(), e.Positive().Offset(), e.Positive().BucketCounts().AsRaw()}
		want := []any{valid(name), n, v, counts, v, scale, scale, counts}
		if d := cmp.Diff(want, got, cmpopts.EquateNaNs(), cmpopts.EquateEmpty()); d != "" {
			t.Error(d)
		}
		if ms.At(0).Type() != pmetric.MetricTypeSum {
			t.Error("not a sum")
		}
		sameMetricsJSON(t, b)
	})
}

// FuzzNextField: what a backend answers is read to its end or refused.
func FuzzNextField(f *testing.F) {
	f.Add(oneSpan(nil))
	f.Add([]byte{0x0a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Fuzz(func(t *testing.T, b []byte) {
		for rest := b; len(rest) > 0; {
			_, next, err := nextField(rest)
			if err != nil {
				break
			}
			if len(next) >= len(rest) {
				t.Fatal("nothing was read")
			}
			rest = next
		}
		if len(b) < 1<<10 {
			_, _ = appendOTLPJSON(nil, newOTLPShapes().traces, b)
		}
		c, _ := testClient(nil, nil)
		c.partialProto(b)
		c.partialJSON(b)
	})
}
