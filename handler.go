package pitot

import (
	"context"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// HandlerOption is a setting of Handler.
type HandlerOption func(*handler)

// HandlerInclude restricts Handler to requests whose path one of the regular
// expressions matches somewhere, as MONITORING_FASTAPI_INCLUDED_URLS does
// (separated by commas there). An expression that is none is taken literally.
func HandlerInclude(patterns ...string) HandlerOption {
	return func(h *handler) { h.include = append(h.include, compilePatterns(patterns)...) }
}

// HandlerExclude leaves out requests whose path one of the regular expressions
// matches somewhere, as MONITORING_FASTAPI_EXCLUDED_URLS does. It wins over
// HandlerInclude.
func HandlerExclude(patterns ...string) HandlerOption {
	return func(h *handler) { h.exclude = append(h.exclude, compilePatterns(patterns)...) }
}

// HandlerFilter leaves out requests for which keep is false.
func HandlerFilter(keep func(*http.Request) bool) HandlerOption {
	return func(h *handler) { h.keep = keep }
}

// HandlerPublic is for servers that strangers reach: what they say of themselves
// is not believed. A trace begins here, linked to the one they named, and
// properties from baggage and X-Pitot headers are not taken.
func HandlerPublic() HandlerOption { return func(h *handler) { h.public = true } }

// HandlerRoute names the route of a request, for routers that do not set
// http.Request.Pattern: a template such as /items/{id}, never the path itself.
// It is asked after the request was served. Handlers may call SetRoute instead.
func HandlerRoute(route func(*http.Request) string) HandlerOption {
	return func(h *handler) { h.route = route }
}

// Handler makes each request to next a server span, named by method and route,
// under which all work of the request stands: it ends when next returns, which
// for streams is when the stream ends. Trace context and baggage of the request
// are taken over, and the headers X-Pitot-User, -Session, -Tenant, -Feature,
// -Prompt, -Prompt-Version and -Tag-<name> become association properties.
//
// It is net/http middleware and works with every router that is: around an
// http.ServeMux, gin's Engine or a connect handler, or as chi's or echo's
// (WrapMiddleware). The http.ResponseWriter that next gets can do what the
// server's can, no more and no less: Flush, Hijack, ReadFrom, Push,
// CloseNotify, and http.ResponseController. Where ctx has a local span already,
// because otelhttp or another Handler stands before, no second one is begun;
// properties are added to it.
//
// A panic of next is recorded and goes on; http.ErrAbortHandler is recorded as
// "aborted". While the SDK is off next is called and nothing else happens. A nil
// next is http.DefaultServeMux.
func Handler(next http.Handler, opts ...HandlerOption) http.Handler {
	if next == nil {
		next = http.DefaultServeMux
	}
	h := &handler{next: next}
	h.include = compilePatterns(strings.Split(os.Getenv("MONITORING_FASTAPI_INCLUDED_URLS"), ","))
	h.exclude = compilePatterns(strings.Split(os.Getenv("MONITORING_FASTAPI_EXCLUDED_URLS"), ","))
	for _, o := range opts {
		if o != nil {
			o(h)
		}
	}
	return h
}

type handler struct {
	next             http.Handler
	include, exclude []*regexp.Regexp
	keep             func(*http.Request) bool
	route            func(*http.Request) string
	public           bool
}

func compilePatterns(patterns []string) []*regexp.Regexp {
	var out []*regexp.Regexp
	for _, p := range patterns {
		if p = strings.TrimSpace(p); p == "" {
			continue
		}
		re, err := regexp.Compile(p)
		if err != nil {
			re = regexp.MustCompile(regexp.QuoteMeta(p))
		}
		out = append(out, re)
	}
	return out
}

// wants reports whether a request is to be seen.
func (h *handler) wants(req *http.Request) bool {
	path := req.URL.Path
	for _, re := range h.exclude {
		if re.MatchString(path) {
			return false
		}
	}
	found := len(h.include) == 0
	for _, re := range h.include {
		found = found || re.MatchString(path)
	}
	return found && (h.keep == nil || h.keep(req))
}

// ServeHTTP serves a request under a span.
func (h *handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	r := active.Load()
	if r == nil || !h.wants(req) {
		h.next.ServeHTTP(w, req)
		return
	}
	ctx := req.Context()
	if sc := trace.SpanContextFromContext(ctx); sc.IsValid() && !sc.IsRemote() {
		h.join(ctx, r, w, req)
		return
	}
	h.serve(ctx, r, w, req)
}

// join adds the properties of a request to the span that another middleware
// began.
func (h *handler) join(ctx context.Context, r *core, w http.ResponseWriter, req *http.Request) {
	if a := h.association(ctx, r, req); a != nil {
		ctx = context.WithValue(ctx, associationKey{}, a)
		trace.SpanFromContext(ctx).SetAttributes(a.attributes(nil)...)
		req = req.WithContext(ctx)
	}
	h.next.ServeHTTP(w, req)
}

func (h *handler) serve(ctx context.Context, r *core, w http.ResponseWriter, req *http.Request) {
	start := time.Now()
	opts := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(start)}
	extracted := ctx
	if r.propagator != nil {
		extracted = r.propagator.Extract(ctx, propagation.HeaderCarrier(req.Header))
	}
	if h.public {
		opts = append(opts, trace.WithNewRoot())
		if sc := trace.SpanContextFromContext(extracted); sc.IsValid() {
			opts = append(opts, trace.WithLinks(trace.Link{SpanContext: sc}))
		}
	} else {
		ctx = extracted
	}
	a := h.association(ctx, r, req)
	if a == nil {
		a = &association{} // said: nothing below looks into the baggage again
	}
	attrs := a.attributes(r.requestAttributes(req))
	ctx, span := r.tracer.Start(ctx, methodName(req.Method), append(opts, trace.WithAttributes(attrs...))...)
	at := &served{r: r, span: span, start: start}
	ctx = context.WithValue(context.WithValue(ctx, associationKey{}, a), servedKey{}, at)
	req = req.WithContext(ctx)
	at.writer = response{ResponseWriter: w, start: start}
	defer h.finish(at, req)
	h.next.ServeHTTP(at.writer.wrap(), req)
	at.done = true
}

