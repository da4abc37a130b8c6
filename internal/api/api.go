package api

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/alert/rules"
	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/auth"
	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/explain"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/pipeline"
	"github.com/pitot-dev/pitot/internal/price"
	"github.com/pitot-dev/pitot/internal/probe"
)

// Events is what the API asks of the event store. Methods are safe for
// concurrent use and honour ctx. Their errors are *events.QueryError where the
// request is at fault, *events.UnavailableError where the store cannot answer
// now, and ctx's where it ended.
type Events interface {
	Calls(ctx context.Context, q events.CallQuery) (events.CallPage, error)
	// TailCalls yields Calls as they are stored, until ctx ends.
	TailCalls(ctx context.Context, f events.CallFilter) iter.Seq2[*llm.Call, error]
	// Call returns events.ErrNotFound where nothing has the id.
	Call(ctx context.Context, id string) (*events.CallDetail, error)
	Facets(ctx context.Context, q events.FacetQuery) ([]events.Facet, error)
	Summary(ctx context.Context, f events.CallFilter) (*events.Summary, error)
	Timeline(ctx context.Context, q events.TimelineQuery) (*events.Timeline, error)
	Models(ctx context.Context, f events.CallFilter) ([]events.ModelStat, error)
	Costs(ctx context.Context, q events.CostQuery) ([]events.Group, error)
	Trace(ctx context.Context, traceID string, r events.Range) (events.TraceRecords, error)
	Traces(ctx context.Context, q events.TraceQuery) ([]events.TraceRecords, error)
	TraceList(ctx context.Context, q events.TraceListQuery) (events.TracePage, error)
	Sessions(ctx context.Context, q events.SessionQuery) (events.SessionPage, error)
	// Conversation returns events.ErrNotFound where no call has the session.
	Conversation(ctx context.Context, q events.ConversationQuery) (*events.Conversation, error)
	Sample(ctx context.Context, q events.SampleQuery) (*events.Sample, error)
	Compare(ctx context.Context, q events.CompareQuery) (*events.Comparison, error)
	Services(ctx context.Context, r events.Range) ([]string, error)
	Operations(ctx context.Context, service string, r events.Range) ([]string, error)
	Dependencies(ctx context.Context, r events.Range) ([]events.Dependency, error)
	Senders(ctx context.Context, r events.Range) ([]events.SenderStats, error)
	Feedbacks(ctx context.Context, q events.FeedbackQuery) (events.FeedbackPage, error)
	ProxyLogsQL() http.Handler
}

// Live yields finished Calls as they pass through the pipeline. A subscriber
// that is too slow loses Calls. Where there are too many subscribers, or the
// pipeline has ended, the channel is closed. cancel must be called.
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
	Ready func() error
	// GatewayReady returns nil when new calls should come; nil: as Ready.
	GatewayReady func() error
	Reload       func() error
	// Judge takes judgements, all or none, and fills them with what was stored.
	// Where they are at fault it returns an *events.QueryError.
	Judge func(ctx context.Context, js []*events.Judgement) error
	// FailuresOnly are the evaluators of which only failures are stored; nil: none.
	FailuresOnly func() []string
	// FeedbackAccess says which pages may judge; nil: none of other origins.
	FeedbackAccess func() FeedbackAccess
	// Histograms are those of senders whose buckets are useless; nil where nobody
	// looks for them.
	Histograms func() []doctor.Histogram
	// Alertmanager serves manager.Prefix.
	Alertmanager http.Handler
	// Channels is how notifications are doing.
	Channels func() manager.Status
	// TestReceiver sends a sample through all channels of a receiver.
	TestReceiver func(ctx context.Context, name string) ([]manager.Result, error)
	// Dashboards are the shipped dashboards, as JSON shows them.
	Dashboards func() any
	// Rules says which rule files are in force and what is wrong with others.
	Rules func() rules.Status
	// SLOs is how the objectives are doing.
	SLOs func(ctx context.Context) []slo.Status
	// Budgets is how the budgets stand.
	Budgets func() []budget.Status
	// Explain says what changed between two sets of Calls.
	Explain func(ctx context.Context, req explain.Request) (*explain.Explanation, error)
	// Probes is how the configured probes fare; nil where there are none.
	Probes func() []probe.Status
	// Evaluators is how rules and judges of answers fare.
	Evaluators func() EvaluatorsReport
	// Probe runs one probe now; false where none has the name.
	Probe func(ctx context.Context, name string) (probe.Status, bool)
	// Prices is the price table in force.
	Prices func() *price.Table
	// Usages adds up usage by what its price depends on.
	Usages func(ctx context.Context, q events.UsageQuery) ([]events.UsageGroup, error)
	// ScanCalls reads all Calls of a filter, without content.
	ScanCalls func(ctx context.Context, f events.CallFilter, oldest bool) (int64, events.CallBatches, error)
	// Details reads the content of Calls and what was said of them.
	Details Details
	// Config is the configuration in force.
	Config func() ConfigReport
	// Setup says what came by which way. Its addresses are those of the listeners,
	// and its answer is not changed.
	Setup func(ctx context.Context) SetupReport
	// Facts are what the server knows that explains missing data.
	Facts func(ctx context.Context) doctor.Facts
	// Data manages what is stored; nil where nobody may.
	Data Data
	// Auth says who asks; nil where nobody must log in.
	Auth *auth.Auth
	// UI serves the pages; nil where there are none.
	UI UI
	// Debug serves profiles at /debug/; nil where there are none.
	Debug http.Handler
	// MCP serves the tools for coding agents at /mcp; nil where there are none.
	MCP http.Handler
	Now func() time.Time // default time.Now
}

