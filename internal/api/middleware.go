package api

import (
	"errors"
	"net/http"
	"net/url"
	"runtime/debug"
)

// protected refuses requests that come from pages of other origins. Writing
// ones, so that a form elsewhere cannot reload, judge or write metrics; and
// reading ones that a script sends, because the APIs behind Pitot's port may let
// every origin read their answers, and prompts are sensitive data. Following a
// link to Pitot stays possible.
func protected(next http.Handler) http.Handler {
	deny := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		writeError(w, &Error{http.StatusForbidden, CodeForeignOrigin, "the request comes from a page of another origin", "call the API from the server side, or from Pitot's own page"})
	})
	writes := http.NewCrossOriginProtection()
	writes.SetDenyHandler(deny)
	next = writes.Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if foreignScript(r) {
			deny(w, r)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Protected is protected for what is served before the API on its port.
func Protected(next http.Handler) http.Handler { return protected(next) }

// foreignScript reports whether a script of another origin sent r. Clients that
// are no browsers send neither header.
func foreignScript(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return r.Header.Get("Sec-Fetch-Mode") != "navigate"
	case "":
		origin := r.Header.Get("Origin")
		if origin == "" {
			return false
		}
		u, err := url.Parse(origin)
		return err != nil || u.Host != r.Host
	}
	return false
}

// secured sets the headers that keep answers out of foreign frames and caches.
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
		t := &trackedWriter{ResponseWriter: w}
		defer func() {
			v := recover()
			if v == nil {
				return
			}
			if err, ok := v.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(v) // the way to cut an answer short
			}
			s.Logger.Error("handler panicked", "path", r.URL.Path, "panic", v, "stack", string(debug.Stack()))
			if t.began {
				panic(http.ErrAbortHandler) // half an answer must not look whole
			}
			writeError(w, &Error{http.StatusInternalServerError, CodeInternal, "the server failed on this request", "see the server's log, and report it"})
		}()
		next.ServeHTTP(t, r)
	})
}

// trackedWriter knows whether the answer has begun.
type trackedWriter struct {
	http.ResponseWriter
	began  bool
	status int // 0 where nothing was written
	// first is called before the first byte of the answer; may be nil.
	first func(status int)
}

func (w *trackedWriter) WriteHeader(status int) {
	if status >= 200 {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *trackedWriter) begin(status int) {
	w.began = true
	if w.status != 0 {
		return
	}
	w.status = status
	if w.first != nil {
		w.first(status)
	}
}

func (w *trackedWriter) Write(b []byte) (int, error) {
	w.begin(http.StatusOK)
	return w.ResponseWriter.Write(b)
}

// Flush serves handlers that look for an http.Flusher.
func (w *trackedWriter) Flush() { _ = w.FlushError() }

// FlushError is Flush for http.ResponseController.
func (w *trackedWriter) FlushError() error {
	w.begin(http.StatusOK)
	return http.NewResponseController(w.ResponseWriter).Flush()
}

// Unwrap serves http.ResponseController.
func (w *trackedWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
