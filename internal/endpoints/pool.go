package endpoints

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// Options make a Pool. URLs are required.
type Options struct {
	Name   string // of the store, for errors and the log
	URLs   []string
	Client Client
	// Writes says that requests must not be carried out twice.
	Writes bool
	// Health is the path that says whether a URL is well; any answer below 500
	// does. Default /health.
	Health string
	Logger *slog.Logger
	Now    func() time.Time
}

const (
	// checkEvery is how often the health of each URL is asked for, and
	// checkTimeout how long an answer may take.
	checkEvery   = 2 * time.Second
	checkTimeout = 2 * time.Second
	// refusedFor is how long a URL that takes nothing now is left out.
	refusedFor = 5 * time.Second
	// settleFor is how long after a URL answers again what it held back may still
	// have an effect.
	settleFor = 5 * time.Second
	// eachTimeout bounds a request to all URLs.
	eachTimeout = 15 * time.Second
	// maxBody bounds the body of a request that may have to be sent again.
	maxBody = 16 << 20
)

// NotSentError says that a request surely reached no store.
type NotSentError struct{ Err error }

// Error implements error.
func (e *NotSentError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *NotSentError) Unwrap() error { return e.Err }

// NotSent says that nothing was carried out.
func (e *NotSentError) NotSent() bool { return true }

// ErrDown is why a request was given up whose URL stopped answering.
var ErrDown = errors.New("it does not answer any more")

// Pool sends requests to one of several URLs. Its methods may be called from
// any number of goroutines.
type Pool struct {
	opts    Options
	targets []*target
	base    *http.Transport
	next    atomic.Uint64
}

// target is one URL.
type target struct {
	url *url.URL

	mu         sync.Mutex
	down       bool
	hung       bool // down without a refused connection: what it was sent may still be carried out
	since      time.Time
	refused    time.Time // it takes nothing until then
	lastErr    string
	unhung     time.Time // when it answered again
	waiting    map[int]context.CancelCauseFunc
	nextWaiter int
}

// New makes a Pool. Until Run checks them, all URLs count as well.
func New(o Options) (*Pool, error) {
	if len(o.URLs) == 0 {
		return nil, fmt.Errorf("%s: no URL is given", o.Name)
	}
	if err := CheckURLs(o.URLs); err != nil {
		return nil, fmt.Errorf("%s%w", o.Name, err)
	}
	if o.Health == "" {
		o.Health = "/health"
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	p := &Pool{opts: o}
	var err error
	if p.base, err = o.Client.transport(o.Writes); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	for _, s := range o.URLs {
		u, err := url.Parse(strings.TrimRight(s, "/"))
		if err != nil {
			return nil, fmt.Errorf("%s: %w", o.Name, err)
		}
		p.targets = append(p.targets, &target{url: u, since: o.Now(), waiting: map[int]context.CancelCauseFunc{}})
	}
	return p, nil
}

// URL is the base URL that stands for all of them.
func (p *Pool) URL() string { return "http://" + p.opts.Name + ".pitot.internal" }

// HTTP is a client of the Pool: for requests to URL and below it.
func (p *Pool) HTTP() *http.Client { return &http.Client{Transport: p} }

// Close gives up idle connections.
func (p *Pool) Close() { p.base.CloseIdleConnections() }

// order returns the targets to try: the well ones in turn, then the others.
func (p *Pool) order() []*target {
	n := len(p.targets)
	first := int(p.next.Add(1) % uint64(n))
	now := p.opts.Now()
	well, ill := make([]*target, 0, n), []*target(nil)
	for i := range n {
		t := p.targets[(first+i)%n]
		if t.usable(now) {
			well = append(well, t)
		} else {
			ill = append(ill, t)
		}
	}
	if p.opts.Writes {
		if len(well) > 0 {
			return well
		}
		// One that hangs may carry the request out in its own time.
		return slices.DeleteFunc(ill, (*target).hangs)
	}
	return append(well, ill...)
}

func (t *target) usable(now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.down && !now.Before(t.refused)
}

func (t *target) hangs() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.hung
}

