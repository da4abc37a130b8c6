package otlp

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"mime"
	"net/http"
	"strings"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// JaegerHandler takes Jaeger Thrift over HTTP, at /api/traces: it is for the
// listener that old Jaeger senders expect on port 14268. It does not ask
// Config.Jaeger.
func (r *Receiver) JaegerHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if d, _ := route(req.URL.Path); d != doorJaeger {
			r.refuse(w, req, answer{transport: "jaeger", asText: true}, fail(http.StatusNotFound, "this port takes Jaeger Thrift at /api/traces only"))
			return
		}
		r.serveJaeger(w, req)
	})
}

func (r *Receiver) serveJaeger(w http.ResponseWriter, req *http.Request) {
	media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	known := err == nil && (media == "application/x-thrift" || strings.HasPrefix(media, "application/vnd.apache.thrift."))
	r.serveForeign(w, req, "jaeger", known, "application/x-thrift", measureJaeger, decodeJaeger)
}

// serveForeign serves a protocol whose senders know nothing of OTLP: the answer
// is 202 or an error, in text.
func (r *Receiver) serveForeign(w http.ResponseWriter, req *http.Request, transport string, known bool, types string, measure func([]byte) int64, decode func([]byte) (ptrace.Traces, rejects, error)) {
	a := answer{signal: signalTraces, transport: transport, asText: true}
	if f := checkRequest(req, known, types); f != nil {
		r.refuse(w, req, a, f)
		return
	}
	rej, f := r.receive(w, req, func(ctx context.Context, l *lease, body []byte) (rejects, *failure) {
		r.metrics.bytes.WithLabelValues(signalTraces.String()).Add(float64(len(body)))
		t := r.begin(ctx, signalTraces)
		cost := measure(body)
		if cost > r.traces.maxLeaf { // these are not decoded in pieces
			return t.end(rejects{}, fail(http.StatusRequestEntityTooLarge, "the message has too many parts to be decoded at once: send smaller batches"))
		}
		if err := l.grow(ctx, int64(len(body))+cost); err != nil {
			return t.end(rejects{}, err)
		}
		td, rej, err := decode(body)
		if err == nil {
			err = t.traces(td)
		}
		return t.end(rej, err)
	})
	if f != nil {
		r.refuse(w, req, a, f)
		return
	}
	r.count(a, http.StatusAccepted)
	message := rej.message(signalTraces)
	if rej.n > 0 {
		r.report(signalTraces, transport, message)
	}
	w.Header().Set("Content-Type", typeText)
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write([]byte(message)) //nolint:gosec // never HTML, and not sniffed; an error means that the client is gone
}

// Values of Jaeger's enumerations.
const (
	jaegerChildOf = 0

	jaegerString = 0
	jaegerDouble = 1
	jaegerBool   = 2
	jaegerLong   = 3
	jaegerBinary = 4
)

type jaegerTag struct {
	key    string
	kind   int32
	str    string
	double float64
	flag   bool
	long   int64
	binary []byte
}

type jaegerRef struct {
	kind      int32
	low, high int64
	span      int64
}

type jaegerLog struct {
	time   int64 // microseconds
	fields []jaegerTag
}

type jaegerSpan struct {
	low, high, id, parent int64
	name                  string
	refs                  []jaegerRef
	flags                 int32
	start, duration       int64 // microseconds
	tags                  []jaegerTag
	logs                  []jaegerLog
}

// measureJaeger estimates what decoding a batch takes in memory.
func measureJaeger(body []byte) int64 {
	t := newThrift(body)
	spans := 0
	t.structure(func(id int16, typ byte) {
		if id != 2 || typ != thriftList {
			t.skip(typ)
			return
		}
		elem, n := t.listHead()
		for range n {
			if t.skip(elem); t.err != nil {
				return
			}
			spans++
		}
	})
	return int64(t.begun)*2*messageCost + int64(spans)*leafCost + textCost*int64(len(body))
}