type server struct {
	Options
	mux *http.ServeMux
	// patterns are those that were registered with mux.
	patterns []string
	// table is set where somebody must log in.
	table map[string]access
	// feedbackRates bound what comes with each key for feedback.
	feedbackRates rates
	exporting     atomic.Int32 // files that are being written
	tailing       atomic.Int32 // followers that the store filters for
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
	return s.recovered(secured(s.fromPages(protected(s.authorised(s.mux)))))
}

// endpoint answers a request with a value or an error.
type endpoint func(*http.Request) (any, error)

// endpoints are the reading endpoints of the calls API.
func (s *server) endpoints() map[string]endpoint {
	return map[string]endpoint{
		"/calls":                s.calls,
		"/calls/{id}":           s.call,
		"/calls/{id}/breakdown": s.breakdown,
		"/senders":              s.senders,
		"/probes":               s.probes,
		"/evaluators":           s.evaluators,
		"/alerts/channels":      s.channels,
		"/rules":                s.ruleFiles,
		"/slos":                 s.slos,
		"/budgets":              s.budgets,
		"/dashboards":           s.dashboards,
		"/explain":              s.explain,
		"/feedback":             s.feedbackList,
		"/facets":               s.facets,
		"/summary":              s.summary,
		"/timeline":             s.timeline,
		"/models":               s.models,
		"/costs":                s.costs,
		"/traces/{id}":          s.trace,
		"/traces":               s.traces,
		"/sessions":             s.sessions,
		"/sessions/{id}":        s.session,
		"/calls/sample":         s.sample,
		"/compare":              s.compare,
		"/ledger":               s.ledger,
		"/prices":               s.prices,
		"/prices/explain":       s.explainPrice,
		"/prices/unpriced":      s.unpriced,
		"/costs/cache":          s.cacheCosts,
		"/costs/forecast":       s.forecast,
		"/config":               s.config,
		"/setup":                s.setup,
		"/doctor":               s.noData,
		"/status":               s.status,
	}
}

