package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/pprof"
	"net/netip"
	"runtime/trace"
	"strconv"
	"sync"
	"time"
)

const (
	// flightAge and flightBytes bound what is kept of the past.
	flightAge   = 15 * time.Second
	flightBytes = 32 << 20
	// maxFlight is the longest trace that is made on demand.
	maxFlight     = 60
	defaultFlight = 5
)

// debugPages serves profiles and traces of the program.
type debugPages struct {
	s   *Server
	mux *http.ServeMux
	// mu is held while a trace is made: there can be one at a time.
	mu     sync.Mutex
	flight *trace.FlightRecorder // nil unless it records at all times
}

// buildDebug makes the pages, and begins to record where that is wanted.
func (s *Server) buildDebug() error {
	d := &debugPages{s: s, mux: http.NewServeMux()}
	d.mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	d.mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	d.mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	d.mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	d.mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	d.mux.HandleFunc("GET /debug/flight", d.serveFlight)
	if s.opts.Flight {
		d.flight = trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: flightAge, MaxBytes: flightBytes})
		if err := d.flight.Start(); err != nil {
			return fmt.Errorf("flight recorder: %w", err)
		}
	}
	s.debug = d
	return nil
}

func (d *debugPages) close() {
	if d.flight != nil {
		d.flight.Stop()
	}
}

// debugHandler serves the pages to who may see them: with --debug to all that
// the API port lets in, else to programs of this machine. Where people must log in
// the API port lets administrators in, wherever they are.
func (s *Server) debugHandler() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.opts.Debug && !s.auth.Enabled() && !s.local(r) {
			failDebug(w, http.StatusForbidden, "profiles are for programs of this machine", "ask from there, or start the server with --debug")
			return
		}
		s.debug.mux.ServeHTTP(w, r)
	})
}

// local says whether a request is from this machine and was not passed on by a
// proxy.
func (s *Server) local(r *http.Request) bool {
	for _, name := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via"} {
		if r.Header.Get(name) != "" {
			return false
		}
	}
	ap, err := netip.ParseAddrPort(r.RemoteAddr)
	return err == nil && ap.Addr().Unmap().IsLoopback()
}

// serveFlight answers a trace of the last seconds or, where they were not
// recorded, of the next ones. go tool trace reads it.
func (d *debugPages) serveFlight(w http.ResponseWriter, r *http.Request) {
	seconds := defaultFlight
	if text := r.URL.Query().Get("seconds"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > maxFlight {
			failDebug(w, http.StatusBadRequest, "seconds is not valid", fmt.Sprintf("allowed: a whole number from 1 to %d", maxFlight))
			return
		}
		seconds = n
	}
	if !d.mu.TryLock() {
		failDebug(w, http.StatusServiceUnavailable, "another trace is being made", "ask again when it is done")
		return
	}
	defer d.mu.Unlock()
	flight := d.flight
	if flight == nil {
		flight = trace.NewFlightRecorder(trace.FlightRecorderConfig{MinAge: time.Duration(seconds+1) * time.Second, MaxBytes: 4 * flightBytes})
		if err := flight.Start(); err != nil {
			failDebug(w, http.StatusServiceUnavailable, err.Error(), "ask again when the other trace is done")
			return
		}
		defer flight.Stop()
		select {
		case <-time.After(time.Duration(seconds) * time.Second):
		case <-r.Context().Done():
			return
		}
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Content-Disposition", `attachment; filename="pitot-`+time.Now().UTC().Format("20060102T150405Z")+`.trace"`)
	if _, err := flight.WriteTo(w); err != nil && !errors.Is(err, r.Context().Err()) {
		d.s.component("debug").Warn("a trace was cut", "err", err)
	}
}

func failDebug(w http.ResponseWriter, status int, message, hint string) {
	code := map[int]string{http.StatusForbidden: "forbidden", http.StatusBadRequest: "bad_parameter"}[status]
	if code == "" {
		code = "overloaded"
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"error": map[string]string{"code": code, "message": message, "hint": hint}}) // an encoding error means that the client is gone
}
