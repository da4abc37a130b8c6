package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"maps"
	"mime"
	"net"
	"net/http"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// exchange is one model call under way.
type exchange struct {
	g     *Gateway
	t     *table
	u     *upstream
	route wire.Route
	start time.Time

	call    *llm.Call
	reqHead http.Header
	reqBody *[]byte // as the client sent it; nil once released
	reqMore bool    // the body was longer than the limit

	status   int
	respHead http.Header
	respBody *[]byte       // copy of a unary answer, decoded after it was sent
	dec      *wire.Decoder // of a stream, decodes as it passes
	overhead time.Duration

	endAt   time.Duration
	respErr error

	decoded bool   // the request is in the Call
	warning string // of the Guard, for the client
	key     *VirtualKey
	active  struct{ service, provider, model, method string }
}

// errClientGone marks a Call whose caller went away before the end.
var errClientGone = errors.New("the client closed the connection before the answer was complete")

// errorTypeClientGone is the error_type of such a Call, after nginx' 499.
const errorTypeClientGone = "client_closed_request"

func (g *Gateway) forward(w http.ResponseWriter, r *http.Request, t *table, u *upstream, rest string, key *VirtualKey) {
	start := time.Now()
	if u.spendsForAPage(r, key) {
		drainSome(r)
		g.refuse(w, u.cfg.Name, u.cfg.Dialect, http.StatusForbidden, errorTypeForbidden, "the request comes from a page of another site, and this upstream's key is the operator's: set gateway.keys and give the page a key of its own", 0)
		return
	}
	route, isCall := wire.Match(u.cfg.Dialect, r.Method, rest)
	// A call is one whatever else it offers: clients ask for h2c beside it, and
	// nobody gets past the records and the budgets by asking.
	if !isCall && r.Header.Get("Upgrade") != "" && r.ProtoMajor == 1 {
		g.upgrade(w, r, u, rest, key)
		return
	}
	if !isCall {
		g.pass(w, r, u, rest, key)
		return
	}
	x := &exchange{g: g, t: t, u: u, route: route, start: start, reqHead: r.Header, key: key}
	x.call = &llm.Call{
		ID: newCallID(start), Time: start.UTC(), Source: llm.SourceGateway, Upstream: u.cfg.Name,
		Provider: u.cfg.Provider, Operation: route.Operation, RequestModel: route.Model, Stream: route.Stream,
		Service: u.cfg.Service, Region: u.cfg.Region, Status: llm.StatusOK,
	}
	dimensions(r.Header, x.call)
	fromBaggage(r.Header, x.call)
	if t.keysOn() {
		delete(x.call.Tags, keyTag) // only we say whose key it was
		key.apply(x.call)
	}
	if t.cfg.KeyIDs && key == nil {
		tagKey(r, x.call)
	}
	out, asked, err := x.outbound(r, rest)
	if err != nil {
		x.endBeforeAnswer(w, r, err)
		return
	}
	if !x.keyAdmits(w) || !x.admitted(w) {
		return
	}
	x.overhead = time.Since(start)
	resp, connect, err := u.roundTrip(out, x.requestSent)
	x.call.Phases.Connect = connect
	if err != nil {
		x.endBeforeAnswer(w, r, err)
		return
	}
	x.answer(w, r, resp, asked)
}

