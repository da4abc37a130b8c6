package otlp

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
)

// encoding is how a message is written.
type encoding uint8

const (
	encodingProto encoding = iota
	encodingJSON
)

const (
	// maxNesting is how deep attribute values may be nested in each other. What
	// decodes, normalises and writes them is recursive: a message of 64 MiB that is
	// nothing but nesting would overflow the stack and end the process.
	maxNesting = 64
	// maxReasons and maxReason bound what an answer says of what was rejected.
	maxReasons = 5
	maxReason  = 300
	// chunkCost is how much memory what is decoded at once may take. Larger messages
	// are decoded and handed on in pieces; the sender is answered when all are.
	chunkCost = 16 << 20
)

// rejects is what was not taken of a message.
type rejects struct {
	n       int
	reasons []string // the first few, each once
	more    bool     // there were further reasons
}

// say adds a reason.
func (r *rejects) say(reason string) {
	reason = clip(reason, maxReason)
	switch {
	case slices.Contains(r.reasons, reason):
	case len(r.reasons) == maxReasons:
		r.more = true
	default:
		r.reasons = append(r.reasons, reason)
	}
}

// reject counts n things out.
func (r *rejects) reject(n int, reason string) {
	r.n += n
	r.say(reason)
}

func (r *rejects) merge(o rejects) {
	r.n += o.n
	for _, reason := range o.reasons {
		r.say(reason)
	}
	r.more = r.more || o.more
}

// message says what was rejected and why; it is empty where there is nothing to
// say.
func (r *rejects) message(s signal) string {
	if r.n == 0 && len(r.reasons) == 0 {
		return ""
	}
	var b strings.Builder
	switch {
	case r.n == 1:
		fmt.Fprintf(&b, "1 %s was rejected", s.unit())
	case r.n > 1:
		fmt.Fprintf(&b, "%d %ss were rejected", r.n, s.unit())
	default:
		b.WriteString("everything was taken, but")
	}
	for i, reason := range r.reasons {
		if i == 0 {
			b.WriteString(": ")
		} else {
			b.WriteString("; ")
		}
		b.WriteString(reason)
	}
	if r.more {
		b.WriteString("; and more like these")
	}
	return b.String()
}

// codec decodes the messages of one signal.
type codec[T any] struct {
	signal    signal
	proto     func([]byte) (T, error)
	json      func([]byte) (T, error)
	resources func(T) int // how many resources a message has

	message  *message // what a message is made of
	leaf     *message // what a span, log record or metric is made of
	textCost int64    // memory for each byte
	maxLeaf  int64    // memory that one span, log record or metric may take

	// Names in JSON, both spellings.
	rootKeys, scopeKeys, leafKeys [2]string
}

func traceCodec(maxLeaf int64) codec[ptrace.Traces] {
	span := spanMessage()
	return codec[ptrace.Traces]{
		signal: signalTraces,
		proto: func(b []byte) (ptrace.Traces, error) {
			req := ptraceotlp.NewExportRequest()
			err := req.UnmarshalProto(b)
			return req.Traces(), err
		},
		json: func(b []byte) (ptrace.Traces, error) {
			req := ptraceotlp.NewExportRequest()
			err := req.UnmarshalJSON(b)
			return req.Traces(), err
		},
		resources: func(td ptrace.Traces) int { return td.ResourceSpans().Len() },
		message:   requestMessage(span), leaf: span, textCost: textCost, maxLeaf: maxLeaf,
		rootKeys: [2]string{"resourceSpans", "resource_spans"}, scopeKeys: [2]string{"scopeSpans", "scope_spans"}, leafKeys: [2]string{"spans", "spans"},
	}
}

func logCodec(maxLeaf int64) codec[plog.Logs] {
	record := logMessage()
	return codec[plog.Logs]{
		signal: signalLogs,
		proto: func(b []byte) (plog.Logs, error) {
			req := plogotlp.NewExportRequest()
			err := req.UnmarshalProto(b)
			return req.Logs(), err
		},
		json: func(b []byte) (plog.Logs, error) {
			req := plogotlp.NewExportRequest()
			err := req.UnmarshalJSON(b)
			return req.Logs(), err
		},
		resources: func(ld plog.Logs) int { return ld.ResourceLogs().Len() },
		message:   requestMessage(record), leaf: record, textCost: textCost, maxLeaf: maxLeaf,
		rootKeys: [2]string{"resourceLogs", "resource_logs"}, scopeKeys: [2]string{"scopeLogs", "scope_logs"}, leafKeys: [2]string{"logRecords", "log_records"},
	}
}

