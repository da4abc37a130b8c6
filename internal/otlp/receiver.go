package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/semconv"
)

// Sink takes what was received. Its methods are called from many goroutines.
type Sink interface {
	// Submit takes the records and their ownership, and returns nil when they are
	// durable. An error with the methods Retryable and RetryAfter asks for the same
	// records again later; any other refuses them for good.
	Submit(ctx context.Context, recs []llm.Record) error
	// Metrics stores metrics, which it may change. Its errors are as Submit's.
	Metrics(ctx context.Context, md pmetric.Metrics) error
}

// Normalizer turns telemetry into records. It is called from many goroutines and
// must not keep what it is given.
type Normalizer interface {
	Traces(td ptrace.Traces) semconv.Result
	Logs(ld plog.Logs) semconv.Result
}

// Options are what a Receiver is made of.
type Options struct {
	Config     Config
	Sink       Sink
	Normalizer Normalizer
	// Evaluations, if not nil, is called with the judgements among log records
	// once the records themselves are durable.
	Evaluations func(ctx context.Context, evals []semconv.Evaluation)
	// Turns are the places of those who decode or normalise a message now. Others
	// may share them; none is held while the Sink works. nil: half of the
	// processors.
	Turns      chan struct{}
	Logger     *slog.Logger
	Registerer prometheus.Registerer // nil: not registered
}

// Receiver receives telemetry. It has no goroutines of its own; its handlers may
// be used until Drain.
type Receiver struct {
	cfg     Config
	opts    Options
	log     *slog.Logger
	metrics *metrics
	budget  *budget
	pools   pools
	places  chan struct{} // Options.Turns
	traces  codec[ptrace.Traces]
	logs    codec[plog.Logs]
	points  codec[pmetric.Metrics]

	mu       sync.Mutex
	draining bool
	idle     chan struct{} // closed when draining and nothing is under way
	active   int

	warned atomic.Int64 // when rejections were last logged, in Unix seconds
}

// New returns a Receiver.
func New(o Options) (*Receiver, error) {
	if o.Sink == nil || o.Normalizer == nil {
		return nil, errors.New("otlp: a sink and a normalizer are needed")
	}
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	cfg := o.Config.withDefaults()
	maxLeaf := min(4*int64(cfg.MaxMessage), int64(cfg.MaxInFlight))
	r := &Receiver{
		cfg: cfg, opts: o, log: o.Logger,
		budget: newBudget(int64(cfg.MaxInFlight), time.Duration(cfg.MaxWait)),
		traces: traceCodec(maxLeaf), logs: logCodec(maxLeaf), points: metricCodec(maxLeaf),
		idle: make(chan struct{}), places: o.Turns,
	}
	if r.places == nil {
		r.places = make(chan struct{}, max(1, runtime.GOMAXPROCS(0)/2))
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if r.metrics, err = newMetrics(r.budget, o.Registerer); err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	return r, nil
}

// Drain makes the handlers tell senders to come again later, and waits until
// what is under way is answered.
func (r *Receiver) Drain(ctx context.Context) error {
	r.mu.Lock()
	if !r.draining {
		r.draining = true
		if r.active == 0 {
			close(r.idle)
		}
	}
	r.mu.Unlock()
	select {
	case <-r.idle:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("otlp: requests are still under way: %w", ctx.Err())
	}
}

// enter counts a request in; leave must follow where it returns nil.
func (r *Receiver) enter() *failure {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return &failure{status: http.StatusServiceUnavailable, message: "pitot is shutting down: send again", retry: 5 * time.Second}
	}
	r.active++
	return nil
}

func (r *Receiver) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.active--; r.draining && r.active == 0 {
		close(r.idle)
	}
}

// export decodes a message and hands on what it holds. It returns what was not
// taken of it, or a failure when it was not taken.
func (r *Receiver) export(ctx context.Context, l *lease, s signal, enc encoding, body []byte) (rejects, *failure) {
	r.metrics.bytes.WithLabelValues(s.String()).Add(float64(len(body)))
	t := r.begin(ctx, s)
	if err := t.work(); err != nil {
		return t.end(rejects{}, err)
	}
	defer t.rest()
	room := func(cost int64) error { return l.grow(ctx, int64(len(body))+cost) }
	var rej rejects
	var err error
	switch s {
	case signalTraces:
		rej, err = r.traces.each(enc, body, room, t.traces)
	case signalLogs:
		rej, err = r.logs.each(enc, body, room, func(ld plog.Logs) error {
			return t.take(ld.LogRecordCount(), func() semconv.Result { return r.opts.Normalizer.Logs(ld) })
		})
	default:
		rej, err = r.points.each(enc, body, room, t.metrics)
	}
	return t.end(rej, err)
}

// taking is what becomes of one message.
type taking struct {
	r   *Receiver
	ctx context.Context
	s   signal
	rej rejects // by the normalizer
	// working says that it holds one of the receiver's places for work.
	working bool
}

