package events

import (
	"bytes"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

// pausing is a transport that holds back the answer to one query.
type pausing struct {
	http.RoundTripper
	match  string
	used   atomic.Bool
	paused chan struct{} // closed when the answer is here
	resume chan struct{}
}

func (p *pausing) RoundTrip(req *http.Request) (*http.Response, error) {
	var body []byte
	if req.Body != nil {
		var err error
		if body, err = io.ReadAll(req.Body); err != nil {
			return nil, err
		}
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	resp, err := p.RoundTripper.RoundTrip(req)
	if err != nil || !strings.Contains(string(body), p.match) || p.used.Swap(true) {
		return resp, err
	}
	whole, err := io.ReadAll(resp.Body)
	resp.Body.Close()
	resp.Body = io.NopCloser(bytes.NewReader(whole))
	close(p.paused)
	<-p.resume
	return resp, err
}

// TestEraseBesideRollup: a rollup that had read a user's calls wrote his name and
// sums after they were erased.
func TestEraseBesideRollup(t *testing.T) {
	s, _ := ownEngine(t)
	r := rand.New(rand.NewPCG(31, 32))
	at := time.Now().UTC().Truncate(time.Hour).Add(-3 * time.Hour)
	var recs []llm.Record
	for i := range 20 {
		c := randomCall(r, at.Add(time.Duration(i)*time.Minute), "svc")
		c.User = []string{"canaryuser", "another"}[i%2]
		recs = append(recs, llm.Record{Call: c})
	}
	insert(t, s, recs...)
	base := s.ep.Client.Transport
	if base == nil {
		base = http.DefaultTransport
	}
	// The first family of totals tells users apart.
	p := &pausing{RoundTripper: base, match: "count%28%29+calls%2C+max%28_time%29", paused: make(chan struct{}), resume: make(chan struct{})}
	client := *s.ep.Client
	client.Transport = p
	s.ep.Client = &client
	rolled := make(chan error, 1)
	go func() {
		_, err := s.Rollup(t.Context())
		rolled <- err
	}()
	<-p.paused
	erased := make(chan error, 1)
	over := atomic.Bool{}
	go func() {
		_, err := s.Erase(t.Context(), Erasure{User: "canaryuser"})
		over.Store(true)
		erased <- err
	}()
	testkit.Eventually(t, "the erasure waits, or has deleted", func() bool {
		return over.Load() || testkit.Blocked("events.(*Store).deleteRows") || testkit.Blocked("events.(*Store).rollupAgain")
	})
	close(p.resume)
	if err := <-rolled; err != nil {
		t.Fatal(err)
	}
	if err := <-erased; err != nil {
		t.Fatal(err)
	}
	if n := countRows(t, s, "{kind "+in(rollupKinds())+`} user:="canaryuser"`); n > 0 {
		t.Errorf("%d rows of totals name the user", n)
	}
	if n := countRows(t, s, "{kind "+in(rollupKinds())+`} user:="another"`); n == 0 {
		t.Error("nothing was rolled up: the test shows nothing")
	}
}
