package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/purse"
	"github.com/pitot-dev/pitot/internal/wire"
)

// ServiceName is the service of the calls that probes make.
const ServiceName = "pitot-probe"

// TagName is the tag that names the probe on its calls.
const TagName = "probe"

// maxAnswer bounds what is read of an answer.
const maxAnswer = 1 << 20

// Upstream is what a probe must know of an upstream.
type Upstream struct {
	Dialect  wire.Dialect
	Provider string
}

// Options are what a Prober needs.
type Options struct {
	Config Config
	// Gateway is the base URL of the gateway: requests go to {Gateway}/{upstream}/...
	Gateway string
	// Upstreams finds an upstream of the gateway by name.
	Upstreams func(name string) (Upstream, bool)
	// Client sends the requests; default one of its own.
	Client *http.Client
	// StateFile keeps what was spent today over restarts; empty keeps nothing.
	StateFile  string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Prober runs probes.
type Prober struct {
	gateway   string
	upstreams func(string) (Upstream, bool)
	client    *http.Client
	log       *slog.Logger
	metrics   *probeMetrics
	purse     *purse.Purse

	changed chan struct{} // told of a new configuration

	mu      sync.Mutex
	targets []Target
	state   map[string]*Status
}

// Status is how a probe fares.
type Status struct {
	Name     string `json:"name"`
	Upstream string `json:"upstream"`
	Provider string `json:"provider,omitempty"`
	Model    string `json:"model"`
	// State is waiting, ok, wrong (an answer that is not the expected one),
	// failed (no answer), paused (the cap is reached).
	State           string           `json:"state"`
	Detail          string           `json:"detail,omitempty"`
	Last            time.Time        `json:"last,omitzero"`
	CallID          string           `json:"call_id,omitempty"`
	HTTPStatus      int              `json:"http_status,omitempty"`
	DurationSeconds llm.Opt[float64] `json:"duration_seconds,omitzero"`
	TTFTSeconds     llm.Opt[float64] `json:"ttft_seconds,omitzero"`
	TPOTSeconds     llm.Opt[float64] `json:"tpot_seconds,omitzero"`
	SpentTodayUSD   float64          `json:"spent_today_usd"`
	CapUSD          float64          `json:"cap_usd"`
	Unpriced        int64            `json:"unpriced_calls_today,omitempty"`
	Counts          map[string]int64 `json:"counts"` // since the start, by state
}

// The states of a probe.
const (
	StateWaiting = "waiting"
	StateOK      = "ok"
	StateWrong   = "wrong"
	StateFailed  = "failed"
	StatePaused  = "paused"
)

// New returns a Prober. Run starts it.
func New(o Options) (*Prober, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 4, IdleConnTimeout: time.Minute}}
	}
	p := &Prober{
		gateway: strings.TrimSuffix(o.Gateway, "/"), upstreams: o.Upstreams, client: o.Client, log: o.Logger,
		metrics: newProbeMetrics(o.Registerer), purse: purse.New(o.StateFile), changed: make(chan struct{}, 1), state: map[string]*Status{},
	}
	if err := p.Reload(o.Config); err != nil {
		return nil, err
	}
	return p, nil
}