// decodeJaeger decodes a batch in Thrift's binary or compact encoding. Thrift has
// no lengths to go by: what follows something broken is lost, what is before it
// is kept.
func decodeJaeger(body []byte) (ptrace.Traces, rejects, error) {
	t := newThrift(body)
	var service string
	var tags []jaegerTag
	var spans []jaegerSpan
	t.structure(func(id int16, typ byte) {
		switch {
		case id == 1 && typ == thriftStruct:
			t.structure(func(id int16, typ byte) {
				switch {
				case id == 1 && typ == thriftString:
					service = t.str()
				case id == 2 && typ == thriftList:
					tags = t.tags()
				default:
					t.skip(typ)
				}
			})
		case id == 2 && typ == thriftList:
			for range t.structs() {
				s := t.span()
				if t.err != nil {
					return
				}
				spans = append(spans, s)
			}
		default:
			t.skip(typ)
		}
	})
	var rej rejects
	if t.err != nil {
		if len(spans) == 0 {
			return ptrace.Traces{}, rej, fail(http.StatusBadRequest, "this is not a Jaeger batch in Thrift's binary or compact encoding: "+t.err.Error())
		}
		rej.reject(1, "the batch is damaged: "+t.err.Error()+"; spans after the damage could not be read")
	} else if service == "" && len(spans) == 0 && len(body) > 1 {
		return ptrace.Traces{}, rej, fail(http.StatusBadRequest, "this is not a Jaeger batch in Thrift's binary or compact encoding: it has neither a process nor spans")
	}
	td := ptrace.NewTraces()
	if len(spans) == 0 {
		return td, rej, nil
	}
	rs := td.ResourceSpans().AppendEmpty()
	putJaegerProcess(rs.Resource().Attributes(), service, tags)
	scopes := scopeIndex{rs: rs}
	for i := range spans {
		putJaegerSpan(&scopes, &spans[i])
	}
	return td, rej, nil
}

func (t *thrift) span() (s jaegerSpan) {
	t.structure(func(id int16, typ byte) {
		switch {
		case id == 1 && typ == thriftI64:
			s.low = t.i64()
		case id == 2 && typ == thriftI64:
			s.high = t.i64()
		case id == 3 && typ == thriftI64:
			s.id = t.i64()
		case id == 4 && typ == thriftI64:
			s.parent = t.i64()
		case id == 5 && typ == thriftString:
			s.name = t.str()
		case id == 6 && typ == thriftList:
			for range t.structs() {
				if s.refs = append(s.refs, t.ref()); t.err != nil {
					return
				}
			}
		case id == 7 && typ == thriftI32:
			s.flags = t.i32()
		case id == 8 && typ == thriftI64:
			s.start = t.i64()
		case id == 9 && typ == thriftI64:
			s.duration = t.i64()
		case id == 10 && typ == thriftList:
			s.tags = t.tags()
		case id == 11 && typ == thriftList:
			for range t.structs() {
				if s.logs = append(s.logs, t.log()); t.err != nil {
					return
				}
			}
		default:
			t.skip(typ)
		}
	})
	return s
}

func (t *thrift) ref() (r jaegerRef) {
	t.structure(func(id int16, typ byte) {
		switch {
		case id == 1 && typ == thriftI32:
			r.kind = t.i32()
		case id == 2 && typ == thriftI64:
			r.low = t.i64()
		case id == 3 && typ == thriftI64:
			r.high = t.i64()
		case id == 4 && typ == thriftI64:
			r.span = t.i64()
		default:
			t.skip(typ)
		}
	})
	return r
}

func (t *thrift) log() (l jaegerLog) {
	t.structure(func(id int16, typ byte) {
		switch {
		case id == 1 && typ == thriftI64:
			l.time = t.i64()
		case id == 2 && typ == thriftList:
			l.fields = t.tags()
		default:
			t.skip(typ)
		}
	})
	return l
}