// outbound builds the upstream request. asked says that usage was asked for and
// must be taken out of the answer again.
func (x *exchange) outbound(r *http.Request, rest string) (out *http.Request, asked bool, err error) {
	x.reqBody = x.g.bodies.get()
	x.reqMore, err = readUpTo(x.reqBody, r.Body, x.t.cfg.maxBody())
	if err != nil {
		return nil, false, errClientGone
	}
	if r.ContentLength == int64(len(*x.reqBody)) {
		x.reqMore = false // exactly as long as the limit
	}
	out = newOutbound(r, x.u, rest, x.key)
	flags, joined := joinTrace(r.Header, x.call)
	if joined {
		// The upstream's spans become children of this Call, and only where the
		// caller takes part in tracing: others get exactly the headers they sent.
		out.Header["Traceparent"] = []string{"00-" + x.call.TraceID + "-" + x.call.SpanID + "-" + flags}
	}
	body := *x.reqBody
	if x.reqMore {
		out.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body), r.Body))
		out.ContentLength = r.ContentLength
		return out, false, nil
	}
	if x.t.cfg.askUsage(&x.u.cfg) && r.Header.Get("Content-Encoding") == "" {
		body, asked = wire.AskUsage(x.route, body)
		if asked {
			// The chunk can only be taken out of an answer that is not compressed.
			out.Header["Accept-Encoding"] = identity
		}
	}
	out.ContentLength = int64(len(body))
	if len(body) == 0 {
		out.Body = http.NoBody
		return out, false, nil
	}
	out.Body = &replayBody{b: body}
	out.GetBody = func() (io.ReadCloser, error) { return &replayBody{b: body}, nil }
	return out, asked, nil
}

var (
	identity = []string{"identity"}
	noAgent  = []string{""}
)

// newOutbound copies what goes to the upstream, without the body.
func newOutbound(r *http.Request, u *upstream, rest string, key *VirtualKey) *http.Request {
	out := (&http.Request{
		Method: r.Method, URL: u.target(rest, r.URL.RawQuery, r.URL.ForceQuery), Host: u.base.Host,
		Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: make(http.Header, len(r.Header)+2),
	}).WithContext(r.Context())
	copyHeaders(out.Header, r.Header)
	stripBaggage(out.Header)
	delete(out.Header, "Expect") // answered by our own server when the body was read
	if _, ok := out.Header["User-Agent"]; !ok {
		out.Header["User-Agent"] = noAgent // keeps the transport from adding its own
	}
	u.exchangeCredentials(out, key, u.open)
	return out
}

// decodeRequest fills the Call from the request, once.
func (x *exchange) decodeRequest() {
	if x.decoded {
		return
	}
	x.decoded = true
	if x.reqMore {
		x.call.MarkTruncated("request_body")
	}
	wire.DecodeRequest(x.route, x.reqHead, *x.reqBody, x.call)
	x.key.apply(x.call) // what the key says stands, whatever the body does
}

// requestSent decodes the request while the upstream works on it.
func (x *exchange) requestSent() {
	x.decodeRequest()
	c := x.call
	if c.Tenant != llm.DefaultTenant {
		return // the gauge of active calls has no tenants, and would show theirs to others
	}
	x.active.service, x.active.provider, x.active.model, x.active.method = c.Service, c.Provider, c.RequestModel, string(c.Operation)
	x.g.sink.CallStarted(x.active.service, x.active.provider, x.active.model, x.active.method)
}

// endBeforeAnswer ends an exchange that got no answer from the upstream: with
// an error that a client of the dialect understands, if there still is a client.
func (x *exchange) endBeforeAnswer(w http.ResponseWriter, r *http.Request, err error) {
	if x.active.method == "" && x.reqBody != nil {
		x.requestSent()
	}
	c := x.call
	x.respErr = err
	typ, status, msg := classify(err)
	if r.Context().Err() != nil || errors.Is(err, errClientGone) {
		typ, status, msg = errorTypeClientGone, 499, errClientGone.Error()
		c.Note("client_gone")
	} else {
		x.g.answerError(w, x.u, x.route.Dialect, typ, status, msg)
	}
	c.HTTPStatus = status
	c.SetError(typ, msg)
	x.endAt = time.Since(x.start)
	x.g.finishers.submit(x)
}