// Reload replaces the probes. On error the old ones stay.
func (p *Prober) Reload(c Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("probes: %w", err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	caps := map[string]float64{}
	old := p.state
	p.targets, p.state = nil, map[string]*Status{}
	for _, t := range c.Targets {
		t = t.complete()
		if t.MaxUSDPerDay > 0 {
			caps[t.Name] = t.MaxUSDPerDay
		}
		p.targets = append(p.targets, t)
		st := &Status{Name: t.Name, Upstream: t.Upstream, Model: t.Model, State: StateWaiting, Counts: map[string]int64{}}
		if was := old[t.Name]; was != nil && was.Upstream == t.Upstream && was.Model == t.Model {
			st = was
		}
		p.state[t.Name] = st
	}
	p.purse.Limits(c.MaxUSDPerDay, caps)
	p.metrics.keep(p.state)
	select {
	case p.changed <- struct{}{}:
	default:
	}
	return nil
}

// Run probes until ctx ends.
func (p *Prober) Run(ctx context.Context) {
	for ctx.Err() == nil {
		round, stop := context.WithCancel(ctx)
		p.mu.Lock()
		targets := p.targets
		p.mu.Unlock()
		var wg sync.WaitGroup
		for i := range targets {
			wg.Go(func() { p.repeat(round, &targets[i]) })
		}
		select {
		case <-ctx.Done():
		case <-p.changed:
		}
		stop()
		wg.Wait()
	}
	p.purse.Save(time.Now())
}

// repeat runs one probe at its interval. The first run comes at a random time
// within it, so that many probes do not run at once.
func (p *Prober) repeat(ctx context.Context, t *Target) {
	interval := time.Duration(t.Interval)
	wait := rand.N(min(interval, 10*time.Second))
	for {
		timer := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
		}
		began := time.Now()
		p.Probe(ctx, t.Name)
		wait = max(0, interval-time.Since(began))
	}
}

// result is what one run found.
type result struct {
	state, detail string
	call          *llm.Call
	skipped       bool // nothing was asked
}

// Probe runs the probe of that name now, and returns how it fares; false where
// there is none of that name.
func (p *Prober) Probe(ctx context.Context, name string) (Status, bool) {
	p.mu.Lock()
	var t *Target
	for i := range p.targets {
		if p.targets[i].Name == name {
			t = &p.targets[i]
		}
	}
	p.mu.Unlock()
	if t == nil {
		return Status{}, false
	}
	began := time.Now()
	up, known := p.upstreams(t.Upstream)
	var r result
	switch {
	case !known:
		r = result{state: StateFailed, detail: fmt.Sprintf("the gateway has no upstream %q: name one of gateway.upstreams", t.Upstream)}
	default:
		if err := p.purse.Begin(name, began); err != nil {
			r = result{state: StatePaused, detail: err.Error(), skipped: true}
			break
		}
		r = p.ask(ctx, t, up)
		if ctx.Err() != nil && r.state == StateFailed {
			return p.status(name), true // stopped, not failed
		}
	}
	p.metrics.observe(t, up.Provider, r)
	p.note(name, up.Provider, began, r)
	return p.status(name), true
}

func (p *Prober) status(name string) Status {
	for _, s := range p.Status() {
		if s.Name == name {
			return s
		}
	}
	return Status{Name: name, State: StateWaiting}
}

// note keeps what a run found, and logs when a probe's state changes.
func (p *Prober) note(name, provider string, at time.Time, r result) {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := p.state[name]
	if st == nil {
		return // taken out meanwhile
	}
	if st.State != r.state {
		level := slog.LevelInfo
		if r.state != StateOK {
			level = slog.LevelWarn
		}
		p.log.Log(context.Background(), level, "a probe has changed", "probe", name, "from", st.State, "to", r.state, "detail", r.detail)
	}
	st.Provider, st.State, st.Detail, st.Last = provider, r.state, r.detail, at.UTC()
	st.Counts[r.state]++
	st.CallID, st.HTTPStatus = "", 0
	st.DurationSeconds, st.TTFTSeconds, st.TPOTSeconds = llm.Opt[float64]{}, llm.Opt[float64]{}, llm.Opt[float64]{}
	if c := r.call; c != nil {
		st.CallID, st.HTTPStatus, st.DurationSeconds = c.ID, c.HTTPStatus, llm.Some(c.Duration.Seconds())
		st.TTFTSeconds, st.TPOTSeconds = seconds(c.TTFT), seconds(c.TPOT())
	}
}

func seconds(d llm.Opt[time.Duration]) llm.Opt[float64] {
	if v, ok := d.Get(); ok {
		return llm.Some(v.Seconds())
	}
	return llm.Opt[float64]{}
}

