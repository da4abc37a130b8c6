package forward

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// cursorPrefix begins the names of this package's cursors in the journal.
const cursorPrefix = "forward-"

// Options are what a Forwarder is built from.
type Options struct {
	Config  Config
	Journal *journal.Journal
	// Decode turns a record of the journal into the record that was stored. An
	// empty Record without an error is passed over. It is called from many
	// goroutines and must not keep its argument.
	Decode func(journalRecord []byte) (llm.Record, error)
	// KindOf says what Decode would return, without the work; "" where that is not
	// known. Optional.
	KindOf func(journalRecord []byte) Kind
	// AppendTraces and AppendLogs encode records for OTLP destinations. They are
	// called from many goroutines, and needed where there is such a destination.
	AppendTraces func(ptrace.Traces, []llm.Record)
	AppendLogs   func(plog.Logs, []llm.Record)

	UserAgent  string // default pitot
	Logger     *slog.Logger
	Registerer prometheus.Registerer

	tune tuning
}

// Forwarder sends the records of a journal on to destinations. Its methods may
// be called from any goroutine.
type Forwarder struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics

	mu     sync.Mutex
	run    context.Context // of Run; nil before
	closed bool
	places map[string]*place

	// seen guards what Status reads, so that a scrape does not wait for a Reload.
	seen   sync.Mutex
	states map[string]*state
}

// place is a destination with its place in the journal.
type place struct {
	d      Destination
	cursor *journal.Cursor
	sender sender
	acct   *account
	cancel context.CancelFunc // nil where it does not run
	done   chan struct{}
}

// state is what Status shows of a place.
type state struct {
	d    Destination
	acct *account
}

// New checks the configuration and takes a place in the journal for each
// destination. It sends nothing before Run. Call it with an empty configuration
// too: the places of destinations that are configured no more would hold the
// journal's records for ever. Run or Close gives the places back.
func New(o Options) (*Forwarder, error) {
	if o.Journal == nil || o.Decode == nil {
		return nil, errors.New("forward: a journal and a decoder are needed")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	setDefault(&o.UserAgent, "pitot")
	setDefault(&o.tune, defaultTuning())
	f := &Forwarder{opts: o, log: o.Logger, places: map[string]*place{}, states: map[string]*state{}}
	f.metrics = newMetrics(f)
	if err := f.metrics.register(o.Registerer); err != nil {
		return nil, fmt.Errorf("forward: %w", err)
	}
	if err := f.Reload(o.Config); err != nil {
		f.Close()
		f.metrics.unregister(o.Registerer)
		return nil, err
	}
	return f, nil
}

// Reload makes cfg the configuration, whole or, after an error, not at all.
// Destinations that are as they were go on undisturbed. One that has changed
// goes on where it was; one that is gone loses its place in the journal.
func (f *Forwarder) Reload(cfg Config) error {
	if err := cfg.Validate(); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return errors.New("forward: closed")
	}
	next, err := f.build(cfg)
	if err != nil {
		return err
	}
	for name, p := range f.places {
		switch n, ok := next[name]; {
		case !ok:
			f.stop(p)
			p.cursor.Close()
			f.metrics.forget(name)
			delete(f.places, name)
		case n != p:
			f.stop(p)
		}
	}
	maps.Copy(f.places, next)
	for name := range f.places {
		f.start(f.places[name])
	}
	f.publish()
	f.removeOthers()
	return nil
}

// build makes the places of a configuration; one whose destination is as it was
// stays itself. After an error nothing has changed.
func (f *Forwarder) build(cfg Config) (_ map[string]*place, err error) {
	next := make(map[string]*place, len(cfg))
	before := f.opts.Journal.Stats()
	var opened []*place
	defer func() {
		if err != nil {
			f.undo(opened, before)
		}
	}()
	size := before.MaxBytes
	for i := range cfg {
		d, err := cfg[i].withDefaults(size)
		if err != nil {
			return nil, fmt.Errorf("forward[%d].%w", i, err)
		}
		old := f.places[d.Name]
		// The files of certificates may have changed though their names have not.
		if old != nil && reflect.DeepEqual(old.d, d) && d.TLS == (TLS{}) {
			next[d.Name] = old
			continue
		}
		p := &place{d: d}
		if p.sender, err = f.newSender(&d); err != nil {
			return nil, fmt.Errorf("forward[%d].%w", i, err)
		}
		opened = append(opened, p)
		next[d.Name] = p
		if old != nil {
			p.cursor, p.acct = old.cursor, old.acct
			continue
		}
		if p.cursor, err = f.opts.Journal.Cursor(cursorPrefix + d.Name); err != nil {
			return nil, fmt.Errorf("forward[%d].name: %w", i, err)
		}
	}
	for _, p := range opened {
		if p.acct == nil {
			p.acct = f.metrics.account(p.d.Name, p.d.What)
		}
	}
	return next, nil
}