// work waits for a place among those that may use a processor. Without that
// limit many senders at once would take all of them from the gateway's calls.
func (t *taking) work() error {
	if t.working {
		return nil
	}
	wait, cancel := context.WithTimeout(t.ctx, time.Duration(t.r.cfg.MaxWait))
	defer cancel()
	select {
	case t.r.places <- struct{}{}:
		t.working = true
		return nil
	case <-wait.Done():
	}
	if t.ctx.Err() != nil {
		return t.ctx.Err()
	}
	return tooMuch(time.Duration(t.r.cfg.MaxWait))
}

// rest gives the place back: nothing is computed while a sink waits for a disk.
func (t *taking) rest() {
	if t.working {
		t.working = false
		<-t.r.places
	}
}

func (r *Receiver) begin(ctx context.Context, s signal) *taking {
	return &taking{r: r, ctx: ctx, s: s}
}

func (t *taking) traces(td ptrace.Traces) error {
	return t.take(td.SpanCount(), func() semconv.Result { return t.r.opts.Normalizer.Traces(td) })
}

// take hands n spans or log records on.
func (t *taking) take(n int, normalize func() semconv.Result) error {
	t.r.metrics.received.WithLabelValues(t.s.String()).Add(float64(n))
	if n == 0 {
		return nil
	}
	if err := t.work(); err != nil {
		return t.stored(n, err)
	}
	more, err := t.r.submit(t.ctx, normalize, t.rest)
	t.rej.merge(more)
	return t.stored(n-more.n, err)
}

func (t *taking) metrics(md pmetric.Metrics) error {
	n := md.DataPointCount()
	t.r.metrics.received.WithLabelValues(t.s.String()).Add(float64(n))
	if n == 0 {
		return nil
	}
	if err := t.work(); err != nil {
		return t.stored(n, err)
	}
	return t.stored(n, t.r.storeMetrics(t.ctx, md))
}

// stored counts what a store refused for good.
func (t *taking) stored(n int, err error) error {
	if err == nil {
		return nil
	}
	f := failureOf(t.ctx, err)
	if f.status == http.StatusInternalServerError || f.status == http.StatusBadRequest {
		t.r.metrics.rejected.WithLabelValues(t.s.String(), reasonStore).Add(float64(n))
	}
	return f
}

// end sums up what was not taken. undecoded is what never got here.
func (t *taking) end(undecoded rejects, err error) (rejects, *failure) {
	if undecoded.n > 0 {
		t.r.metrics.rejected.WithLabelValues(t.s.String(), reasonUndecodable).Add(float64(undecoded.n))
	}
	if t.rej.n > 0 {
		t.r.metrics.rejected.WithLabelValues(t.s.String(), reasonInvalid).Add(float64(t.rej.n))
	}
	undecoded.merge(t.rej)
	if err != nil {
		return undecoded, failureOf(t.ctx, err)
	}
	return undecoded, nil
}

// submit hands records to the sink. computed is called before that waits.
func (r *Receiver) submit(ctx context.Context, normalize func() semconv.Result, computed func()) (rejects, error) {
	res, err := guard(r, normalize)
	computed()
	if err != nil {
		return rejects{}, err
	}
	rej := rejects{n: res.Rejected}
	for _, reason := range res.Reasons {
		rej.say(reason)
	}
	if len(res.Records) > 0 {
		if err := r.opts.Sink.Submit(ctx, res.Records); err != nil {
			return rej, err
		}
	}
	if len(res.Evaluations) > 0 && r.opts.Evaluations != nil {
		r.opts.Evaluations(ctx, res.Evaluations)
	}
	return rej, nil
}

// storeMetrics hands metrics to the sink. What its store refuses for good, such
// as samples that are too old, must not be sent for ever: it is an answer of 400.
func (r *Receiver) storeMetrics(ctx context.Context, md pmetric.Metrics) error {
	err := r.opts.Sink.Metrics(ctx, md)
	if err == nil {
		return nil
	}
	if f := failureOf(ctx, err); f.status != http.StatusInternalServerError {
		return f
	}
	return fail(http.StatusBadRequest, "not stored: "+err.Error())
}

// guard keeps a panic over one message from ending its connection unanswered:
// the sender would send the same message for ever.
func guard[T any](r *Receiver, f func() T) (v T, err error) {
	defer func() {
		if p := recover(); p != nil {
			r.log.Error("telemetry made a step panic: the message is refused; please report this", "err", fmt.Sprint(p), "stack", string(debug.Stack()))
			err = fail(http.StatusInternalServerError, "this message made Pitot fail: it is refused; Pitot's log says more")
		}
	}()
	return f(), nil
}

// rejectedLogEvery is the least time between two lines about rejections.
const rejectedLogEvery = time.Minute

// report says in the log that something was rejected, now and then: senders see
// each answer, but few people read their senders' logs.
func (r *Receiver) report(s signal, transport, message string) {
	now := time.Now().Unix()
	last := r.warned.Load()
	if now-last < int64(rejectedLogEvery/time.Second) || !r.warned.CompareAndSwap(last, now) {
		return
	}
	r.log.Warn("telemetry was rejected: see pitot_otlp_rejected_total and pitot_otlp_requests_total for how much", "signal", s.String(), "transport", transport, "reason", message)
}