func (s *server) routes() {
	m := routed{s}
	for path, e := range s.endpoints() {
		m.Handle("GET "+base+path, s.answer(e))
	}
	m.HandleFunc("GET "+base+"/calls/follow", s.follow)
	m.HandleFunc("GET "+base+"/calls/export", s.exportCalls)
	m.HandleFunc("GET "+base+"/costs/export", s.exportCosts)
	m.HandleFunc("GET "+base+"/traces/export", s.exportTraces)
	m.HandleFunc("GET "+base+"/datasets/export", s.exportDataset)
	m.Handle("POST "+base+"/feedback", s.answer(s.feedback))
	m.Handle("POST "+base+"/probes/{name}", s.answer(s.runProbe))
	m.Handle("POST "+base+"/alerts/test/{receiver}", s.answer(s.testReceiver))
	if s.Alertmanager != nil {
		m.Handle(manager.Prefix+"/", s.Alertmanager)
	}
	if s.MCP != nil {
		m.Handle("/mcp", s.MCP)
	}
	m.HandleFunc("GET "+base+"/openapi.yaml", serveOpenAPI)

	s.dataRoutes(m)
	s.accountRoutes(m)
	s.jaegerRoutes()
	s.nexentRoutes()
	m.Handle("/select/logsql/", s.Events.ProxyLogsQL())
	m.Handle("/api/v1/", s.Prometheus)
	m.Handle("/federate", s.Prometheus)
	m.Handle("GET /metrics", s.Metrics)

	m.HandleFunc("GET /health", s.health)
	m.HandleFunc("GET /-/healthy", s.health)
	m.HandleFunc("GET /-/ready", s.readiness(s.Ready))
	if s.GatewayReady == nil {
		s.GatewayReady = s.Ready
	}
	m.HandleFunc("GET /-/ready/gateway", s.readiness(s.GatewayReady))
	if s.Debug != nil {
		m.Handle("/debug/", s.Debug)
	}
	m.HandleFunc("POST /-/reload", s.reload)
	m.HandleFunc("PUT /-/reload", s.reload)
	m.HandleFunc("/", s.noEndpoint)
}

// base is the path of the calls API.
const base = "/api/pitot/v1"

// queryTimeout bounds the work of one request, so that a query over too much
// ends with an answer that says so.
const queryTimeout = 30 * time.Second

// answer turns an endpoint into a handler.
func (s *server) answer(e endpoint) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), queryTimeout)
		defer cancel()
		var cold events.Partial
		v, err := e(r.WithContext(events.WithCold(ctx, &cold)))
		partial(w, &cold)
		if err != nil {
			s.fail(w, r, err)
			return
		}
		s.writeJSON(w, r, http.StatusOK, v)
	})
}

func (s *server) writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) {
	b, err := encode(v)
	if err == nil && status < 300 && s.withheld(r) && s.holdsContent(r) {
		b, err = withhold(b)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	writeBytes(w, status, b)
}

// noEndpoint answers what no pattern matches: a page of the UI, an unknown path,
// or a known one with a method that it does not have.
func (s *server) noEndpoint(w http.ResponseWriter, r *http.Request) {
	if s.ui(w, r) {
		return
	}
	writeError(w, s.noRoute(w, r))
}

// noRoute says what is wrong with a request that no pattern matches.
func (s *server) noRoute(w http.ResponseWriter, r *http.Request) *Error {
	_, here := s.mux.Handler(r)
	var methods []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete} {
		other := r.Clone(r.Context())
		other.Method = m
		if _, pattern := s.mux.Handler(other); pattern != here && strings.HasPrefix(pattern, m+" ") {
			methods = append(methods, m)
		}
	}
	if len(methods) == 0 {
		return notFound("endpoint", r.Method+" "+r.URL.Path, "GET "+base+"/openapi.yaml lists the endpoints")
	}
	if slices.Contains(methods, http.MethodGet) {
		methods = append(methods, http.MethodHead)
	}
	w.Header().Set("Allow", strings.Join(methods, ", "))
	return &Error{http.StatusMethodNotAllowed, CodeMethod, r.Method + " is not allowed here", "allowed: " + strings.Join(methods, ", ")}
}

func (s *server) health(w http.ResponseWriter, _ *http.Request) {
	writeText(w, http.StatusOK, "Pitot is healthy.\n")
}

// readiness answers 200 where ask has nothing to say.
func (s *server) readiness(ask func() error) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if err := ask(); err != nil {
			writeText(w, http.StatusServiceUnavailable, "Pitot is not ready: "+err.Error()+"\n")
			return
		}
		writeText(w, http.StatusOK, "Pitot is ready.\n")
	}
}

func writeText(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text))
}

func (s *server) reload(w http.ResponseWriter, r *http.Request) {
	if err := s.Reload(); err != nil {
		writeError(w, &Error{http.StatusUnprocessableEntity, CodeReloadFailed, err.Error(), "the running configuration stays in force; `pitot check` shows where the file is wrong"})
		return
	}
	s.writeJSON(w, r, http.StatusOK, map[string]string{"status": "reloaded"})
}