func (t *thrift) tags() []jaegerTag {
	var tags []jaegerTag
	for range t.structs() {
		var g jaegerTag
		t.structure(func(id int16, typ byte) {
			switch {
			case id == 1 && typ == thriftString:
				g.key = t.str()
			case id == 2 && typ == thriftI32:
				g.kind = t.i32()
			case id == 3 && typ == thriftString:
				g.str = t.str()
			case id == 4 && typ == thriftDouble:
				g.double = t.double()
			case id == 5 && typ == thriftBool:
				g.flag = t.boolean()
			case id == 6 && typ == thriftI64:
				g.long = t.i64()
			case id == 7 && typ == thriftString:
				g.binary = t.bytes()
			default:
				t.skip(typ)
			}
		})
		if t.err != nil {
			return tags
		}
		tags = append(tags, g)
	}
	return tags
}

// put sets an attribute to the tag's value.
func (g *jaegerTag) put(m pcommon.Map, key string) {
	switch g.kind {
	case jaegerString:
		m.PutStr(key, g.str)
	case jaegerDouble:
		m.PutDouble(key, g.double)
	case jaegerBool:
		m.PutBool(key, g.flag)
	case jaegerLong:
		m.PutInt(key, g.long)
	case jaegerBinary:
		m.PutEmptyBytes(key).FromRaw(g.binary)
	}
}

func putJaegerProcess(attrs pcommon.Map, service string, tags []jaegerTag) {
	attrs.EnsureCapacity(len(tags) + 1)
	for i := range tags {
		key := tags[i].key
		switch key {
		case "hostname":
			key = "host.name"
		case "ip":
			key = "host.ip"
		case "jaeger.version":
			key = "telemetry.sdk.version"
		}
		tags[i].put(attrs, key)
	}
	if service != "" {
		attrs.PutStr("service.name", service)
	}
}

func putJaegerSpan(scopes *scopeIndex, j *jaegerSpan) {
	attrs := pcommon.NewMap()
	attrs.EnsureCapacity(len(j.tags))
	for i := range j.tags {
		j.tags[i].put(attrs, j.tags[i].key)
	}
	s := scopes.span(attrs)
	s.SetTraceID(traceID(uint64(j.high), uint64(j.low)))
	s.SetSpanID(spanID(uint64(j.id)))
	s.SetName(j.name)
	s.SetStartTimestamp(micros(j.start))
	s.SetEndTimestamp(micros(j.start + max(j.duration, 0)))
	s.SetFlags(uint32(j.flags) & 1) // sampled
	parent := j.parentID()
	if parent != 0 {
		s.SetParentSpanID(spanID(uint64(parent)))
	}
	putForeign(s, attrs)
	attrs.MoveTo(s.Attributes())
	for _, l := range j.logs {
		e := s.Events().AppendEmpty()
		e.SetTimestamp(micros(l.time))
		fields := e.Attributes()
		fields.EnsureCapacity(len(l.fields))
		for i := range l.fields {
			l.fields[i].put(fields, l.fields[i].key)
		}
		if name, ok := fields.Get("event"); ok && name.Type() == pcommon.ValueTypeStr {
			e.SetName(name.Str())
			fields.Remove("event")
		}
	}
	for _, ref := range j.refs {
		if ref.kind == jaegerChildOf && ref.span == parent && ref.low == j.low && ref.high == j.high {
			continue // it is the parent
		}
		link := s.Links().AppendEmpty()
		link.SetTraceID(traceID(uint64(ref.high), uint64(ref.low)))
		link.SetSpanID(spanID(uint64(ref.span)))
		kind := "follows_from"
		if ref.kind == jaegerChildOf {
			kind = "child_of"
		}
		link.Attributes().PutStr("opentracing.ref_type", kind)
	}
}

// parentID is the span's parent: as it says, else the first reference into the
// same trace, those of children before others.
func (j *jaegerSpan) parentID() int64 {
	parent := j.parent
	for _, ref := range j.refs {
		if parent != 0 {
			break
		}
		if ref.kind == jaegerChildOf && ref.low == j.low && ref.high == j.high {
			parent = ref.span
		}
	}
	for _, ref := range j.refs {
		if parent != 0 {
			break
		}
		if ref.low == j.low && ref.high == j.high {
			parent = ref.span
		}
	}
	return parent
}

