package endpoints

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a store that can be told how to behave.
type store struct {
	*httptest.Server
	got    atomic.Int64
	status atomic.Int64
	hold   chan struct{} // requests other than health wait for it
}

func newStore(t *testing.T) *store {
	s := &store{}
	s.status.Store(http.StatusOK)
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/health" {
			_, _ = io.Copy(io.Discard, r.Body)
			s.got.Add(1)
			if s.hold != nil {
				select {
				case <-s.hold:
				case <-r.Context().Done():
				}
			}
		}
		w.WriteHeader(int(s.status.Load()))
		_, _ = io.WriteString(w, r.Header.Get("Authorization"))
	}))
	t.Cleanup(s.Close)
	return s
}

// gone is the URL of a store that does not run.
func gone(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return "http://" + l.Addr().String()
}

func newPool(t *testing.T, writes bool, urls ...string) *Pool {
	t.Helper()
	p, err := New(Options{Name: "test", URLs: urls, Writes: writes, Client: Client{Username: "u", Password: "p"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

func send(t *testing.T, p *Pool) (int, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL()+"/x", strings.NewReader("rows"))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := p.HTTP().Do(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err == nil && !strings.HasPrefix(string(b), "Basic ") {
		t.Errorf("no credentials were sent: %q", b)
	}
	return resp.StatusCode, err
}

func TestPoolTakesTurns(t *testing.T) {
	a, b := newStore(t), newStore(t)
	p := newPool(t, true, a.URL, b.URL)
	for range 10 {
		if _, err := send(t, p); err != nil {
			t.Fatal(err)
		}
	}
	if a.got.Load() != 5 || b.got.Load() != 5 {
		t.Errorf("%d and %d requests", a.got.Load(), b.got.Load())
	}
}

func TestPoolGoesRoundWhatIsGone(t *testing.T) {
	for _, writes := range []bool{false, true} {
		a := newStore(t)
		p := newPool(t, writes, gone(t), a.URL, gone(t))
		for range 9 {
			if _, err := send(t, p); err != nil {
				t.Fatal(err)
			}
		}
		if !p.Settled() {
			t.Error("a refused connection leaves nothing behind")
		}
	}
}

func TestPoolGoesRoundWhatDeclines(t *testing.T) {
	a, b := newStore(t), newStore(t)
	a.status.Store(http.StatusServiceUnavailable)
	p := newPool(t, true, a.URL, b.URL)
	for range 6 {
		if status, err := send(t, p); err != nil || status != http.StatusOK {
			t.Fatal(status, err)
		}
	}
	if a.got.Load() != 1 {
		t.Errorf("one that takes nothing was asked %d times", a.got.Load())
	}
}

func TestPoolSaysWhatWasNotSent(t *testing.T) {
	p := newPool(t, true, gone(t), gone(t))
	_, err := send(t, p)
	if n, ok := errors.AsType[*NotSentError](err); !ok || !n.NotSent() {
		t.Errorf("%v is not known to have no effect", err)
	}
}

// A write that may have been carried out goes nowhere else.
func TestPoolWritesOnce(t *testing.T) {
	a, b := newStore(t), newStore(t)
	a.hold = make(chan struct{})
	defer close(a.hold)
	p := newPool(t, true, a.URL, b.URL)
	var failed error
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.URL()+"/x", strings.NewReader("rows"))
		if err != nil {
			t.Fatal(err)
		}
		resp, err := p.HTTP().Do(req)
		if err == nil {
			resp.Body.Close()
		} else {
			failed = err
		}
		cancel()
	}
	if _, ok := errors.AsType[*NotSentError](failed); ok || failed == nil {
		t.Errorf("%v: want an error that leaves open what happened", failed)
	}
	if a.got.Load() != 1 || b.got.Load() != 1 {
		t.Errorf("%d and %d requests", a.got.Load(), b.got.Load())
	}
}

// What hangs is found by its health check: what waits for it is given up, reads
// go elsewhere, and it is not settled before it has answered for a while.
func TestPoolFindsWhatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, answers nothing
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	b := newStore(t)
	now := time.Now()
	p, err := New(Options{Name: "test", URLs: []string{"http://" + l.Addr().String(), b.URL}, Client: Client{Username: "u", Password: "p"}, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	checked := make(chan struct{})
	go func() {
		defer close(checked)
		p.check(t.Context(), p.targets[0])
	}()
	for range 2 {
		if _, err := send(t, p); err != nil {
			t.Fatal(err)
		}
	}
	<-checked
	if b.got.Load() != 2 {
		t.Errorf("%d requests went to the one that answers", b.got.Load())
	}
	if p.Settled() {
		t.Error("what hangs may still do what it was told")
	}
	p.targets[0].answered(p)
	if p.Settled() {
		t.Error("it has only just answered")
	}
	now = now.Add(settleFor)
	if !p.Settled() {
		t.Error("it has answered for a while")
	}
}

func TestPoolTriesWhenAllAreDown(t *testing.T) {
	a := newStore(t)
	p := newPool(t, false, a.URL)
	p.targets[0].failed(errors.New("timeout"), p)
	if _, err := send(t, p); err != nil {
		t.Errorf("health is a guess: %v", err)
	}
	w := newPool(t, true, a.URL)
	w.targets[0].failed(errors.New("timeout"), w)
	if _, err := send(t, w); err == nil {
		t.Error("a write went to one that hangs")
	}
}

func TestPoolEach(t *testing.T) {
	a, b := newStore(t), newStore(t)
	p := newPool(t, true, a.URL, b.URL, gone(t))
	if err := p.Each(t.Context(), http.MethodPost, "/flush"); err != nil || a.got.Load() != 1 || b.got.Load() != 1 {
		t.Errorf("%v, %d and %d requests", err, a.got.Load(), b.got.Load())
	}
	b.status.Store(http.StatusInternalServerError)
	if err := p.Each(t.Context(), http.MethodPost, "/flush"); err == nil {
		t.Error("one failed")
	}
}

func TestCheckURLs(t *testing.T) {
	for _, bad := range []string{"", "node:9428", "ftp://node", "http://", "http://u:p@node", "http://node?x=1"} {
		if err := CheckURL(bad); err == nil || strings.Contains(err.Error(), ":p@") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if err := CheckURLs([]string{"http://a", "http://a/"}); err == nil {
		t.Error("the same twice")
	}
	if err := CheckURLs([]string{"http://a:1/prefix", "https://b"}); err != nil {
		t.Error(err)
	}
}

func TestClientValidate(t *testing.T) {
	for _, c := range []struct {
		c    Client
		want string
	}{
		{Client{Username: "u", BearerToken: "t"}, "bearer_token"},
		{Client{Password: "p"}, "username is missing"},
		{Client{Headers: map[string]string{"a b": "c"}}, "headers"},
		{Client{TLS: TLS{CertFile: "x"}}, "cert_file"},
		{Client{TLS: TLS{CAFile: "/does/not/exist"}}, "ca_file"},
		{Client{}, ""},
	} {
		err := c.c.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.c, err, c.want)
		}
	}
}

// Of a read that nobody answers well the last answer is passed on: it says why.
func TestPoolPassesOnWhyNobodyAnswers(t *testing.T) {
	a, b := newStore(t), newStore(t)
	a.status.Store(http.StatusBadGateway)
	b.status.Store(http.StatusBadGateway)
	p := newPool(t, false, a.URL, b.URL)
	if status, err := send(t, p); err != nil || status != http.StatusBadGateway || a.got.Load()+b.got.Load() != 2 {
		t.Errorf("%d, %v, %d requests", status, err, a.got.Load()+b.got.Load())
	}
}

// TestPoolSeesWhatRefuses: a store that turns the configuration's credentials away
// answers, and is of no use.
func TestPoolSeesWhatRefuses(t *testing.T) {
	for status, up := range map[int]bool{
		http.StatusOK: true, http.StatusNotFound: true, http.StatusUnauthorized: false, http.StatusForbidden: false,
		http.StatusMisdirectedRequest: false, http.StatusServiceUnavailable: false,
	} {
		s := newStore(t)
		s.status.Store(int64(status))
		p := newPool(t, false, s.URL)
		p.check(t.Context(), p.targets[0])
		if st := p.Status()[0]; st.Up != up || up == (st.Error != "") {
			t.Errorf("health says %d: %+v", status, st)
		}
	}
}
