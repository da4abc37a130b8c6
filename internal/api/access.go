package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/auth"
)

// Codes of answers to those who may not.
const (
	CodeUnauthenticated = "unauthenticated"
	CodeForbidden       = "forbidden"
)

// access is what a route needs of those who ask. The zero access lets nobody in:
// a route that was forgotten is closed.
type access struct {
	// public routes need nothing.
	public bool
	// need is all of what must be permitted.
	need auth.Perm
	// operator says that the answer is about the server as a whole, or about what
	// is not kept apart by tenant: it is for the default tenant alone.
	operator bool
	// whoever lets those of the default tenant in whatever tenant they look at: the
	// request says whose data it is about.
	whoever bool
	// content says that the answer holds content, which is left out for those who
	// may not see it.
	content bool
	// change says that the request changes something.
	change bool
	// inner says what paths beneath a prefix need.
	inner func(*http.Request) access
}

// Short forms for the table.
var (
	public    = access{public: true}
	reads     = access{need: auth.Read}
	contents  = access{need: auth.Read, content: true}
	needsText = access{need: auth.Read | auth.Content, content: true}
	operators = access{need: auth.Read, operator: true}
	acts      = access{need: auth.Act, operator: true, change: true}
	admins    = access{need: auth.Admin, operator: true}
	manages   = access{need: auth.Admin}
)

// accessTable says what each route needs. It is complete: a test compares it
// with the routes.
func accessTable() map[string]access {
	t := map[string]access{
		"GET /health":                   public,
		"GET /-/healthy":                public,
		"GET /-/ready":                  public,
		"GET /-/ready/gateway":          public,
		"GET " + base + "/openapi.yaml": public,
		"/":                             public, // pages and their files, which hold no data

		"GET " + base + "/auth":                    public,
		"POST " + base + "/auth/login":             public,
		"POST " + base + "/auth/logout":            public,
		"GET " + base + "/auth/oidc/login":         public,
		"GET " + auth.CallbackPath:                 public,
		"POST " + base + "/auth/tenant":            reads,
		"GET " + base + "/keys":                    manages,
		"POST " + base + "/keys":                   {need: auth.Admin, change: true},
		"DELETE " + base + "/keys/{id}":            {need: auth.Admin, change: true},
		"GET " + base + "/audit":                   manages,
		"DELETE " + base + "/auth/sessions":        {need: auth.Admin, operator: true, change: true},
		"POST " + base + "/feedback":               {need: auth.Judge},
		"POST " + base + "/probes/{name}":          acts,
		"POST " + base + "/alerts/test/{receiver}": acts,
		"GET " + base + "/calls/follow":            contents, // errors have words
		"GET " + base + "/calls/export":            {inner: exportAccess},
		"GET " + base + "/traces/export":           {inner: exportAccess},
		"GET " + base + "/datasets/export":         {need: auth.Read | auth.Export | auth.Content, content: true},
		"GET " + base + "/costs/export":            {need: auth.Read | auth.Export},

		"POST " + base + "/admin/snapshots":        {need: auth.Admin, operator: true, change: true},
		"DELETE " + base + "/admin/snapshots/{id}": {need: auth.Admin, operator: true, change: true},
		"GET " + base + "/admin/data":              {need: auth.Admin, operator: true, whoever: true},
		"POST " + base + "/admin/data/clean":       {need: auth.Admin, operator: true, whoever: true, change: true},
		"POST " + base + "/admin/data/erase":       {need: auth.Admin, operator: true, whoever: true, change: true},

		// Each tool asks the API with the client's own key.
		"/mcp": reads,
		// Profiles hold what is in memory: prompts, too.
		"/debug/": {need: auth.Admin, operator: true, content: true},

		manager.Prefix + "/": {inner: alertmanagerAccess},
		"/select/logsql/":    needsText,
		"/api/v1/":           {inner: prometheusAccess},
		"/federate":          reads,
		"GET /metrics":       reads,
		"POST /-/reload":     {need: auth.Admin, operator: true, change: true},
		"PUT /-/reload":      {need: auth.Admin, operator: true, change: true},

		"GET /jaeger/api/services":                      reads,
		"GET /jaeger/api/services/{service}/operations": reads,
		"GET /jaeger/api/operations":                    reads,
		"GET /jaeger/api/traces":                        contents,
		"GET /jaeger/api/traces/{id}":                   contents,
		"GET /jaeger/api/dependencies":                  reads,
		"/jaeger/api/":                                  reads,
		"GET /monitoring/models":                        reads,
		"GET /monitoring/status":                        reads,
	}
	for path, a := range map[string]access{
		"/calls": contents, "/calls/{id}": contents, "/calls/{id}/breakdown": reads, "/calls/sample": reads,
		"/facets": reads, "/summary": reads, "/timeline": reads, "/models": reads, "/compare": reads,
		"/costs": reads, "/costs/cache": reads, "/costs/forecast": reads, "/prices/explain": reads, "/prices/unpriced": reads,
		"/traces": contents, "/traces/{id}": contents, "/sessions": reads, "/sessions/{id}": contents, "/feedback": contents,
		// What changed is told with the errors' own words.
		"/explain":    needsText,
		"/dashboards": reads,
		// What is about all who send, or about what the operator has set up.
		"/senders": operators, "/setup": operators, "/doctor": operators, "/status": operators, "/ledger": operators,
		"/prices": operators, "/probes": operators, "/evaluators": operators, "/alerts/channels": operators, "/rules": operators, "/slos": operators, "/budgets": operators,
		"/config": admins,
	} {
		t["GET "+base+path] = a
	}
	return t
}