// Status is how every probe fares, in the order of the configuration.
func (p *Prober) Status() []Status {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make([]Status, 0, len(p.targets))
	for i := range p.targets {
		name := p.targets[i].Name
		st := *p.state[name]
		st.SpentTodayUSD, st.CapUSD, st.Unpriced = p.purse.Spent(name, now)
		st.Counts = maps.Clone(st.Counts)
		out = append(out, st)
	}
	return out
}

// ObserveCall takes what the pipeline found a probe's call to cost. Other calls
// are none of its business.
func (p *Prober) ObserveCall(c *llm.Call) {
	if c.Service != ServiceName {
		return
	}
	name := c.Tags[TagName]
	if name == "" {
		return
	}
	usd, priced := c.Cost.USD.Get()
	// A call that failed before it reached a model costs nothing and has no price.
	p.purse.Pay(name, time.Now(), usd, priced || c.Status == llm.StatusError)
	if priced {
		p.metrics.cost.WithLabelValues(name).Add(usd)
	}
}

// ask makes one call through the gateway and judges the answer.
func (p *Prober) ask(ctx context.Context, t *Target, up Upstream) result {
	q, err := t.question(up.Dialect)
	if err != nil {
		return result{state: StateFailed, detail: err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(t.Timeout))
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.gateway+"/"+t.Upstream+q.path, bytes.NewReader(q.body))
	if err != nil {
		return result{state: StateFailed, detail: err.Error()}
	}
	for k, v := range t.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Pitot-Service", ServiceName)
	req.Header.Set("X-Pitot-Tag-"+TagName, t.Name)
	if up.Dialect == wire.Anthropic && req.Header.Get("Anthropic-Version") == "" {
		req.Header.Set("Anthropic-Version", "2023-06-01")
	}
	c, err := p.exchange(req, q, up)
	return t.judge(c, err)
}

// exchange sends the request and decodes the answer as it arrives.
func (p *Prober) exchange(req *http.Request, q question, up Upstream) (*llm.Call, error) {
	start := time.Now()
	rest, _, _ := strings.Cut(q.path, "?")
	route, ok := wire.Match(up.Dialect, req.Method, path.Clean(rest))
	if !ok {
		return nil, fmt.Errorf("%s is not the path of a call of a model: leave path out, or name a chat API's", rest)
	}
	c := &llm.Call{Time: start.UTC(), Provider: up.Provider, Operation: route.Operation, RequestModel: route.Model, Stream: route.Stream, Status: llm.StatusOK}
	wire.DecodeRequest(route, req.Header, q.body, c)
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	c.HTTPStatus = resp.StatusCode
	dec := wire.NewDecoder(route, resp.StatusCode, resp.Header, c, wire.Options{})
	body := io.LimitReader(resp.Body, maxAnswer)
	buf := make([]byte, 16<<10)
	for {
		n, err := body.Read(buf)
		if n > 0 {
			dec.Write(buf[:n], time.Since(start))
		}
		if err != nil {
			c.Duration = time.Since(start)
			if errors.Is(err, io.EOF) {
				err = nil
			}
			dec.Close(c.Duration, err)
			return c, err
		}
	}
}

// judge turns an exchange into a result.
func (t *Target) judge(c *llm.Call, err error) result {
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return result{state: StateFailed, detail: fmt.Sprintf("no whole answer within %v", t.Timeout), call: c}
	case err != nil:
		return result{state: StateFailed, detail: err.Error(), call: c}
	case c.Status == llm.StatusError:
		detail := c.ErrorType
		if c.ErrorMessage != "" {
			detail += ": " + c.ErrorMessage
		}
		return result{state: StateFailed, detail: detail, call: c}
	}
	if ok, why := t.correct(answer(c)); !ok {
		return result{state: StateWrong, detail: why, call: c}
	}
	return result{state: StateOK, call: c}
}

// answer is the text that the model wrote.
func answer(c *llm.Call) string {
	var b strings.Builder
	for _, m := range c.Output {
		for _, part := range m.Parts {
			if part.Type == llm.PartText {
				b.WriteString(part.Content)
			}
		}
	}
	return b.String()
}
