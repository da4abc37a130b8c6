package otlp

import (
	"context"
	"io"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

const (
	typeProto = "application/x-protobuf"
	typeJSON  = "application/json"
	typeText  = "text/plain; charset=utf-8"
)

// HTTPHandler takes every protocol of the package, gRPC included. gRPC needs a
// server that speaks HTTP/2, without TLS or with.
func (r *Receiver) HTTPHandler() http.Handler { return http.HandlerFunc(r.serveHTTP) }

func (r *Receiver) serveHTTP(w http.ResponseWriter, req *http.Request) {
	if isGRPC(req) {
		r.serveGRPC(w, req)
		return
	}
	d, s := route(req.URL.Path)
	switch {
	case d == doorOTLP:
		r.serveOTLP(w, req, s)
	case d == doorJaeger && *r.cfg.Jaeger:
		r.serveJaeger(w, req)
	case d == doorZipkin && *r.cfg.Zipkin:
		r.serveZipkin(w, req)
	case d == doorRoot && (req.Method == http.MethodGet || req.Method == http.MethodHead):
		w.Header().Set("Content-Type", typeText)
		_, _ = io.WriteString(w, welcome) // an error means that the client is gone
	default:
		enc, known := encodingOf(req)
		r.refuse(w, req, answer{signal: s, transport: "http", enc: enc, asText: !known}, notFound(req))
	}
}

// answer is what is known of a request that shapes its answer.
type answer struct {
	signal    signal
	transport string // label of the metrics
	enc       encoding
	asText    bool // the sender does not speak OTLP
}

// encodingOf says how an HTTP request is encoded.
func encodingOf(req *http.Request) (enc encoding, known bool) {
	media, _, err := mime.ParseMediaType(req.Header.Get("Content-Type"))
	if err != nil {
		// A parameter that is wrong does not make the type unknown.
		media, _, _ = strings.Cut(req.Header.Get("Content-Type"), ";")
	}
	switch strings.ToLower(strings.TrimSpace(media)) {
	case typeProto, "application/protobuf", "application/vnd.google.protobuf":
		return encodingProto, true
	case typeJSON:
		return encodingJSON, true
	}
	return encodingJSON, false
}

func (r *Receiver) serveOTLP(w http.ResponseWriter, req *http.Request, s signal) {
	enc, known := encodingOf(req)
	a := answer{signal: s, transport: "http", enc: enc}
	if f := checkRequest(req, known, typeProto+" or "+typeJSON); f != nil {
		r.refuse(w, req, a, f)
		return
	}
	rej, f := r.receive(w, req, func(ctx context.Context, l *lease, body []byte) (rejects, *failure) {
		return r.export(ctx, l, s, enc, body)
	})
	if f != nil {
		r.refuse(w, req, a, f)
		return
	}
	message := rej.message(s)
	if rej.n > 0 {
		r.report(s, a.transport, message)
	}
	body, err := exportResponse(s, enc, rej.n, message)
	if err != nil {
		r.refuse(w, req, a, failureOf(req.Context(), err))
		return
	}
	r.count(a, http.StatusOK)
	w.Header().Set("Content-Type", map[encoding]string{encodingProto: typeProto, encodingJSON: typeJSON}[enc])
	_, _ = w.Write(body) // an error means that the client is gone
}

// checkRequest refuses what need not be read.
func checkRequest(req *http.Request, known bool, types string) *failure {
	switch {
	case req.Method != http.MethodPost:
		return fail(http.StatusMethodNotAllowed, "telemetry is sent with POST: this path has nothing to "+clip(req.Method, 20))
	case known:
		return nil
	case req.Header.Get("Content-Type") == "":
		// Not guessed: a web page of any site can make a browser send such a request.
		return fail(http.StatusUnsupportedMediaType, "the Content-Type is missing: set it to "+types)
	}
	return fail(http.StatusUnsupportedMediaType, "Content-Type "+strconv.Quote(clip(req.Header.Get("Content-Type"), 80))+" is not taken here: set it to "+types)
}

// receive reads the body of a request and hands it to use, within all limits.
func (r *Receiver) receive(w http.ResponseWriter, req *http.Request, use func(context.Context, *lease, []byte) (rejects, *failure)) (rejects, *failure) {
	ctx := req.Context()
	if f := r.enter(); f != nil {
		return rejects{}, f
	}
	defer r.leave()
	l := &lease{b: r.budget}
	defer l.release()
	body := paced(w, req.Body)
	msg, err := r.readMessage(ctx, l, body, req.Header.Get("Content-Encoding"), req.ContentLength)
	if err != nil {
		body.drain()
	}
	body.finish()
	if err != nil {
		return rejects{}, failureOf(ctx, err)
	}
	defer r.pools.putBuffer(msg)
	return use(ctx, l, msg)
}

// refuse answers with a failure, in the encoding of the request.
func (r *Receiver) refuse(w http.ResponseWriter, req *http.Request, a answer, f *failure) {
	r.count(a, f.status)
	h := w.Header()
	if f.retry > 0 {
		h.Set("Retry-After", retrySeconds(f.retry))
	} else if f.status != statusGone && req.Method == http.MethodPost {
		r.report(a.signal, a.transport, f.message)
	}
	if f.status == http.StatusMethodNotAllowed {
		h.Set("Allow", http.MethodPost)
	}
	body, contentType := []byte(f.message+"\n"), typeText
	if !a.asText {
		var err error
		if a.enc == encodingProto {
			contentType = typeProto
			body, err = proto.Marshal(f.proto())
		} else {
			contentType = typeJSON
			body, err = protojson.Marshal(f.proto())
		}
		if err != nil { // the message is valid UTF-8, so this does not happen
			body, contentType = []byte(f.message), typeText
		}
	}
	h.Set("Content-Type", contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(f.status)
	_, _ = w.Write(body) //nolint:gosec // never HTML, and not sniffed; an error means that the client is gone
}

// retrySeconds is a delay as a Retry-After header, which has no fractions.
func retrySeconds(d time.Duration) string {
	return strconv.FormatInt(int64((d+time.Second-1)/time.Second), 10)
}

func (r *Receiver) count(a answer, status int) {
	r.metrics.requests.WithLabelValues(a.signal.String(), a.transport, strconv.Itoa(status)).Inc()
}

// exportResponse is the answer to a message that was taken, but for n rejected
// things. A message without rejections is a warning. With neither the answer is
// empty: some senders warn of any partial success that there is.
func exportResponse(s signal, enc encoding, n int, message string) ([]byte, error) {
	if message == "" {
		if enc == encodingJSON {
			return []byte("{}"), nil
		}
		return nil, nil
	}
	type response interface {
		MarshalProto() ([]byte, error)
		MarshalJSON() ([]byte, error)
	}
	var resp response
	switch s {
	case signalTraces:
		v := ptraceotlp.NewExportResponse()
		v.PartialSuccess().SetRejectedSpans(int64(n))
		v.PartialSuccess().SetErrorMessage(message)
		resp = v
	case signalLogs:
		v := plogotlp.NewExportResponse()
		v.PartialSuccess().SetRejectedLogRecords(int64(n))
		v.PartialSuccess().SetErrorMessage(message)
		resp = v
	default:
		v := pmetricotlp.NewExportResponse()
		v.PartialSuccess().SetRejectedDataPoints(int64(n))
		v.PartialSuccess().SetErrorMessage(message)
		resp = v
	}
	if enc == encodingJSON {
		return resp.MarshalJSON()
	}
	return resp.MarshalProto()
}