// scopeIndex finds the scope that a span's attributes name.
type scopeIndex struct {
	rs     ptrace.ResourceSpans
	scopes map[[2]string]ptrace.ScopeSpans
}

// span appends a span to the scope that attrs name, and takes the names out.
func (x *scopeIndex) span(attrs pcommon.Map) ptrace.Span {
	key := [2]string{
		takeStr(attrs, "otel.scope.name", "otel.library.name"),
		takeStr(attrs, "otel.scope.version", "otel.library.version"),
	}
	ss, ok := x.scopes[key]
	if !ok {
		ss = x.rs.ScopeSpans().AppendEmpty()
		ss.Scope().SetName(key[0])
		ss.Scope().SetVersion(key[1])
		if x.scopes == nil {
			x.scopes = map[[2]string]ptrace.ScopeSpans{}
		}
		x.scopes[key] = ss
	}
	return ss.Spans().AppendEmpty()
}

// takeStr removes the attributes and returns the text of the first that has any.
func takeStr(attrs pcommon.Map, keys ...string) (text string) {
	for _, k := range keys {
		if v, ok := attrs.Get(k); ok {
			if text == "" {
				text = v.AsString()
			}
			attrs.Remove(k)
		}
	}
	return text
}

// putForeign sets what OpenTelemetry has fields for and older protocols have
// attributes for: kind, status, trace state.
func putForeign(s ptrace.Span, attrs pcommon.Map) {
	switch strings.ToLower(takeStr(attrs, "span.kind")) {
	case "client":
		s.SetKind(ptrace.SpanKindClient)
	case "server":
		s.SetKind(ptrace.SpanKindServer)
	case "producer":
		s.SetKind(ptrace.SpanKindProducer)
	case "consumer":
		s.SetKind(ptrace.SpanKindConsumer)
	case "internal":
		s.SetKind(ptrace.SpanKindInternal)
	}
	s.TraceState().FromRaw(takeStr(attrs, "w3c.tracestate"))
	code, message := takeStr(attrs, "otel.status_code"), takeStr(attrs, "otel.status_description")
	switch {
	case strings.EqualFold(code, "ERROR"):
		s.Status().SetCode(ptrace.StatusCodeError)
	case strings.EqualFold(code, "OK"):
		s.Status().SetCode(ptrace.StatusCodeOk)
	}
	// The tag is a boolean, its text, or, with Zipkin, what went wrong.
	if v, ok := attrs.Get("error"); ok {
		switch text := v.AsString(); {
		case strings.EqualFold(text, "false"):
		case strings.EqualFold(text, "true") || text == "":
			s.Status().SetCode(ptrace.StatusCodeError)
		default:
			s.Status().SetCode(ptrace.StatusCodeError)
			if message == "" {
				message = text
			}
		}
		attrs.Remove("error")
	}
	s.Status().SetMessage(message)
}

func traceID(high, low uint64) (id pcommon.TraceID) {
	binary.BigEndian.PutUint64(id[:8], high)
	binary.BigEndian.PutUint64(id[8:], low)
	return id
}

func spanID(v uint64) (id pcommon.SpanID) {
	binary.BigEndian.PutUint64(id[:], v)
	return id
}

// micros is a time in microseconds; one that no clock shows is unknown.
func micros(us int64) pcommon.Timestamp {
	const most = int64(1<<63-1) / 1000
	if us < 0 || us > most {
		return 0
	}
	return pcommon.Timestamp(us * 1000)
}

// parseID reads an id of up to 2n hexadecimal digits; shorter ones are padded.
func parseID(dst []byte, s string) bool {
	if s == "" || len(s) > 2*len(dst) {
		return false
	}
	s = strings.Repeat("0", 2*len(dst)-len(s)) + s
	_, err := hex.Decode(dst, []byte(s))
	return err == nil
}