// answerError tells the client, in the form of its dialect, that the upstream
// did not answer.
func (g *Gateway) answerError(w http.ResponseWriter, u *upstream, d wire.Dialect, typ string, status int, msg string) {
	g.metrics.upstreamErrors.WithLabelValues(u.cfg.Name, typ).Inc()
	ct, body := wire.ErrorBody(d, status, typ, "pitot gateway: upstream "+u.cfg.Name+": "+msg)
	h := w.Header()
	maps.Copy(h, wire.ErrorHeader(d, status))
	h.Set("Content-Type", ct)
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON, with its content type
}

// classify names what kept the upstream from answering. The message is for the
// client and the record; it says what the operator can check.
func classify(err error) (typ string, status int, msg string) {
	var ne net.Error
	switch {
	case errors.As(err, &ne) && ne.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "upstream_timeout", http.StatusGatewayTimeout, "no answer in time: " + err.Error()
	default:
		return "upstream_unreachable", http.StatusBadGateway, "cannot be reached: " + err.Error()
	}
}

// answer passes the upstream's answer to the client and decodes it on the side.
func (x *exchange) answer(w http.ResponseWriter, r *http.Request, resp *http.Response, asked bool) {
	defer resp.Body.Close()
	x.status, x.respHead = resp.StatusCode, resp.Header
	x.call.HTTPStatus = resp.StatusCode
	x.call.Phases.Headers = llm.Some(time.Since(x.start))
	stream := isStream(resp)
	var filter *wire.UsageFilter
	if asked && stream && resp.StatusCode == http.StatusOK && resp.Header.Get("Content-Encoding") == "" {
		filter = new(wire.UsageFilter)
	}
	head := w.Header()
	copyHeaders(head, resp.Header)
	if x.warning != "" {
		head.Set(warningHeader, x.warning)
	}
	if filter != nil {
		delete(head, "Content-Length")
	}
	passHead(w, resp)

	var readErr, writeErr error
	if stream {
		x.dec = wire.NewDecoder(x.route, resp.StatusCode, resp.Header, x.call, x.decoderOptions())
		readErr, writeErr = x.stream(w, resp, filter)
	} else {
		x.respBody = x.g.bodies.get()
		readErr, writeErr = x.unary(w, resp)
	}
	passTrailer(w, resp)
	x.endAt = time.Since(x.start)
	switch {
	case writeErr != nil, r.Context().Err() != nil && readErr != nil:
		x.respErr = errClientGone
	case readErr != nil:
		x.respErr = readErr
		x.g.metrics.upstreamErrors.WithLabelValues(x.u.cfg.Name, "stream_cut").Inc()
	}
	cut := readErr != nil || writeErr != nil
	x.g.finishers.submit(x)
	if cut {
		// The client must see the same cut: a clean end would turn half an answer
		// into a whole one.
		panic(http.ErrAbortHandler)
	}
}

func (x *exchange) decoderOptions() wire.Options {
	return wire.Options{MaxContent: x.t.cfg.maxContent(), MaxBody: x.t.cfg.maxBody()}
}

// stream forwards each piece as it arrives, flushed, and decodes it after that.
func (x *exchange) stream(w http.ResponseWriter, resp *http.Response, filter *wire.UsageFilter) (readErr, writeErr error) {
	buf := x.g.chunks.get()
	defer x.g.chunks.put(buf)
	flush := flusher(w)
	if !hasData(resp.Body) {
		flush() // the head goes out at once: a slow first token is not a slow connection
	}
	m := x.g.metrics
	for {
		n, err := resp.Body.Read(*buf)
		if n > 0 {
			got := time.Now()
			p := (*buf)[:n]
			forward := p
			if filter != nil {
				forward = filter.Filter(p)
			}
			if len(forward) > 0 {
				if _, werr := w.Write(forward); werr != nil {
					x.dec.Write(p, got.Sub(x.start))
					return nil, werr
				}
				flush()
			}
			d := time.Since(got)
			x.overhead += d
			m.chunkDelay.Observe(d.Seconds())
			x.dec.Write(p, got.Sub(x.start))
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			readErr = err
			break
		}
	}
	if filter != nil {
		if rest := filter.Flush(); len(rest) > 0 {
			if _, werr := w.Write(rest); werr != nil {
				return readErr, werr
			}
		}
	}
	if readErr != nil {
		flush()
	}
	return readErr, nil
}

