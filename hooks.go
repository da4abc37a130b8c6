package pitot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/metric"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxPending bounds what waits for hooks: a program whose hook is slower than
// its calls loses notices, not calls.
const maxPending = 1024

// maxHooks bounds the hooks and the rules of a program.
const maxHooks = 100

// errTooMany says that a program registers hooks without end.
var errTooMany = errors.New("pitot: more than 100 hooks are registered: keep what OnCall and OnThreshold return and call it when a hook is not needed any more")

// OnCall has fn called after every call that ends, with its context, which
// holds the call's span and is never done, and its numbers. fn runs on a goroutine
// of the SDK, one call at a time, after the call has returned to the program: a
// slow fn delays no call, but past 1024 waiting calls further ones are passed
// over and counted in pitot_sdk_hook_dropped_total. A panic in fn is recovered
// and reported once. It returns a function that takes fn away again.
//
// Setup must have been called before; while the SDK is off nothing happens.
func OnCall(fn func(ctx context.Context, call CallInfo)) (remove func()) {
	r := current()
	if r == nil || fn == nil {
		return func() {}
	}
	remove, err := r.meters.hooks.onCall(fn)
	if err != nil {
		r.warn.Warn("a hook was not added", "error", err)
	}
	return remove
}

// hooks tells the program of calls and thresholds.
type hooks struct {
	r       *core
	dropped metric.Int64Counter
	told    atomic.Bool // of a panic

	calls   atomic.Pointer[[]*callHook]
	pending chan notice

	mu      sync.Mutex
	rules   []*ruleState
	closed  bool
	running bool // deliver
	ticking bool // watch
	stop    chan struct{}
	workers sync.WaitGroup
}

type callHook struct {
	fn func(context.Context, CallInfo)
}

// notice is something to tell: of a call where breach is nil.
type notice struct {
	ctx    context.Context
	call   CallInfo
	breach *Breach
	fn     func(context.Context, Breach)
}

func newHooks(r *core, b *builder) *hooks {
	return &hooks{
		r: r, stop: make(chan struct{}), pending: make(chan notice, maxPending),
		dropped: b.counter("pitot.sdk.hook_dropped", "{notice}", "Notices to hooks that were passed over because the hooks were too slow."),
	}
}

func (h *hooks) onCall(fn func(context.Context, CallInfo)) (remove func(), err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	var old []*callHook
	if p := h.calls.Load(); p != nil {
		old = *p
	}
	if h.closed {
		return func() {}, nil
	}
	if len(old) >= maxHooks {
		return func() {}, errTooMany
	}
	hook := &callHook{fn}
	next := append(slices.Clone(old), hook)
	h.calls.Store(&next)
	h.run()
	return func() { h.removeCall(hook) }, nil
}

func (h *hooks) removeCall(hook *callHook) {
	h.mu.Lock()
	defer h.mu.Unlock()
	next := slices.DeleteFunc(slices.Clone(*h.calls.Load()), func(x *callHook) bool { return x == hook })
	h.calls.Store(&next)
}

// run starts the goroutine that delivers. The lock is held.
func (h *hooks) run() {
	if !h.running {
		h.running = true
		h.workers.Go(h.deliver)
	}
}

// called tells hooks of a call. It does not wait.
func (h *hooks) called(ctx context.Context, c *llm.Call, s slow) {
	p := h.calls.Load()
	if p == nil || len(*p) == 0 {
		return
	}
	h.send(notice{ctx: context.WithoutCancel(ctx), call: newCallInfo(c, s)})
}

func (h *hooks) send(n notice) {
	select {
	case h.pending <- n:
	default:
		h.dropped.Add(context.Background(), 1)
	}
}

// deliver calls the hooks. After stop it delivers what waits and ends.
func (h *hooks) deliver() {
	for {
		select {
		case n := <-h.pending:
			h.tell(n)
		case <-h.stop:
			for {
				select {
				case n := <-h.pending:
					h.tell(n)
				default:
					return
				}
			}
		}
	}
}

func (h *hooks) tell(n notice) {
	if n.breach != nil {
		h.guard("threshold", func() { n.fn(n.ctx, *n.breach) })
		return
	}
	for _, hook := range *h.calls.Load() {
		h.guard("call", func() { hook.fn(n.ctx, n.call) })
	}
}

// guard calls what belongs to the program.
func (h *hooks) guard(kind string, fn func()) {
	defer func() {
		if p := recover(); p != nil {
			h.panicked(kind, p)
		}
	}()
	fn()
}

// panicked reports the first panic of a hook.
func (h *hooks) panicked(kind string, p any) {
	if h.told.CompareAndSwap(false, true) {
		h.r.warn.Warn("a hook panicked: it is called again for the next call, further panics are not reported", "hook", kind, "panic", fmt.Sprint(p))
	}
}

// close delivers what waits, as long as ctx allows, and ends the goroutines.
func (h *hooks) close(ctx context.Context) error {
	h.mu.Lock()
	if !h.closed {
		h.closed = true
		close(h.stop)
	}
	h.mu.Unlock()
	done := make(chan struct{})
	go func() {
		h.workers.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("deliver to hooks: %w", context.Cause(ctx))
	}
}

// watch evaluates the rules until stop.
func (h *hooks) watch() {
	t := time.NewTicker(ruleInterval)
	defer t.Stop()
	for {
		select {
		case <-h.stop:
			return
		case <-t.C:
			h.evaluate(time.Now())
		}
	}
}

func (h *hooks) evaluate(now time.Time) {
	h.mu.Lock()
	rules := slices.Clone(h.rules)
	h.mu.Unlock()
	for _, s := range rules {
		if b := s.evaluate(h.r.window, now); b != nil {
			h.send(notice{ctx: context.Background(), breach: b, fn: s.fn})
		}
	}
}
