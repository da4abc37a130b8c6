package pitot

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	otellog "go.opentelemetry.io/otel/log"
)

// The bounds of a record that is exported.
const (
	maxLogAttrs = 128
	maxLogValue = 16 << 10 // bytes of a text
	maxLogDepth = 8        // of groups
)

// ownLogKey marks the context of what the SDK logs itself. Such a record must not
// be exported by the SDK: a warning that the backend cannot be reached would go
// to the backend that cannot be reached, and cause the next one.
type ownLogKey struct{}

func isOwnLog(ctx context.Context) bool { return ctx.Value(ownLogKey{}) != nil }

// ownLogger marks what is logged through it.
func ownLogger(l *slog.Logger) *slog.Logger {
	if _, ok := l.Handler().(ownLogHandler); ok {
		return l
	}
	return slog.New(ownLogHandler{l.Handler()})
}

type ownLogHandler struct{ slog.Handler }

// Handle marks the record's context.
func (h ownLogHandler) Handle(ctx context.Context, rec slog.Record) error {
	return h.Handler.Handle(context.WithValue(ctx, ownLogKey{}, true), rec)
}

// WithAttrs keeps the mark.
func (h ownLogHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return ownLogHandler{h.Handler.WithAttrs(attrs)}
}

// WithGroup keeps the mark.
func (h ownLogHandler) WithGroup(name string) slog.Handler {
	return ownLogHandler{h.Handler.WithGroup(name)}
}

// exportLog sends a record to the backend. Attributes of groups are named with
// dots; trace and span travel as fields of the record.
func (r *core) exportLog(ctx context.Context, rec *slog.Record, message string, s *logState, attrs []slog.Attr) {
	severity := logSeverity(rec.Level)
	if r.logger == nil || !r.logger.Enabled(ctx, otellog.EnabledParameters{Severity: severity}) {
		return
	}
	var out otellog.Record
	out.SetTimestamp(rec.Time)
	out.SetObservedTimestamp(time.Now())
	out.SetSeverity(severity)
	out.SetSeverityText(rec.Level.String())
	out.SetBody(attribute.StringValue(exportText(message)))
	kv := make([]attribute.KeyValue, 0, len(attrs)+len(s.attrs)+2)
	kv = appendLogAttrs(kv, "", s.attrs, 0)
	var prefix strings.Builder
	for _, g := range s.groups {
		prefix.WriteString(g.group + ".")
		kv = appendLogAttrs(kv, prefix.String(), g.attrs, 0)
	}
	kv = appendLogAttrs(kv, prefix.String(), attrs, 0)
	request, response := logIDs(ctx)
	for _, id := range [...][2]string{{"request_id", request}, {"response_id", response}} {
		if id[1] != "" && !slices.ContainsFunc(kv, func(x attribute.KeyValue) bool { return string(x.Key) == id[0] }) {
			kv = append(kv, attribute.String(id[0], id[1]))
		}
	}
	out.AddAttributes(kv...)
	r.logger.Emit(ctx, out)
}

// logSeverity maps slog's levels to OpenTelemetry's: both have steps of four, and
// DEBUG is 5.
func logSeverity(l slog.Level) otellog.Severity {
	return otellog.Severity(min(max(int(l)+9, 1), 24))
}

func appendLogAttrs(dst []attribute.KeyValue, prefix string, attrs []slog.Attr, depth int) []attribute.KeyValue {
	for _, a := range attrs {
		if len(dst) >= maxLogAttrs {
			return dst
		}
		v := a.Value.Resolve()
		key := prefix + a.Key
		if v.Kind() == slog.KindGroup {
			if depth >= maxLogDepth {
				continue
			}
			p := key + "."
			if a.Key == "" {
				p = prefix // a group without a name is inlined
			}
			dst = appendLogAttrs(dst, p, v.Group(), depth+1)
			continue
		}
		if a.Equal(slog.Attr{}) {
			continue
		}
		dst = append(dst, attribute.KeyValue{Key: attribute.Key(key), Value: logValue(v)})
	}
	return dst
}

func logValue(v slog.Value) attribute.Value {
	switch v.Kind() {
	case slog.KindString:
		return attribute.StringValue(exportText(v.String()))
	case slog.KindInt64:
		return attribute.Int64Value(v.Int64())
	case slog.KindUint64:
		if u := v.Uint64(); u <= 1<<63-1 {
			return attribute.Int64Value(int64(u))
		}
		return attribute.StringValue(v.String())
	case slog.KindFloat64:
		return attribute.Float64Value(v.Float64())
	case slog.KindBool:
		return attribute.BoolValue(v.Bool())
	case slog.KindDuration:
		return attribute.Float64Value(v.Duration().Seconds())
	case slog.KindTime:
		return attribute.StringValue(v.Time().Format(time.RFC3339Nano))
	default:
		if err, ok := v.Any().(error); ok {
			return attribute.StringValue(exportText(errorText(err)))
		}
		return attribute.StringValue(exportText(anyText(v.Any())))
	}
}

// exportText is s, valid UTF-8 and of at most maxLogValue bytes.
func exportText(s string) string {
	if n := maxLogValue; len(s) > n {
		for n > 0 && s[n]&0xC0 == 0x80 {
			n--
		}
		s = s[:n]
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