// prometheusAccess says what the endpoints of the Prometheus API need. Those that
// are kept apart by tenant are for all of them.
func prometheusAccess(r *http.Request) access {
	path := strings.TrimPrefix(r.URL.Path, "/api/v1/")
	switch {
	case path == "write" || path == "otlp/v1/metrics":
		return access{need: auth.Ingest}
	case path == "query", path == "query_range", path == "query_exemplars", path == "series", path == "labels",
		strings.HasPrefix(path, "label/") && strings.HasSuffix(path, "/values"),
		path == "format_query", path == "parse_query", path == "status/buildinfo", path == "features":
		return reads
	case strings.HasPrefix(path, "admin/"):
		return access{need: auth.Admin, operator: true, change: true}
	// The statistics of the store count the names of all tenants.
	case path == "status/config", path == "status/flags", path == "status/tsdb", path == "status/tsdb/blocks", path == "targets/metadata", path == "metadata":
		return admins
	}
	return operators
}

// exportAccess says what a file of calls or traces needs.
func exportAccess(r *http.Request) access {
	if content, err := strconv.ParseBool(r.URL.Query().Get("content")); err == nil && content {
		return access{need: auth.Read | auth.Export | auth.Content, content: true}
	}
	return access{need: auth.Read | auth.Export}
}

// alertmanagerAccess says what the endpoints of the Alertmanager's API need.
func alertmanagerAccess(r *http.Request) access {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		return operators
	}
	return acts
}

// routed registers routes and remembers their patterns.
type routed struct{ s *server }

func (m routed) Handle(pattern string, h http.Handler) {
	m.s.patterns = append(m.s.patterns, pattern)
	m.s.mux.Handle(pattern, h)
}

func (m routed) HandleFunc(pattern string, h func(http.ResponseWriter, *http.Request)) {
	m.Handle(pattern, http.HandlerFunc(h))
}

// textParams are the parameters that select by content: what is counted or found
// by them tells what it says.
var textParams = map[string][]string{
	base + "/":    {"query", "search", "baseline_query"},
	"/jaeger/api": {"tags", "tag"},
}

// selectsText says whether a request selects by content.
func selectsText(r *http.Request) bool {
	for prefix, names := range textParams {
		if !strings.HasPrefix(r.URL.Path, prefix) {
			continue
		}
		q := r.URL.Query()
		for _, n := range names {
			if q.Get(n) != "" {
				return true
			}
		}
	}
	return false
}

// authorised lets those through who may, and says in the request's context who it
// is. Where nobody must log in it lets everybody through.
func (s *server) authorised(next http.Handler) http.Handler {
	if s.Auth == nil || !s.Auth.Enabled() {
		return next
	}
	s.table = accessTable()
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, pattern := s.mux.Handler(r)
		a := s.table[pattern]
		if a.inner != nil {
			a = a.inner(r)
		}
		p, err := s.Auth.Authenticate(r)
		if p != nil {
			r = r.WithContext(auth.With(r.Context(), p))
			s.Auth.Renew(w, r, p)
		}
		if a.public || visitorOf(r.Context()) != nil {
			next.ServeHTTP(w, r)
			return
		}
		if e := s.judgeAccess(r, a, p, err); e != nil {
			if p != nil || !errors.Is(err, auth.ErrNobody) {
				s.auditAccess(r, p, auth.ActionDenied, e.Status)
			}
			s.deny(w, r, e)
			return
		}
		if !a.change { // which is not left half done
			ctx, stop := s.whileAllowed(r.Context(), p)
			defer stop()
			r = r.WithContext(ctx)
		}
		seen := a.content && p.Can(auth.Content) || a.need&auth.Content != 0
		if !seen && !a.change {
			next.ServeHTTP(w, r)
			return
		}
		s.audited(w, r, p, a, next)
	})
}