// RoundTrip implements http.RoundTripper.
func (p *Pool) RoundTrip(r *http.Request) (*http.Response, error) {
	body, err := readBody(r)
	if err != nil {
		return nil, &NotSentError{err}
	}
	var last error = &NotSentError{ErrDown}
	order := p.order()
	for i, t := range order {
		resp, err := p.send(r, t, body)
		if err == nil && (!p.declined(resp, t) || !p.opts.Writes && i == len(order)-1) {
			return resp, nil
		}
		if err == nil {
			_, _ = io.CopyN(io.Discard, resp.Body, 4<<10)
			resp.Body.Close()
			last = &NotSentError{fmt.Errorf("%s: status %d", t.url.Host, resp.StatusCode)}
			continue
		}
		err = fmt.Errorf("%s: %w", t.url.Host, err)
		if r.Context().Err() != nil {
			return nil, err
		}
		if unsent(err) {
			last = &NotSentError{err}
			t.failed(err, p)
			continue
		}
		last = err
		t.failed(err, p)
		if p.opts.Writes {
			return nil, err
		}
	}
	return nil, last
}

// declined says whether an answer means that the URL takes no requests now.
// Gateways before a store say 502 and 504 of what they may have
// passed on.
func (p *Pool) declined(resp *http.Response, t *target) bool {
	switch resp.StatusCode {
	case http.StatusServiceUnavailable, http.StatusTooManyRequests:
	case http.StatusBadGateway, http.StatusGatewayTimeout:
		if p.opts.Writes {
			return false
		}
	default:
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused = p.opts.Now().Add(refusedFor)
	t.lastErr = fmt.Sprintf("status %d", resp.StatusCode)
	return true
}

// readBody keeps the body of a request so that it can be sent again.
func readBody(r *http.Request) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	defer r.Body.Close()
	b, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err == nil && len(b) > maxBody {
		err = fmt.Errorf("the request is over %d MiB", maxBody>>20)
	}
	return b, err
}

// send makes one attempt at one URL. It is given up when the URL is found down
// before its answer is complete.
func (p *Pool) send(r *http.Request, t *target, body []byte) (*http.Response, error) {
	ctx, cancel := context.WithCancelCause(r.Context())
	done := t.wait(cancel)
	out := r.Clone(ctx)
	p.address(out, t)
	if out.Body = http.NoBody; body != nil {
		out.Body = io.NopCloser(bytes.NewReader(body))
		out.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil }
		out.ContentLength = int64(len(body))
	}
	if p.opts.Writes {
		out.GetBody = nil // net/http would send it again on its own
	}
	resp, err := p.base.RoundTrip(out)
	if err != nil {
		done()
		cause := context.Cause(ctx)
		cancel(nil)
		if errors.Is(cause, ErrDown) {
			return nil, cause
		}
		return nil, err
	}
	resp.Body = &watchedBody{ReadCloser: resp.Body, done: func() { done(); cancel(nil) }}
	return resp, nil
}

// address points a request for the Pool at one of its URLs.
func (p *Pool) address(r *http.Request, t *target) {
	u := *t.url
	u.Path = t.url.Path + r.URL.Path
	u.RawPath = ""
	if r.URL.RawPath != "" {
		u.RawPath = t.url.EscapedPath() + r.URL.RawPath
	}
	u.RawQuery = r.URL.RawQuery
	r.URL, r.Host = &u, u.Host
	c := &p.opts.Client
	for name, value := range c.Headers {
		r.Header.Set(name, value)
	}
	switch {
	case c.BearerToken != "":
		r.Header.Set("Authorization", "Bearer "+c.BearerToken)
	case c.Username != "":
		r.SetBasicAuth(c.Username, c.Password)
	}
}

type watchedBody struct {
	io.ReadCloser
	once sync.Once
	done func()
}

// Close implements io.Closer.
func (b *watchedBody) Close() error {
	err := b.ReadCloser.Close()
	b.once.Do(b.done)
	return err
}

// unsent says whether an error means that no connection came about.
func unsent(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == "dial" {
		return true
	}
	_, badCertificate := errors.AsType[*tls.CertificateVerificationError](err)
	return badCertificate
}