func metricCodec(maxLeaf int64) codec[pmetric.Metrics] {
	metric := metricMessage()
	return codec[pmetric.Metrics]{
		signal: signalMetrics,
		proto: func(b []byte) (pmetric.Metrics, error) {
			req := pmetricotlp.NewExportRequest()
			err := req.UnmarshalProto(b)
			return req.Metrics(), err
		},
		json: func(b []byte) (pmetric.Metrics, error) {
			req := pmetricotlp.NewExportRequest()
			err := req.UnmarshalJSON(b)
			return req.Metrics(), err
		},
		resources: func(md pmetric.Metrics) int { return md.ResourceMetrics().Len() },
		message:   requestMessage(metric), leaf: metric, textCost: numberCost, maxLeaf: maxLeaf,
		rootKeys: [2]string{"resourceMetrics", "resource_metrics"}, scopeKeys: [2]string{"scopeMetrics", "scope_metrics"}, leafKeys: [2]string{"metrics", "metrics"},
	}
}

// format is what differs between the encodings of a signal.
type format[T any] struct {
	encoding encoding
	decode   func([]byte) (T, error)
	// measure estimates what decoding takes in memory. Its error says that decoding
	// would fail, or must not be tried.
	measure func([]byte) (int64, error)
	// salvage writes a message again without what cannot be decoded. broken says
	// that the message breaks off.
	salvage func([]byte) (clean []byte, rej rejects, kept int, broken error)
	// split cuts a message that measure found well into smaller ones.
	split func(body []byte, rej *rejects, emit func([]byte) error) error
	// empty says whether a message without telemetry is one on purpose.
	empty func([]byte) bool
}

func (c *codec[T]) format(enc encoding) format[T] {
	if enc == encodingJSON {
		return format[T]{encodingJSON, c.json, c.measureJSON, c.salvageJSON, c.splitJSON, c.emptyJSON}
	}
	return format[T]{encodingProto, c.proto, c.measureProto, c.salvageProto, c.splitProto, func(b []byte) bool { return len(b) == 0 }}
}

// each decodes a message and calls use with what it holds; with several parts of
// it, where it is large. What cannot be decoded is left out and said. room is
// called before memory is used. The error is that of room or use, or says that
// nothing could be decoded.
func (c *codec[T]) each(enc encoding, body []byte, room func(cost int64) error, use func(T) error) (rejects, error) {
	f := c.format(enc)
	var rej rejects
	cost, broken := f.measure(body)
	whole := body
	if broken != nil {
		if err := room(3 * int64(len(body))); err != nil { // the copies that salvage makes
			return rej, err
		}
		var kept int
		if whole, rej, kept, broken = f.salvage(body); kept == 0 {
			return rej, c.nothing(f, body, rej, broken)
		}
		if cost, broken = f.measure(whole); broken != nil { // each of its parts was well
			return rej, c.nothing(f, body, rej, broken)
		}
	}
	used := false
	part := func(b []byte, cost int64) error {
		if err := room(cost); err != nil {
			return err
		}
		v, err := f.decode(b)
		if err != nil {
			clean, r, kept, _ := f.salvage(b)
			rej.merge(r)
			if kept == 0 {
				return nil
			}
			if v, err = f.decode(clean); err != nil { // each of its parts could be decoded
				rej.say("a part of the message cannot be decoded: " + plainError(err))
				return nil
			}
		}
		if c.resources(v) == 0 {
			return nil
		}
		used = true
		return use(v)
	}
	var err error
	if cost <= chunkCost {
		err = part(whole, cost)
	} else {
		err = f.split(whole, &rej, func(b []byte) error {
			cost, err := f.measure(b)
			if err != nil { // parts of what is well are well
				return err
			}
			return part(b, cost)
		})
	}
	if err == nil && !used && (rej.n > 0 || !f.empty(body)) {
		return rej, c.nothing(f, body, rej, errNoTelemetry)
	}
	return rej, err
}

