package quality

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/purse"
)

// Sink is where judgements go.
type Sink interface {
	// Score counts a judgement in the metrics alone.
	Score(f *llm.Feedback)
	// Keep stores judgements as feedback, and counts them.
	Keep(ctx context.Context, fs []*llm.Feedback) error
}

// Options are what Quality needs. Sink is required; Gateway and Upstreams are
// where there are judges.
type Options struct {
	Config Config
	Sink   Sink
	// Gateway is the base URL of the gateway: judges are asked at
	// {Gateway}/{upstream}/...
	Gateway string
	// Upstreams finds the dialect of an upstream of the gateway by its name.
	Upstreams func(name string) (dialect string, ok bool)
	// Mask hides secrets in what judges see; nil hides nothing.
	Mask func(string) string
	// Client asks judges; default one of its own.
	Client *http.Client
	// StateFile keeps what was spent today over restarts; empty keeps nothing.
	StateFile  string
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
}

const (
	// queueSize is how many answers wait for the rules, 10 to 200 KB each.
	queueSize = 512
	// judgeQueue is how many wait for one judge.
	judgeQueue = 64
	// workers judge by rules.
	workers = 2
	// maxAge is how long after its end a Call is still judged: the metrics count
	// now, and a backlog of days would look like an incident of today.
	maxAge = time.Hour
)

// Quality judges answers. It is safe for concurrent use.
type Quality struct {
	o       Options
	gateway string
	log     *slog.Logger
	metrics *qualityMetrics
	purse   *purse.Purse
	queue   chan job
	state   atomic.Pointer[state]
	running atomic.Bool
	changed chan struct{}

	drawn atomic.Int64 // answers that the rules were to judge

	mu      sync.Mutex
	status  map[string]*Status
	sampled map[string]*atomic.Int64 // by judge
	tallies map[string]*tally        // by rule
	dropped map[string]int64         // by reason
	minute  time.Time                // of the limit of what is kept
	kept    int
}

// state is what a reload exchanges.
type state struct {
	config Config
	rules  *Rules
	judges []*bench
}

// bench is a judge with those that wait for it.
type bench struct {
	Judge
	queue   chan *llm.Call
	sampled *atomic.Int64
}

// job is an answer to judge.
type job struct {
	call   *llm.Call
	rules  bool
	judges []*bench
}

// New returns a Quality. Run starts it.
func New(o Options) (*Quality, error) {
	if o.Sink == nil {
		return nil, errors.New("quality: a sink is required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Client == nil {
		o.Client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 8, IdleConnTimeout: time.Minute}}
	}
	if o.Upstreams == nil {
		o.Upstreams = func(string) (string, bool) { return "", false }
	}
	q := &Quality{
		o: o, gateway: strings.TrimSuffix(o.Gateway, "/"), log: o.Logger, purse: purse.New(o.StateFile),
		queue: make(chan job, queueSize), changed: make(chan struct{}, 1),
		status: map[string]*Status{}, sampled: map[string]*atomic.Int64{}, tallies: map[string]*tally{}, dropped: map[string]int64{},
	}
	var err error
	if q.metrics, err = newMetrics(q, o.Registerer); err != nil {
		return nil, err
	}
	if err := q.Reload(o.Config); err != nil {
		return nil, err
	}
	return q, nil
}

// Reload replaces the rules and the judges. On error the old ones stay. Answers
// that wait for an old judge are not judged by it any more.
func (q *Quality) Reload(c Config) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("quality: %w", err)
	}
	s := &state{config: c, rules: NewRules(&c)}
	caps := map[string]float64{}
	q.mu.Lock()
	old := q.status
	q.status = map[string]*Status{}
	for _, j := range c.Judges {
		j = j.complete()
		st := &Status{Name: j.Name, Upstream: j.Upstream, Model: j.Model, State: "waiting", Counts: map[string]int64{}}
		if was := old[j.Name]; was != nil && was.Upstream == j.Upstream && was.Model == j.Model {
			st = was
		} else {
			q.sampled[j.Name] = new(atomic.Int64)
		}
		q.status[j.Name] = st
		s.judges = append(s.judges, &bench{Judge: j, queue: make(chan *llm.Call, judgeQueue), sampled: q.sampled[j.Name]})
		if j.MaxUSDPerDay > 0 {
			caps[j.Name] = j.MaxUSDPerDay
		}
	}
	q.mu.Unlock()
	q.purse.Limits(c.MaxUSDPerDay, caps)
	q.state.Store(s)
	select {
	case q.changed <- struct{}{}:
	default:
	}
	return nil
}

// ObserveCall takes a copy of a Call whose answer is to be judged, and books what
// a judge's own Call cost. It never waits.
func (q *Quality) ObserveCall(c *llm.Call) {
	if c.Service == ServiceName {
		q.pay(c)
		return
	}
	if !q.running.Load() || !judgeable(c) || q.o.Now().Sub(c.Time.Add(c.Duration)) > maxAge {
		return
	}
	s := q.state.Load()
	id := c.TraceID
	if id == "" {
		id = c.ID
	}
	draw := float64(xxhash.Sum64String(id)) / math.MaxUint64
	j := job{rules: draw < s.config.Share}
	for _, b := range s.judges {
		if draw < b.Share && b.takes(c) && contentKnown(c) {
			b.sampled.Add(1)
			j.judges = append(j.judges, b)
		}
	}
	if j.rules {
		q.drawn.Add(1)
	} else if len(j.judges) == 0 {
		return
	}
	if len(q.queue) == cap(q.queue) { // before the copy, which costs
		q.drop(dropQueue, 1)
		return
	}
	j.call = snapshot(c, len(j.judges) > 0)
	select {
	case q.queue <- j:
	default:
		q.drop(dropQueue, 1)
	}
}

