package pitot

import (
	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
	sdklog "go.opentelemetry.io/otel/sdk/log"
)

// pbLogs appends records as an ExportLogsServiceRequest.
func pbLogs(b []byte, records []sdklog.Record) []byte {
	distinct, index := origins(len(records), func(i int) otlpOrigin {
		return otlpOrigin{records[i].Resource(), records[i].InstrumentationScope()}
	})
	for o := range distinct {
		b = pbOrigin(b, &distinct[o], func(b []byte) []byte {
			for i := range records {
				if index[i] == o {
					b = pbLogRecord(b, &records[i])
				}
			}
			return b
		})
	}
	return b
}

func pbLogRecord(b []byte, r *sdklog.Record) []byte {
	b, at := openMessage(b, fieldRecords, 2)
	if t := unixNanos(r.Timestamp()); t != 0 {
		b = pbFixed64(b, 1, t)
	}
	if s := r.Severity(); s != otellog.SeverityUndefined {
		b = pbVarint(b, 2, uint64(s))
	}
	b = pbText(b, 3, r.SeverityText())
	if body := r.Body(); body.Type() != attribute.EMPTY {
		b = pbAnyValue(b, 5, body, 0)
	}
	r.WalkAttributes(func(kv attribute.KeyValue) bool {
		b = pbKeyValue(b, 6, &kv, 0)
		return true
	})
	b = pbCount(b, 7, r.DroppedAttributes())
	b = pbFixed32(b, 8, uint32(r.TraceFlags()))
	if id := r.TraceID(); id.IsValid() {
		b = pbBytes(b, 9, id[:])
	}
	if id := r.SpanID(); id.IsValid() {
		b = pbBytes(b, 10, id[:])
	}
	b = pbFixed64(b, 11, unixNanos(r.ObservedTimestamp()))
	b = pbText(b, 12, r.EventName())
	return closeMessage(b, at, 2)
}