// nothing is the answer to a message of which nothing could be used.
func (c *codec[T]) nothing(f format[T], body []byte, rej rejects, why error) *failure {
	if rej.n > 0 {
		return fail(http.StatusBadRequest, rej.message(c.signal))
	}
	if why == nil {
		why = errNoTelemetry
	}
	return c.garbage(f.encoding, body, why.Error())
}

func (c *codec[T]) measureProto(body []byte) (int64, error) {
	cost, err := c.message.measure(body)
	return cost + c.textCost*int64(len(body)), err
}

// Where brackets are in a message: those of a leaf, and those of a data point in a
// metric.
const (
	leafDepth  = 7
	pointDepth = 3
)

func (c *codec[T]) measureJSON(body []byte) (int64, error) { return c.measureDepth(body, leafDepth) }

func (c *codec[T]) measureDepth(body []byte, depth int) (int64, error) {
	if c.signal == signalMetrics {
		depth += pointDepth
	}
	shape, err := shapeOf(body, depth)
	if err == nil && shape.depth > maxJSONDepth {
		err = errNested
	}
	return int64(shape.objects)*messageCost + int64(shape.leaves)*leafCost + c.textCost*int64(len(body)), err
}

// plainError takes out of a decoder's error the piece of the message that it
// quotes: answers are logged by senders, and prompts do not belong in logs.
func plainError(err error) string {
	s := err.Error()
	for _, cut := range []string{", error found in", ", bigger context", ", but found"} {
		if i := strings.Index(s, cut); i >= 0 {
			s = s[:i]
		}
	}
	return clip(s, 160)
}

// garbage is the answer to a body that is no message of the signal, with a hint
// at what it is instead.
func (c *codec[T]) garbage(enc encoding, body []byte, why string) *failure {
	msg := "this is not an OTLP " + c.signal.String() + " message in " + map[encoding]string{encodingProto: "protobuf", encodingJSON: "JSON"}[enc] + ": " + why
	if hint := c.hint(enc, body); hint != "" {
		msg += "; " + hint
	}
	return fail(http.StatusBadRequest, msg)
}

// hint guesses what a body is that is not what its content type says.
func (c *codec[T]) hint(enc encoding, body []byte) string {
	head := bytes.TrimLeft(body[:min(len(body), 4096)], " \t\r\n\xef\xbb\xbf")
	switch {
	case bytes.HasPrefix(head, []byte("\x1f\x8b")):
		return "it looks like gzip: set Content-Encoding: gzip"
	case bytes.HasPrefix(head, []byte("\x28\xb5\x2f\xfd")):
		return "it looks like zstd: set Content-Encoding: zstd"
	case len(body) > 5 && body[0] <= 1 && int64(body[1])<<24|int64(body[2])<<16|int64(body[3])<<8|int64(body[4]) == int64(len(body)-5):
		return "it looks like a gRPC message: set Content-Type: application/grpc and use HTTP/2"
	}
	looksJSON := len(head) > 0 && (head[0] == '{' || head[0] == '[')
	if enc == encodingProto {
		if looksJSON {
			return "it looks like JSON: set Content-Type: application/json"
		}
		return ""
	}
	if !looksJSON {
		return "it does not look like JSON: protobuf needs Content-Type: application/x-protobuf"
	}
	for _, s := range []struct{ key, path string }{
		{"resourceSpans", "/v1/traces"}, {"resourceLogs", "/v1/logs"}, {"resourceMetrics", "/v1/metrics"},
	} {
		if s.key != c.rootKeys[0] && bytes.Contains(head, []byte(`"`+s.key+`"`)) {
			return "it has " + s.key + ": send it to " + s.path
		}
	}
	if head[0] == '[' && bytes.Contains(head, []byte(`"traceId"`)) {
		return "it looks like Zipkin: send it to /api/v2/spans"
	}
	return ""
}
