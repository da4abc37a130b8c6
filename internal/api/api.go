package api

import (
	"context"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/pipeline"
)

// Events is what the API asks of the event store. Methods are safe for
// concurrent use and honour ctx.
type Events interface {
	Calls(ctx context.Context, q events.CallQuery) (events.CallPage, error)
	// Call returns events.ErrNotFound where nothing has the id.
	Call(ctx context.Context, id string) (*events.CallDetail, error)
	Facets(ctx context.Context, q events.FacetQuery) ([]events.Facet, error)
	Summary(ctx context.Context, f events.CallFilter) (*events.Summary, error)
	Timeline(ctx context.Context, q events.TimelineQuery) (*events.Timeline, error)
	Models(ctx context.Context, f events.CallFilter) ([]events.ModelStat, error)
	Costs(ctx context.Context, q events.CostQuery) ([]events.Group, error)
	Trace(ctx context.Context, traceID string, r events.Range) ([]llm.Record, error)
	Traces(ctx context.Context, q events.TraceQuery) ([][]llm.Record, error)
	Services(ctx context.Context, r events.Range) ([]string, error)
	Operations(ctx context.Context, service string, r events.Range) ([]string, error)
	Dependencies(ctx context.Context, r events.Range) ([]events.Dependency, error)
	InsertFeedback(ctx context.Context, f *events.Feedback) error
	ProxyLogsQL() http.Handler
}

// Live yields finished Calls as they pass through the pipeline. A subscriber
// that is too slow loses Calls. cancel must be called.
type Live func(buffer int) (calls <-chan *llm.Call, cancel func())

// Options are what the API needs. Fields without a default must be set.
type Options struct {
	Logger     *slog.Logger
	Events     Events
	Prometheus http.Handler // serves /api/v1/* and /federate
	Metrics    http.Handler // serves /metrics
	Live       Live
	Ledger     func() []pipeline.Entry
	Status     func(context.Context) Status
	// Ready returns nil when calls can be recorded and queried.
	Ready  func() error
	Reload func() error
	// Feedback is told of every judgement that was stored; for the metrics.
	Feedback func(f *events.Feedback)
	Now      func() time.Time // default time.Now
}

type server struct {
	Options
	mux *http.ServeMux
}

// New returns the handler of the API port.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &server{Options: o, mux: http.NewServeMux()}
	s.routes()
	// Forms on foreign pages must not reload, give feedback or write metrics.
	protect := http.NewCrossOriginProtection()
	protect.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, &Error{http.StatusForbidden, CodeForeignOrigin, "the request comes from a page of another origin", "call the API from the server side, or from Pitot's own page"})
	}))
	return s.recovered(secured(protect.Handler(s.mux)))
}

func (s *server) routes() {
	m := s.mux
	for path, h := range map[string]func(*http.Request) (any, error){
		"/calls":       s.calls,
		"/calls/{id}":  s.call,
		"/facets":      s.facets,
		"/summary":     s.summary,
		"/timeline":    s.timeline,
		"/models":      s.models,
		"/costs":       s.costs,
		"/traces/{id}": s.trace,
		"/ledger":      s.ledger,
		"/status":      s.status,
	} {
		m.Handle("GET /api/pitot/v1"+path, answer(h))
	}
	m.HandleFunc("GET /api/pitot/v1/calls/follow", s.follow)
	m.Handle("POST /api/pitot/v1/feedback", answer(s.feedback))
	m.HandleFunc("GET /api/pitot/v1/openapi.yaml", serveOpenAPI)
	m.HandleFunc("/api/pitot/", s.noEndpoint)

	s.jaegerRoutes()
	m.Handle("/select/logsql/", s.Events.ProxyLogsQL())
	m.Handle("/api/v1/", s.Prometheus)
	m.Handle("/federate", s.Prometheus)
	m.Handle("GET /metrics", s.Metrics)

	m.HandleFunc("GET /health", s.health)
	m.HandleFunc("GET /-/healthy", s.health)
	m.HandleFunc("GET /-/ready", s.ready)
	m.HandleFunc("POST /-/reload", s.reload)
	m.HandleFunc("PUT /-/reload", s.reload)
	m.HandleFunc("GET /{$}", s.page)
}

// answer turns a function that returns a value or an error into a handler.
func answer(f func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v, err := f(r)
		if err != nil {
			writeError(w, err)
			return
		}
		writeJSON(w, http.StatusOK, v)
	})
}

func (s *server) noEndpoint(w http.ResponseWriter, r *http.Request) {
	writeError(w, notFound("endpoint", r.Method+" "+r.URL.Path, "GET /api/pitot/v1/openapi.yaml lists the endpoints"))
}

// secured sets the headers that keep answers out of foreign frames and caches:
// prompts are sensitive data.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

// recovered keeps a bug in one handler from taking the gateway down with it.
func (s *server) recovered(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			switch v := recover(); v {
			case nil:
			case http.ErrAbortHandler:
				panic(v) // the way to cut an answer short
			default:
				s.Logger.Error("handler panicked", "component", "api", "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
				writeError(w, &Error{http.StatusInternalServerError, CodeInternal, "the server failed on this request", "see the server's log, and report it"})
			}
		}()
		next.ServeHTTP(w, r)
	})
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("Pitot is healthy.\n"))
}

func (s *server) ready(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if err := s.Ready(); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = w.Write([]byte("Pitot is not ready: " + err.Error() + "\n"))
		return
	}
	_, _ = w.Write([]byte("Pitot is ready.\n"))
}

func (s *server) reload(w http.ResponseWriter, _ *http.Request) {
	if err := s.Reload(); err != nil {
		writeError(w, &Error{http.StatusUnprocessableEntity, CodeReloadFailed, err.Error(), "the running configuration stays in force; `pitot check` shows where the file is wrong"})
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "reloaded"})
}

// validID keeps what is no id from becoming a query over the whole store.
func validID(id string, lengths ...int) bool {
	for _, n := range lengths {
		if len(id) == n {
			return strings.Trim(id, "0123456789abcdefABCDEFGHJKMNPQRSTVWXYZghjkmnpqrstvwxyz") == ""
		}
	}
	return false
}