// served is a request that is being served.
type served struct {
	r      *core
	span   trace.Span
	start  time.Time
	writer response
	done   bool

	mu    sync.Mutex
	route string
}

type servedKey struct{}

// SetRoute names the route of the request that ctx belongs to, for routers that
// do not set http.Request.Pattern: a template such as /items/:id, never the path
// itself. Outside of Handler it does nothing.
func SetRoute(ctx context.Context, route string) {
	if ctx == nil || active.Load() == nil {
		return
	}
	if at, ok := ctx.Value(servedKey{}).(*served); ok {
		at.mu.Lock()
		at.route = route
		at.mu.Unlock()
	}
}

// finish ends the span of a request; deferred itself, it lets a panic go on.
func (h *handler) finish(at *served, req *http.Request) {
	var panicked any
	if !at.done {
		panicked = recover()
	}
	w, span := &at.writer, at.span
	if route := h.routeOf(at, req); route != "" {
		span.SetName(methodName(req.Method) + " " + route)
		span.SetAttributes(attribute.String("http.route", route))
	}
	status := w.status
	switch {
	case status != 0:
	case at.done && !w.hijacked:
		status = http.StatusOK // what net/http sends for a handler that wrote nothing
	case !at.done && panicked != any(http.ErrAbortHandler):
		status = http.StatusInternalServerError
	}
	attrs := make([]attribute.KeyValue, 0, 6)
	if status != 0 {
		attrs = append(attrs, attribute.Int("http.response.status_code", status))
	}
	if w.bytes > 0 {
		attrs = append(attrs, attribute.Int64("http.response.body.size", w.bytes), attribute.Float64("pitot.time_to_first_byte_seconds", w.first.Seconds()))
	}
	if w.streams() {
		attrs = append(attrs, attribute.Bool("pitot.stream", true))
	}
	if w.hijacked {
		attrs = append(attrs, attribute.Bool("pitot.hijacked", true))
	}
	if req.Context().Err() != nil || w.failed {
		attrs = append(attrs, attribute.StringSlice("pitot.notes", []string{"client_gone"}))
	}
	span.SetAttributes(attrs...)
	switch {
	case at.done && status >= 500:
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(status)))
		span.SetStatus(codes.Error, "")
	case at.done:
	case panicked == any(http.ErrAbortHandler):
		span.SetAttributes(attribute.String("error.type", "aborted"))
		span.SetStatus(codes.Error, "the handler aborted the answer")
	case panicked == nil:
		span.SetAttributes(attribute.String("error.type", "goexit"))
		span.SetStatus(codes.Error, "the handler called runtime.Goexit")
	default:
		at.r.recordPanic(span, panicked)
		span.SetAttributes(attribute.String("error.type", panicType(panicked)))
		span.SetStatus(codes.Error, at.r.content.errorText(panicMessage(panicked)))
	}
	span.End()
	if panicked != nil {
		panic(panicked)
	}
}