// pay takes what the pipeline found a judge's call to cost.
func (q *Quality) pay(c *llm.Call) {
	name := c.Tags[TagName]
	if name == "" {
		return
	}
	usd, priced := c.Cost.USD.Get()
	// A call that failed before it reached a model costs nothing and has no price.
	q.purse.Pay(name, q.o.Now(), usd, priced || c.Status == llm.StatusError)
	if priced {
		q.metrics.cost.WithLabelValues(name).Add(usd)
	}
}

// Run judges until ctx ends.
func (q *Quality) Run(ctx context.Context) {
	q.running.Store(true)
	defer q.running.Store(false)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() { q.work(ctx) })
	}
	select {
	case <-q.changed: // New has said so: the first round must not be ended for it
	default:
	}
	for ctx.Err() == nil {
		round, stop := context.WithCancel(ctx)
		var judges sync.WaitGroup
		for _, b := range q.state.Load().judges {
			for range b.Concurrency {
				judges.Go(func() { q.sit(round, b) })
			}
		}
		select {
		case <-ctx.Done():
		case <-q.changed:
		}
		stop()
		judges.Wait()
	}
	wg.Wait()
	q.purse.Save(q.o.Now())
}

// work judges by rules and hands on to judges.
func (q *Quality) work(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case j := <-q.queue:
			if j.rules {
				q.byRules(ctx, j.call)
			}
			for _, b := range j.judges {
				select {
				case b.queue <- j.call:
				default:
					q.drop(dropJudge, 1)
				}
			}
		}
	}
}

func (q *Quality) byRules(ctx context.Context, c *llm.Call) {
	defer func() {
		if v := recover(); v != nil { // one odd answer must not end the server
			q.drop(dropPanic, 1)
			q.log.Error("a rule panicked", "call_id", c.ID, "panic", fmt.Sprint(v))
		}
	}()
	s := q.state.Load()
	var keep []*llm.Feedback
	for _, j := range s.rules.Evaluate(c) {
		f := feedback(c, &j)
		q.count(&j)
		if s.config.Store == storeAll || s.config.Store != storeNone && j.Label != "" {
			if q.mayKeep(s.config.MaxStored) {
				keep = append(keep, f)
				continue
			}
			q.drop(dropStore, 1)
		}
		q.o.Sink.Score(f)
	}
	q.keep(ctx, keep)
}

func (q *Quality) keep(ctx context.Context, fs []*llm.Feedback) {
	if len(fs) == 0 {
		return
	}
	if err := q.o.Sink.Keep(ctx, fs); err != nil {
		q.drop(dropFailed, len(fs))
		for _, f := range fs {
			q.o.Sink.Score(f)
		}
	}
}

// mayKeep bounds what is kept in a minute: an application that is broken fails
// with every call.
func (q *Quality) mayKeep(limit int) bool {
	if limit == 0 {
		limit = defaultMaxStored
	}
	now := q.o.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	if now.Sub(q.minute) >= time.Minute || now.Before(q.minute) {
		q.minute, q.kept = now, 0
	}
	q.kept++
	return q.kept <= limit
}

// feedback is a judgement of a Call as feedback. Its key makes it one of a kind.
func feedback(c *llm.Call, j *Judgement) *llm.Feedback {
	return &llm.Feedback{
		Tenant: c.Tenant,
		Time:   c.Time, CallID: c.ID, TraceID: c.TraceID, SpanID: c.SpanID, ResponseID: c.ResponseID, SessionID: c.Session,
		Name: j.Evaluator, Evaluator: j.Evaluator, Score: llm.Some(j.Score), Label: j.Label, Comment: j.Explanation,
		Service: c.Service, Provider: c.Provider, Model: c.Model(), Operation: c.Operation,
		Feature: c.Feature, PromptName: c.PromptName, PromptVersion: c.PromptVersion,
	}
}

// sit judges what waits for one judge until ctx ends.
func (q *Quality) sit(ctx context.Context, b *bench) {
	for {
		select {
		case <-ctx.Done():
			return
		case c := <-b.queue:
			v, err := q.judge(ctx, &b.Judge, c)
			if ctx.Err() != nil {
				return
			}
			q.note(b, err)
			if err != nil {
				continue
			}
			j := Judgement{Evaluator: b.Name, Score: v.score, Explanation: v.reason}
			if v.score < 0.5 {
				j.Label = resultBad
			}
			q.count(&j)
			q.keep(ctx, []*llm.Feedback{feedback(c, &j)})
		}
	}
}

// note keeps how a judge fares, and logs when that changes.
func (q *Quality) note(b *bench, err error) {
	result, detail := judgeOK, ""
	switch {
	case errors.Is(err, purse.ErrPaused), errors.Is(err, purse.ErrFirst):
		result, detail = judgePaused, err.Error()+"; it goes on by itself"
	case err != nil:
		result, detail = judgeFailed, err.Error()
	}
	q.metrics.runs.WithLabelValues(b.Name, result).Inc()
	q.mu.Lock()
	defer q.mu.Unlock()
	st := q.status[b.Name]
	if st == nil {
		return
	}
	if st.State != result {
		level := slog.LevelInfo
		if result != judgeOK {
			level = slog.LevelWarn
		}
		q.log.Log(context.Background(), level, "a judge has changed", "judge", b.Name, "from", st.State, "to", result, "detail", detail)
	}
	st.State, st.Detail, st.Last = result, detail, q.o.Now().UTC()
	if result == judgeFailed {
		st.LastError, st.LastErrorAt = detail, st.Last
	}
	st.Counts[result]++
}