// audited serves a request that the audit log tells of. The entry is written when
// the answer begins: an answer may last for hours, and nobody sees any of it before
// it is written who does.
func (s *server) audited(w http.ResponseWriter, r *http.Request, p *auth.Principal, a access, next http.Handler) {
	action := auth.ActionContent
	if a.change {
		action = auth.ActionChange
	}
	var body *peeked
	if r.Body != nil && r.Body != http.NoBody && r.Method != http.MethodGet && r.Method != http.MethodHead {
		body = &peeked{ReadCloser: r.Body}
		r.Body = body
	}
	written := false
	write := func(status int) {
		if written {
			return
		}
		written = true
		e := accessEntry(r, p, action, status)
		if body != nil {
			e.Detail = body.text()
		}
		s.Auth.Audit().Write(e)
	}
	t := &trackedWriter{ResponseWriter: w, first: write}
	defer func() { write(t.status) }()
	next.ServeHTTP(t, r)
}

// maxPeek is what the audit log has of the body of a request: the query of a form,
// or what is changed.
const maxPeek = 1000

// peeked is a body of which the first bytes are remembered as they are read.
type peeked struct {
	io.ReadCloser
	mu sync.Mutex // a proxy reads while the answer begins
	b  []byte
}

func (b *peeked) Read(to []byte) (int, error) {
	n, err := b.ReadCloser.Read(to)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.b = append(b.b, to[:min(n, maxPeek-len(b.b))]...)
	return n, err
}

func (b *peeked) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return strings.ToValidUTF8(string(b.b), "")
}

// recheck is how often those whose answer lasts are looked at again.
const recheck = 2 * time.Second

// whileAllowed returns a context that ends when p may no longer do what he might
// when the request came: streams of calls and logs go on for hours, exports for
// many minutes.
func (s *server) whileAllowed(ctx context.Context, p *auth.Principal) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	var mu sync.Mutex
	var timer *time.Timer
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(recheck, func() {
		if ctx.Err() != nil {
			return
		}
		if !s.Auth.Still(p) {
			cancel()
			return
		}
		mu.Lock()
		defer mu.Unlock()
		timer.Reset(recheck)
	})
	return ctx, func() {
		cancel()
		timer.Stop()
	}
}

// judgeAccess says why a request is refused; nil where it is not.
func (s *server) judgeAccess(r *http.Request, a access, p *auth.Principal, err error) *Error {
	switch {
	case err != nil:
		return accessError(err)
	case a.operator && !p.Operator() && (!a.whoever || !p.OfDefault()):
		return &Error{http.StatusForbidden, CodeForbidden, "this is about the server as a whole: only users of the default tenant may see it", "ask those who run the server"}
	case a.need == 0:
		return &Error{http.StatusForbidden, CodeForbidden, "nobody may use this endpoint", "report it: the table of permissions lacks it"}
	case !p.Can(a.need):
		missing := a.need &^ p.Perm
		return &Error{http.StatusForbidden, CodeForbidden, "this needs the permission " + missing.String(), "docs/access.md says which roles and scopes have it"}
	case !p.Can(auth.Content) && selectsText(r):
		return &Error{http.StatusForbidden, CodeForbidden, "to search in content needs the permission content: what is found tells what it says", "select by fields such as service, model, user or status"}
	}
	return nil
}

// accessError says why somebody was not recognised.
func accessError(err error) *Error {
	var limited *auth.LimitError
	switch {
	case errors.As(err, &limited):
		return &Error{http.StatusTooManyRequests, CodeRateLimited, err.Error(), "wait; an administrator sees the attempts in the audit log"}
	case errors.Is(err, auth.ErrTenant):
		return &Error{http.StatusForbidden, CodeForbidden, err.Error(), "GET " + base + "/auth lists yours"}
	case errors.Is(err, auth.ErrNobody):
		return &Error{http.StatusUnauthorized, CodeUnauthenticated, "log in, or send an API key", "send a key as Authorization: Bearer, X-API-Key, or the password of Basic authentication"}
	case errors.Is(err, auth.ErrBad):
		return &Error{http.StatusUnauthorized, CodeUnauthenticated, "the key, or the name and password, are not valid", "they may have expired or been revoked: `pitot keys list` shows that"}
	}
	return toError(err)
}