// routeOf is the template that a request was routed by, without method and host.
func (h *handler) routeOf(at *served, req *http.Request) string {
	at.mu.Lock()
	route := at.route
	at.mu.Unlock()
	if route == "" && h.route != nil {
		route = h.routeByOption(req)
	}
	if route == "" {
		route = req.Pattern
		if i := strings.IndexByte(route, '/'); i > 0 {
			route = route[i:]
		}
	}
	return clip(at.r.content.label(route), maxName)
}

func (h *handler) routeByOption(req *http.Request) (route string) {
	defer func() {
		if recover() != nil { // the span is to end whatever the program's function does
			route = ""
		}
	}()
	return h.route(req)
}

// methodName is the method as it stands in names of spans: methods that a
// stranger made up are none.
func methodName(m string) string {
	switch m {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodConnect, http.MethodOptions, http.MethodTrace:
		return m
	case "":
		return http.MethodGet
	default:
		return "HTTP"
	}
}

// requestAttributes describe a request in the names of OpenTelemetry. The query
// and the client's address are left out: the one holds secrets and content, the
// other is a person's.
func (r *core) requestAttributes(req *http.Request) []attribute.KeyValue {
	attrs := make([]attribute.KeyValue, 0, 20)
	method := methodName(req.Method)
	if method == "HTTP" {
		method = "_OTHER"
		attrs = append(attrs, attribute.String("http.request.method_original", clip(req.Method, 32)))
	}
	scheme := "http"
	if req.TLS != nil {
		scheme = "https"
	}
	attrs = append(attrs,
		attribute.String("http.request.method", method),
		attribute.String("url.scheme", scheme),
		attribute.String("url.path", r.content.text(clip(req.URL.Path, 4*maxDimension), maxDimension)),
		attribute.String("network.protocol.version", strings.TrimSuffix(strings.TrimPrefix(req.Proto, "HTTP/"), ".0")))
	if host, port, err := net.SplitHostPort(req.Host); err == nil {
		attrs = append(attrs, attribute.String("server.address", clip(host, maxDimension)))
		if n, err := strconv.Atoi(port); err == nil {
			attrs = append(attrs, attribute.Int("server.port", n))
		}
	} else if req.Host != "" {
		attrs = append(attrs, attribute.String("server.address", clip(req.Host, maxDimension)))
	}
	if ua := req.UserAgent(); ua != "" {
		attrs = append(attrs, attribute.String("user_agent.original", r.content.label(clip(ua, maxDimension))))
	}
	if req.ContentLength > 0 {
		attrs = append(attrs, attribute.Int64("http.request.body.size", req.ContentLength))
	}
	return attrs
}

// association is that of the context and the request's baggage, over which the
// request's X-Pitot headers stand; nil where nothing is said.
func (h *handler) association(ctx context.Context, r *core, req *http.Request) *association {
	base := associationOf(ctx)
	if h.public {
		base, _ = ctx.Value(associationKey{}).(*association)
		return base
	}
	props := make([]Property, 0, 8)
	var promptName, promptVersion string
	for name, values := range req.Header {
		rest, ours := strings.CutPrefix(name, "X-Pitot-")
		if !ours || len(values) == 0 || values[0] == "" {
			continue
		}
		v := values[0]
		switch rest {
		case "User":
			props = append(props, User(v))
		case "Session":
			props = append(props, Session(v))
		case "Tenant":
			props = append(props, Tenant(v))
		case "Feature":
			props = append(props, Feature(v))
		case "Prompt":
			promptName = v
		case "Prompt-Version":
			promptVersion = v
		default:
			if tag, ok := strings.CutPrefix(rest, "Tag-"); ok && len(props) < 4*maxTags {
				props = append(props, Tag(strings.ToLower(tag), v))
			}
		}
	}
	if promptName != "" || promptVersion != "" {
		props = append(props, Prompt(promptName, promptVersion))
	}
	a, changed := base.with(r, props, true)
	if !changed {
		return base
	}
	return a
}
