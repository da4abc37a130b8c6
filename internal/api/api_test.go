package api

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestHealthAndReady(t *testing.T) {
	var notReady error
	a := newAPI(t, func(o *Options) { o.Ready = func() error { return notReady } })
	for _, path := range []string{"/health", "/-/healthy", "/-/ready"} {
		if w := wantOK(t, a.get(path)); !strings.HasPrefix(w.Body.String(), "Pitot is ") {
			t.Errorf("%s: %q", path, w.Body)
		}
	}
	notReady = errors.New("the event engine is starting")
	if w := a.get("/-/ready"); w.Code != http.StatusServiceUnavailable || w.Body.String() != "Pitot is not ready: the event engine is starting\n" {
		t.Errorf("ready: %d %q", w.Code, w.Body)
	}
	wantOK(t, a.get("/-/healthy"))
}

func TestReload(t *testing.T) {
	var fault error
	n := 0
	a := newAPI(t, func(o *Options) { o.Reload = func() error { n++; return fault } })
	wantOK(t, a.post("/-/reload", ""))
	wantOK(t, a.do(httptest.NewRequest(http.MethodPut, "/-/reload", http.NoBody)))
	fault = errors.New("pitot.yaml:3:5: unknown field")
	e := wantError(t, a.post("/-/reload", ""), http.StatusUnprocessableEntity, CodeReloadFailed)
	if e.Message != fault.Error() || !strings.Contains(e.Hint, "stays in force") {
		t.Errorf("got %+v", e)
	}
	w := a.get("/-/reload") // a link must not reload
	wantError(t, w, http.StatusMethodNotAllowed, CodeMethod)
	if n != 3 || w.Header().Get("Allow") != "POST, PUT" {
		t.Errorf("%d reloads, Allow %q", n, w.Header().Get("Allow"))
	}
}

func TestRoutes(t *testing.T) {
	a := newAPI(t)
	for request, want := range map[string]string{
		"GET /api/v1/query?query=up":     "prometheus GET /api/v1/query",
		"POST /api/v1/write":             "prometheus POST /api/v1/write",
		"GET /federate":                  "prometheus GET /federate",
		"GET /metrics":                   "metrics GET /metrics",
		"POST /select/logsql/query":      "logsql POST /select/logsql/query",
		"GET /select/logsql/field_names": "logsql GET /select/logsql/field_names",
	} {
		method, url, _ := strings.Cut(request, " ")
		if w := wantOK(t, a.do(httptest.NewRequest(method, url, http.NoBody))); w.Body.String() != want {
			t.Errorf("%s: %q", request, w.Body)
		}
	}
	for request, allow := range map[string]string{
		"POST /api/pitot/v1/calls":             "GET, HEAD",
		"DELETE /api/pitot/v1/calls/" + callID: "GET, HEAD",
		"PUT /api/pitot/v1/feedback":           "GET, POST, HEAD",
		"POST /health":                         "GET, HEAD",
		"POST /monitoring/models":              "GET, HEAD",
	} {
		method, url, _ := strings.Cut(request, " ")
		w := a.do(httptest.NewRequest(method, url, http.NoBody))
		wantError(t, w, http.StatusMethodNotAllowed, CodeMethod)
		if got := w.Header().Get("Allow"); got != allow {
			t.Errorf("%s: Allow %q", request, got)
		}
	}
	for _, path := range []string{"/api/pitot/v1/nothing", "/api/pitot/v2/calls", "/api/pitot/v1/calls/", "/api/pitot", "/favicon.ico", "/api"} {
		e := wantError(t, a.get(path), http.StatusNotFound, CodeNotFound)
		if !strings.Contains(e.Message, path) {
			t.Errorf("%s: %q", path, e.Message)
		}
	}
	if w := a.do(httptest.NewRequest(http.MethodHead, "/health", http.NoBody)); w.Code != http.StatusOK {
		t.Errorf("HEAD /health: %d", w.Code)
	}
}

func TestSecurityHeaders(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	for _, url := range []string{"/", "/api/pitot/v1/calls", "/api/pitot/v1/calls?bad=1", "/api/pitot/v1/openapi.yaml", "/jaeger/api/services", "/metrics", "/nothing", "/monitoring/status"} {
		h := a.get(url).Header()
		for name, want := range map[string]string{"X-Content-Type-Options": "nosniff", "X-Frame-Options": "DENY", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
			if got := h.Get(name); got != want {
				t.Errorf("%s: %s is %q", url, name, got)
			}
		}
		if got := h.Get("Access-Control-Allow-Origin"); got != "" {
			t.Errorf("%s: other origins may read: %q", url, got)
		}
	}
}

