package events

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"
)

// TestClusterRequests: what goes to a cluster says when it is too late, and
// whether nodes may be missing.
func TestClusterRequests(t *testing.T) {
	var fence, partial []string
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/insert/jsonline" {
			fence = append(fence, r.Header.Get(NotAfterHeader))
			return
		}
		partial = append(partial, r.FormValue("allow_partial_response"))
	}))
	defer srv.Close()
	flushed := 0
	s, err := New(Endpoint{InsertURL: srv.URL, Cluster: &Cluster{AllowPartial: true, Flush: func(context.Context) error { flushed++; return nil }}}, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.insert(t.Context(), []byte("{}\n")); err != nil {
		t.Fatal(err)
	}
	ms, err := strconv.ParseInt(fence[0], 10, 64)
	if d := time.Until(time.UnixMilli(ms)); err != nil || d <= 0 || d > insertTimeout {
		t.Errorf("an insert is too late in %v (%v)", d, err)
	}
	now := time.Now()
	if _, err := s.Present(t.Context(), []string{"x"}, now, now); err != nil {
		t.Fatal(err)
	}
	if flushed != 0 {
		t.Error("looking up flushes a cluster")
	}
	if _, err := s.rows(t.Context(), request{op: "t", query: "*", r: Range{now, now}}); err != nil {
		t.Fatal(err)
	}
	if len(partial) != 2 || partial[0] != "0" || partial[1] != "1" {
		t.Errorf("partial answers: %q", partial)
	}
	if err := s.Flush(t.Context()); err != nil || flushed != 1 {
		t.Errorf("%v, flushed %d times", err, flushed)
	}
}

type unsent struct{ error }

func (unsent) NotSent() bool { return true }

func TestUnavailableSaysWhetherItWasSent(t *testing.T) {
	if !(&UnavailableError{Op: "x", Err: unsent{errors.New("no connection")}}).NotSent() {
		t.Error("it was not sent")
	}
	if (&UnavailableError{Op: "x", Err: errors.New("timeout")}).NotSent() {
		t.Error("it may have been sent")
	}
}

func TestOnlyTheLeaderRollsUp(t *testing.T) {
	asked := 0
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			asked++
		}
	}))
	defer srv.Close()
	s, err := New(Endpoint{InsertURL: srv.URL}, Options{Leads: func() bool { return false }})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := s.RunRollups(ctx, 20*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if asked != 0 {
		t.Errorf("another replica leads, and this one asked %d times", asked)
	}
}