func (t *target) wait(cancel context.CancelCauseFunc) (done func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	id := t.nextWaiter
	t.nextWaiter++
	t.waiting[id] = cancel
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.waiting, id)
	}
}

// failed notes that a URL did not answer.
func (t *target) failed(err error, p *Pool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := p.opts.Now()
	if !t.down {
		t.down, t.since = true, now
		p.opts.Logger.Warn("a store does not answer", "store", p.opts.Name, "url", t.url.Redacted(), "err", err)
	}
	t.lastErr = err.Error()
	// A refused connection says that the process is gone, and with it all that it
	// was sent.
	t.hung = !errors.Is(err, syscall.ECONNREFUSED)
}

// answered notes that a URL answers.
func (t *target) answered(p *Pool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.down {
		return
	}
	now := p.opts.Now()
	if t.hung {
		t.unhung = now
	}
	t.down, t.hung, t.since, t.lastErr = false, false, now, ""
	p.opts.Logger.Info("a store answers again", "store", p.opts.Name, "url", t.url.Redacted())
}

// Run checks the health of each URL until ctx ends.
func (p *Pool) Run(ctx context.Context) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		var wg sync.WaitGroup
		for _, t := range p.targets {
			wg.Go(func() { p.check(ctx, t) })
		}
		wg.Wait()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (p *Pool) check(ctx context.Context, t *target) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.URL()+p.opts.Health, nil)
	if err != nil {
		return
	}
	p.address(req, t)
	resp, err := p.base.RoundTrip(req)
	if err == nil {
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
		resp.Body.Close()
		switch code := resp.StatusCode; {
		case code == http.StatusUnauthorized, code == http.StatusForbidden, code == http.StatusProxyAuthRequired:
			err = fmt.Errorf("status %d: it refuses the credentials of the configuration", code)
		case code == http.StatusMisdirectedRequest:
			err = fmt.Errorf("status %d: it does not answer to this host name", code)
		case code < http.StatusInternalServerError:
			t.answered(p)
			return
		default:
			err = fmt.Errorf("status %d", code)
		}
	}
	if errors.Is(context.Cause(ctx), context.Canceled) {
		return // we stop
	}
	t.failed(err, p)
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, cancel := range t.waiting {
		cancel(ErrDown)
	}
}

// Settled says whether all that was sent has had its effect or never will: no
// URL is hung with requests that it may still carry out.
func (p *Pool) Settled() bool {
	now := p.opts.Now()
	return !slices.ContainsFunc(p.targets, func(t *target) bool {
		t.mu.Lock()
		defer t.mu.Unlock()
		return t.hung || now.Sub(t.unhung) < settleFor
	})
}

// Each sends a request without a body to every URL, and returns the first error.
// URLs whose process is gone are left out unless all are.
func (p *Pool) Each(ctx context.Context, method, path string) error {
	var errs []error
	gone := 0
	ctx, cancel := context.WithTimeout(ctx, eachTimeout)
	defer cancel()
	for _, t := range p.targets {
		req, err := http.NewRequestWithContext(ctx, method, p.URL()+path, nil)
		if err != nil {
			return err
		}
		p.address(req, t)
		resp, err := p.base.RoundTrip(req)
		if errors.Is(err, syscall.ECONNREFUSED) && gone+1 < len(p.targets) {
			gone++
			continue
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", t.url.Host, err))
			continue
		}
		_, _ = io.CopyN(io.Discard, resp.Body, 64<<10)
		resp.Body.Close()
		if resp.StatusCode/100 != 2 {
			errs = append(errs, fmt.Errorf("%s: status %d", t.url.Host, resp.StatusCode))
		}
	}
	return errors.Join(errs...)
}

// Status is how a URL is doing.
type Status struct {
	URL   string
	Up    bool
	Since time.Time
	Error string
}

// Status returns how each URL is doing, in the order of the configuration.
func (p *Pool) Status() []Status {
	now := p.opts.Now()
	out := make([]Status, 0, len(p.targets))
	for _, t := range p.targets {
		up := t.usable(now)
		t.mu.Lock()
		out = append(out, Status{URL: t.url.Redacted(), Up: up, Since: t.since, Error: t.lastErr})
		t.mu.Unlock()
	}
	return out
}