func TestOrigins(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.UI = fakeUI{} })
	a.events.full()
	const feedback = `{"call_id":"` + callID + `","score":1}`
	for name, c := range map[string]struct {
		method, url string
		header      string // name: value, separated by ;
		want        int
	}{
		"a server":              {"POST", "/api/pitot/v1/feedback", "", 200},
		"our page":              {"POST", "/api/pitot/v1/feedback", "Sec-Fetch-Site: same-origin; Origin: http://example.com", 200},
		"our page, old browser": {"POST", "/api/pitot/v1/feedback", "Origin: http://example.com", 200},
		"a form elsewhere":      {"POST", "/api/pitot/v1/feedback", "Sec-Fetch-Site: cross-site; Sec-Fetch-Mode: navigate; Origin: https://evil.test", 403},
		"another port":          {"POST", "/api/pitot/v1/feedback", "Sec-Fetch-Site: same-site; Origin: http://example.com:3000", 403},
		"old browser elsewhere": {"POST", "/-/reload", "Origin: https://evil.test", 403},
		"metrics from a page":   {"POST", "/api/v1/write", "Sec-Fetch-Site: cross-site", 403},
		"a sandboxed frame":     {"POST", "/-/reload", "Origin: null", 403},
		"reading, a server":     {"GET", "/api/pitot/v1/calls", "", 200},
		"reading, our page":     {"GET", "/api/pitot/v1/calls", "Sec-Fetch-Site: same-origin; Sec-Fetch-Mode: cors", 200},
		"typed":                 {"GET", "/", "Sec-Fetch-Site: none; Sec-Fetch-Mode: navigate", 200},
		"a link elsewhere":      {"GET", "/", "Sec-Fetch-Site: cross-site; Sec-Fetch-Mode: navigate", 200},
		"a script elsewhere":    {"GET", "/api/v1/query", "Sec-Fetch-Site: cross-site; Sec-Fetch-Mode: cors; Origin: https://evil.test", 403},
		"an image elsewhere":    {"GET", "/api/pitot/v1/calls", "Sec-Fetch-Site: cross-site; Sec-Fetch-Mode: no-cors", 403},
		"a script, old browser": {"GET", "/select/logsql/query", "Origin: https://evil.test", 403},
		"a strange origin":      {"GET", "/api/pitot/v1/calls", "Origin: ::", 403},
		"same origin, old":      {"GET", "/api/pitot/v1/calls", "Origin: http://example.com", 200},
	} {
		r := httptest.NewRequest(c.method, c.url, strings.NewReader(feedback))
		for h := range strings.SplitSeq(c.header, "; ") {
			if k, v, ok := strings.Cut(h, ": "); ok {
				r.Header.Set(k, v)
			}
		}
		w := a.do(r)
		if w.Code != c.want {
			t.Errorf("%s: %d, want %d: %s", name, w.Code, c.want, w.Body)
		}
		if c.want == 403 {
			wantError(t, w, http.StatusForbidden, CodeForeignOrigin)
		}
	}
}

func TestPanics(t *testing.T) {
	var log bytes.Buffer
	a := newAPI(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&log, nil))
		o.Ready = func() error { panic("a bug") }
		o.Prometheus = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("a late bug")
		})
		o.Metrics = http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	})
	r := httptest.NewRequest(http.MethodGet, "/-/ready", http.NoBody)
	w := httptest.NewRecorder() // its answer is an error of another shape than the document's text
	a.h.ServeHTTP(w, r)
	wantError(t, w, http.StatusInternalServerError, CodeInternal)
	if strings.Contains(w.Body.String(), "a bug") || !strings.Contains(log.String(), "a bug") || !strings.Contains(log.String(), "api_test.go") {
		t.Errorf("answer %s, log %s", w.Body, log.String())
	}
	for url, says := range map[string]string{"/api/v1/query": "a late bug", "/metrics": ""} {
		log.Reset()
		func() {
			defer func() {
				v := recover()
				if err, ok := v.(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
					t.Errorf("%s: panicked with %v", url, v)
				}
			}()
			w := httptest.NewRecorder()
			a.h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, url, http.NoBody))
			t.Errorf("%s: an answer was cut short and looks whole: %q", url, w.Body)
		}()
		if !strings.Contains(log.String(), says) || says == "" && log.Len() > 0 {
			t.Errorf("%s: the log says %q", url, log.String())
		}
	}
}

// TestWriterKeepsItsPowers: handlers behind the recovery may flush and take the
// connection over.
func TestWriterKeepsItsPowers(t *testing.T) {
	done := make(chan error, 2)
	a := newAPI(t, func(o *Options) {
		o.Prometheus = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if _, ok := w.(http.Flusher); !ok {
				done <- errors.New("no http.Flusher")
				return
			}
			if err := http.NewResponseController(w).Flush(); err != nil {
				done <- err
				return
			}
			done <- nil
		})
		o.Metrics = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			c, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				err = c.Close()
			}
			done <- err
		})
	})
	srv := httptest.NewServer(a.h)
	defer srv.Close()
	for _, path := range []string{"/api/v1/read", "/metrics"} {
		resp, err := srv.Client().Get(srv.URL + path)
		if err == nil {
			resp.Body.Close()
		}
		if err := <-done; err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestDefaults(t *testing.T) {
	a := newAPI(t, func(o *Options) { o.Now, o.Logger = nil, nil })
	a.events.full()
	wantOK(t, a.get("/api/pitot/v1/calls"))
}
