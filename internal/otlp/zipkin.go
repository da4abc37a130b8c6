package otlp

import (
	"bytes"
	"encoding/json"
	"math"
	"mime"
	"net/http"
	"strconv"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

func (r *Receiver) serveZipkin(w http.ResponseWriter, req *http.Request) {
	media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	r.serveForeign(w, req, "zipkin", err == nil && media == typeJSON, typeJSON+" (Zipkin v2; its protobuf form is not taken)", measureZipkin, decodeZipkin)
}

// looseNumber is a number, or the text of one: senders do both.
type looseNumber int64

// UnmarshalJSON implements json.Unmarshaler.
func (n *looseNumber) UnmarshalJSON(b []byte) error {
	if len(b) > 1 && b[0] == '"' {
		b = b[1 : len(b)-1]
	}
	if s := string(b); s == "null" || s == "" {
		return nil
	}
	if v, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		*n = looseNumber(v)
		return nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err == nil && math.Abs(v) < 1<<62 {
		*n = looseNumber(v)
	}
	return err
}

type zipkinEndpoint struct {
	Service string      `json:"serviceName"`
	IPv4    string      `json:"ipv4"`
	IPv6    string      `json:"ipv6"`
	Port    looseNumber `json:"port"`
}

func (e zipkinEndpoint) ip() string {
	if e.IPv4 != "" {
		return e.IPv4
	}
	return e.IPv6
}

type zipkinSpan struct {
	TraceID     string         `json:"traceId"`
	ID          string         `json:"id"`
	ParentID    string         `json:"parentId"`
	Name        string         `json:"name"`
	Kind        string         `json:"kind"`
	Timestamp   looseNumber    `json:"timestamp"` // microseconds
	Duration    looseNumber    `json:"duration"`
	Local       zipkinEndpoint `json:"localEndpoint"`
	Remote      zipkinEndpoint `json:"remoteEndpoint"`
	Shared      bool           `json:"shared"`
	Annotations []struct {
		Timestamp looseNumber `json:"timestamp"`
		Value     string      `json:"value"`
	} `json:"annotations"`
	Tags map[string]any `json:"tags"`
}

// measureZipkin estimates what decoding a list of spans takes in memory: each
// object and each tag takes some.
func measureZipkin(body []byte) int64 {
	parts := bytes.Count(body, []byte("{")) + bytes.Count(body, []byte(","))
	spans := bytes.Count(body, []byte(`"traceId"`)) // without one a span is not kept
	return int64(parts)*2*messageCost + int64(spans)*leafCost + textCost*int64(len(body))
}

// decodeZipkin decodes a list of Zipkin v2 spans.
func decodeZipkin(body []byte) (ptrace.Traces, rejects, error) {
	td := ptrace.NewTraces()
	services := map[string]*scopeIndex{}
	var rej rejects
	if _, err := shapeOf(body, 0); err != nil {
		return td, rej, fail(http.StatusBadRequest, "this is not a list of Zipkin v2 spans: "+err.Error())
	}
	kept := 0
	err := eachElement(body, func(v []byte) error {
		var z zipkinSpan
		// The decoder recurses into what a field does not expect.
		if shape, err := shapeOf(v, 0); err != nil || shape.depth > maxNesting {
			rej.reject(1, "span: "+errNested.Error())
			return nil
		}
		if err := json.Unmarshal(v, &z); err != nil {
			rej.reject(1, zipkinReason(&z, "it is not a Zipkin v2 span: "+err.Error()))
			return nil
		}
		x := services[z.Local.Service]
		if x == nil {
			x = &scopeIndex{rs: td.ResourceSpans().AppendEmpty()}
			if z.Local.Service != "" {
				x.rs.Resource().Attributes().PutStr("service.name", z.Local.Service)
			}
			services[z.Local.Service] = x
		}
		if why := putZipkinSpan(x, &z); why != "" {
			rej.reject(1, zipkinReason(&z, why))
			return nil
		}
		kept++
		return nil
	})
	switch {
	case err != nil:
		return td, rej, fail(http.StatusBadRequest, "this is not a list of Zipkin v2 spans: "+err.Error())
	case kept == 0 && rej.n > 0:
		return td, rej, fail(http.StatusBadRequest, rej.message(signalTraces))
	}
	return td, rej, nil
}

func zipkinReason(z *zipkinSpan, why string) string {
	return "span " + strconv.Quote(clip(z.Name, 64)) + ": " + why
}

// putZipkinSpan appends the span, or says why not.
func putZipkinSpan(x *scopeIndex, z *zipkinSpan) (why string) {
	var trace pcommon.TraceID
	var id, parent pcommon.SpanID
	switch {
	case !parseID(trace[:], z.TraceID):
		return "its traceId must be 16 or 32 hexadecimal digits"
	case !parseID(id[:], z.ID):
		return "its id must be 16 hexadecimal digits"
	case z.ParentID != "" && !parseID(parent[:], z.ParentID):
		return "its parentId must be 16 hexadecimal digits"
	}
	if z.Shared && z.Kind == "SERVER" {
		// Client and server tell of the same span. In OpenTelemetry the server's is a
		// child, with an id of its own: any will do that is always the same.
		parent = id
		for i := range id {
			id[i] ^= 0xA5
		}
	}
	attrs := pcommon.NewMap()
	attrs.EnsureCapacity(len(z.Tags) + 4)
	for k, v := range z.Tags {
		if f, ok := v.(float64); ok && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
			v = int64(f)
		}
		// The error only says that a value is of a type that JSON does not have.
		_ = attrs.PutEmpty(k).FromRaw(v)
	}
	putZipkinEndpoints(attrs, z)
	s := x.span(attrs)
	s.SetTraceID(trace)
	s.SetSpanID(id)
	s.SetParentSpanID(parent)
	s.SetName(z.Name)
	putForeign(s, attrs)
	attrs.MoveTo(s.Attributes())
	switch z.Kind {
	case "CLIENT":
		s.SetKind(ptrace.SpanKindClient)
	case "SERVER":
		s.SetKind(ptrace.SpanKindServer)
	case "PRODUCER":
		s.SetKind(ptrace.SpanKindProducer)
	case "CONSUMER":
		s.SetKind(ptrace.SpanKindConsumer)
	}
	start := int64(z.Timestamp)
	for _, a := range z.Annotations {
		e := s.Events().AppendEmpty()
		e.SetTimestamp(micros(int64(a.Timestamp)))
		e.SetName(a.Value)
		if z.Timestamp == 0 && (start == 0 || int64(a.Timestamp) < start) {
			start = int64(a.Timestamp)
		}
	}
	s.SetStartTimestamp(micros(start))
	s.SetEndTimestamp(micros(start + max(int64(z.Duration), 0)))
	return ""
}

func putZipkinEndpoints(attrs pcommon.Map, z *zipkinSpan) {
	put := func(key, v string) {
		if _, ok := attrs.Get(key); !ok && v != "" {
			attrs.PutStr(key, v)
		}
	}
	put("peer.service", z.Remote.Service)
	put("network.peer.address", z.Remote.ip())
	put("network.local.address", z.Local.ip())
	if z.Remote.Port > 0 {
		attrs.PutInt("network.peer.port", int64(z.Remote.Port))
	}
	if z.Local.Port > 0 {
		attrs.PutInt("network.local.port", int64(z.Local.Port))
	}
}