// unary forwards a whole answer and keeps a bounded copy to decode later.
func (x *exchange) unary(w http.ResponseWriter, resp *http.Response) (readErr, writeErr error) {
	buf := x.g.chunks.get()
	defer x.g.chunks.put(buf)
	limit := x.t.cfg.maxBody()
	for {
		n, err := resp.Body.Read(*buf)
		if n > 0 {
			got := time.Now()
			p := (*buf)[:n]
			keep := min(n, limit-len(*x.respBody))
			*x.respBody = append(*x.respBody, p[:keep]...)
			if keep < n {
				x.call.MarkTruncated("response_body")
			}
			if _, werr := w.Write(p); werr != nil {
				return nil, werr
			}
			x.overhead += time.Since(got)
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			flusher(w)()
			return err, nil
		}
	}
	return nil, nil
}

// isStream says whether an answer comes piece by piece. An answer without a
// length is treated as one: it costs a flush and saves waiting.
func isStream(resp *http.Response) bool {
	mt, _, _ := mime.ParseMediaType(resp.Header.Get("Content-Type"))
	switch mt {
	case "text/event-stream", "application/x-ndjson", "application/jsonl", "application/vnd.amazon.eventstream", "application/stream+json":
		return true
	}
	return resp.ContentLength < 0
}

// passHead sends the status and head. A missing Content-Type stays missing.
func passHead(w http.ResponseWriter, resp *http.Response) {
	h := w.Header()
	if _, ok := resp.Header["Content-Type"]; !ok {
		h["Content-Type"] = nil
	}
	for k := range resp.Trailer {
		h.Add("Trailer", k) // announced by the upstream, so announced here
	}
	w.WriteHeader(resp.StatusCode)
}

// passTrailer sends trailers, announced or not.
func passTrailer(w http.ResponseWriter, resp *http.Response) {
	h := w.Header()
	for k, vs := range resp.Trailer {
		if !slices.Contains(h["Trailer"], k) {
			k = http.TrailerPrefix + k
		}
		h[k] = vs
	}
}

// flusher returns the function that sends what was written so far.
func flusher(w http.ResponseWriter) func() {
	if f, ok := w.(http.Flusher); ok {
		return f.Flush
	}
	rc := http.NewResponseController(w)
	return func() { _ = rc.Flush() }
}

// finish completes the Call and hands it over. It runs after the client has its
// answer.
func (x *exchange) finish() {
	c := x.call
	if x.respHead != nil && x.dec == nil {
		x.dec = wire.NewDecoder(x.route, x.status, x.respHead, c, x.decoderOptions())
		x.dec.Write(*x.respBody, x.endAt)
	}
	// Many clients hang up as soon as they have read the last event of a stream:
	// they have all that there is.
	if errors.Is(x.respErr, errClientGone) && (x.dec == nil || !x.dec.Ended()) {
		c.Note("client_gone")
		c.SetError(errorTypeClientGone, errClientGone.Error())
	}
	if x.dec != nil {
		x.dec.Close(x.endAt, x.respErr)
	}
	c.Duration = x.endAt
	c.GatewayOverhead = llm.Some(x.overhead)
	x.g.metrics.overhead.Observe(x.overhead.Seconds())
	x.g.metrics.request(x.u.cfg.Name, "call", c.HTTPStatus)
	if x.active.method != "" {
		x.g.sink.CallEnded(x.active.service, x.active.provider, x.active.model, x.active.method)
	}
	if x.key != nil {
		x.g.limits.used(x.key, x.tokens(), time.Now())
	}
	x.g.bodies.put(x.reqBody)
	x.g.bodies.put(x.respBody)
	x.reqBody, x.respBody, x.dec = nil, nil, nil
	x.g.sink.Record(c)
}