// deny answers in the form of the API that was asked.
func (s *server) deny(w http.ResponseWriter, r *http.Request, e *Error) {
	h := w.Header()
	if e.Status == http.StatusUnauthorized {
		// A browser that asked in a script must not open its own window for a name and
		// a password.
		if r.Header.Get("Sec-Fetch-Mode") == "" {
			h.Add("WWW-Authenticate", `Basic realm="pitot", charset="UTF-8"`)
		}
		h.Add("WWW-Authenticate", `Bearer realm="pitot"`)
	}
	text := e.Message
	if e.Hint != "" {
		text += " (" + e.Hint + ")"
	}
	switch {
	case strings.HasPrefix(r.URL.Path, "/api/v1/"):
		b, err := encode(map[string]string{"status": "error", "errorType": e.Code, "error": text})
		if err == nil {
			writeBytes(w, e.Status, b)
		}
	case strings.HasPrefix(r.URL.Path, "/jaeger/"):
		b, err := encode(jaegerAnswer{Errors: []jaegerError{{e.Status, text}}})
		if err == nil {
			writeBytes(w, e.Status, b)
		}
	case strings.HasPrefix(r.URL.Path, "/select/") || r.URL.Path == "/federate":
		writeText(w, e.Status, text+"\n")
	default:
		writeError(w, e)
	}
}

// auditAccess writes an entry about a request.
func (s *server) auditAccess(r *http.Request, p *auth.Principal, action string, status int) {
	s.Auth.Audit().Write(accessEntry(r, p, action, status))
}

func accessEntry(r *http.Request, p *auth.Principal, action string, status int) auth.Entry {
	e := auth.Entry{Action: action, From: auth.Address(r), Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Status: status}
	if p != nil {
		e.Who, e.Kind, e.KeyID, e.Tenant = p.Name, p.Kind, p.KeyID, p.Tenant
	}
	return e
}

// withheld says whether content must be left out of the answer to a request.
func (s *server) withheld(r *http.Request) bool {
	return s.Auth != nil && s.Auth.Enabled() && !auth.From(r.Context()).Can(auth.Content)
}

// retryAfter writes the header of an answer that says to wait.
func retryAfter(w http.ResponseWriter, err error) {
	if limited, ok := errors.AsType[*auth.LimitError](err); ok {
		w.Header().Set("Retry-After", strconv.Itoa(int(math.Ceil(limited.Wait.Seconds()))))
	}
}

// GuardIngest lets requests of senders through that may send: to listeners of
// their own, and to paths that are served before the API's. What they send is the
// tenant's of their key, whatever it says itself.
func GuardIngest(a *auth.Auth, next http.Handler, fail func(w http.ResponseWriter, r *http.Request, status int, message string)) http.Handler {
	if a == nil || !a.Enabled() {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p, err := a.Authenticate(r)
		switch {
		case errors.Is(err, auth.ErrNobody) && a.IngestOptional():
			next.ServeHTTP(w, r)
			return
		case err == nil && !p.Can(auth.Ingest):
			err = errNoIngest
		}
		if err != nil {
			e := accessError(err)
			if errors.Is(err, errNoIngest) {
				e = &Error{http.StatusForbidden, CodeForbidden, errNoIngest.Error(), "make a key with `pitot keys create --scope=ingest`"}
			}
			retryAfter(w, err)
			if e.Status == http.StatusUnauthorized {
				w.Header().Set("WWW-Authenticate", `Basic realm="pitot"`)
			}
			if fail == nil {
				writeError(w, e)
				return
			}
			fail(w, r, e.Status, fmt.Sprintf("%s (%s)", e.Message, e.Hint))
			return
		}
		next.ServeHTTP(w, r.WithContext(auth.With(r.Context(), p)))
	})
}

var errNoIngest = errors.New("this key may not send data: it lacks the scope ingest")

// holdsContent says whether the answer to a request may hold content.
func (s *server) holdsContent(r *http.Request) bool {
	_, pattern := s.mux.Handler(r)
	return s.table[pattern].content
}

// Routes are the patterns of all routes, for those who walk them in tests.
func Routes() []string { return sortedKeys(accessTable()) }