// undo gives back what build has opened, and takes cursors that were not there
// before out of the journal again.
func (f *Forwarder) undo(opened []*place, before journal.Stats) {
	for _, p := range opened {
		p.sender.close()
		if f.places[p.d.Name] != nil || p.cursor == nil {
			continue
		}
		p.cursor.Close()
		name := cursorPrefix + p.d.Name
		if slices.ContainsFunc(before.Cursors, func(c journal.CursorStats) bool { return c.Name == name }) {
			continue
		}
		if err := f.opts.Journal.RemoveCursor(name); err != nil {
			f.log.Error("the place of a destination cannot be removed: the journal fills", "cursor", name, "err", err)
		}
	}
}

func (f *Forwarder) newSender(d *Destination) (sender, error) {
	if d.Type == TypeElasticsearch {
		return newElastic(d, f.opts.UserAgent)
	}
	if f.opts.AppendTraces == nil || f.opts.AppendLogs == nil {
		return nil, errors.New("type: this build cannot encode OTLP")
	}
	return newOTLP(d, &f.opts)
}

// start lets a place work, if Run has begun and it does not yet.
func (f *Forwarder) start(p *place) {
	if f.run == nil || p.cancel != nil {
		return
	}
	w := &worker{
		d: p.d, sender: p.sender, journal: f.opts.Journal, cursor: p.cursor, kindOf: f.opts.KindOf, decode: f.opts.Decode,
		acct: p.acct, log: f.log.With("destination", p.d.Name), tune: f.opts.tune,
	}
	ctx, cancel := context.WithCancel(f.run)
	p.cancel, p.done = cancel, make(chan struct{})
	go func() {
		defer close(p.done)
		w.run(ctx)
	}()
}

// stop ends a place's work and waits for it.
func (f *Forwarder) stop(p *place) {
	if p.cancel == nil {
		p.sender.close()
		return
	}
	p.cancel()
	<-p.done
	p.cancel = nil
}

// publish shows the places to Status.
func (f *Forwarder) publish() {
	f.seen.Lock()
	defer f.seen.Unlock()
	clear(f.states)
	for name, p := range f.places {
		f.states[name] = &state{p.d, p.acct}
	}
}

// removeOthers gives back the places in the journal that no destination has.
func (f *Forwarder) removeOthers() {
	for _, c := range f.opts.Journal.Stats().Cursors {
		name, ours := strings.CutPrefix(c.Name, cursorPrefix)
		if !ours || f.places[name] != nil {
			continue
		}
		if err := f.opts.Journal.RemoveCursor(c.Name); err != nil {
			f.log.Error("the place of a former destination cannot be removed: the journal fills", "cursor", c.Name, "err", err)
			continue
		}
		f.log.Info("destination is configured no more: its place in the journal is removed", "destination", name, "records_not_sent", c.Lag)
	}
}

// Run forwards until ctx ends. It closes the Forwarder.
func (f *Forwarder) Run(ctx context.Context) error {
	f.mu.Lock()
	if f.closed || f.run != nil {
		f.mu.Unlock()
		return errors.New("forward: Run can be called once")
	}
	f.run = ctx
	for _, p := range f.places {
		f.start(p)
	}
	f.mu.Unlock()
	<-ctx.Done()
	f.Close()
	return nil
}

// Close ends all work, so that the journal can be closed. The places in the
// journal stay, for the next start.
func (f *Forwarder) Close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.closed = true
	var wg sync.WaitGroup
	for _, p := range f.places {
		wg.Go(func() {
			f.stop(p)
			p.cursor.Close()
		})
	}
	wg.Wait()
}

// The states of a destination.
const (
	StateOK       = "ok"
	StateRetrying = "retrying" // the last request failed
)

// Status is how it goes with one destination. Counts are since the start.
type Status struct {
	Name          string            `json:"name"`
	Type          string            `json:"type"`
	URL           string            `json:"url"`
	State         string            `json:"state"`
	LagRecords    uint64            `json:"lag_records"`
	LagBytes      int64             `json:"lag_bytes"`
	MaxBacklog    int64             `json:"max_backlog_bytes"`
	OldestAge     time.Duration     `json:"-"` // of what waits
	Sent          map[Kind]uint64   `json:"sent"`
	Dropped       map[string]uint64 `json:"dropped"` // by reason
	Retries       uint64            `json:"retries"`
	LastSent      time.Time         `json:"last_sent,omitzero"`
	LastError     string            `json:"last_error,omitempty"` // stays after it has gone well again
	LastErrorTime time.Time         `json:"last_error_time,omitzero"`
}

// Status returns how it goes with each destination, in the order of their names.
func (f *Forwarder) Status() []Status {
	cursors := map[string]journal.CursorStats{}
	for _, c := range f.opts.Journal.Stats().Cursors {
		cursors[c.Name] = c
	}
	f.seen.Lock()
	defer f.seen.Unlock()
	out := make([]Status, 0, len(f.states))
	for _, name := range slices.Sorted(maps.Keys(f.states)) {
		st := f.states[name]
		c := cursors[cursorPrefix+name]
		s := Status{
			Name: name, Type: st.d.Type, URL: redacted(st.d.URL), State: StateOK, MaxBacklog: int64(st.d.MaxBacklog),
			LagRecords: c.Lag, LagBytes: c.LagBytes, OldestAge: c.OldestAge,
		}
		st.acct.fill(&s)
		out = append(out, s)
	}
	return out
}
