package pipeline

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
)

// The defaults of Options.
const (
	DefaultSafeAge    = 5 * time.Second
	DefaultMaxRow     = 2<<20 - 64<<10
	DefaultSubmitWait = time.Second
	DefaultSettle     = 5 * time.Second
)

// CursorName is the journal cursor of the pipeline's writer.
const CursorName = "store"

// Options are what a Pipeline is made of. Journal, Store, Redactor and Encoder
// are required.
type Options struct {
	Config   Config
	Journal  *journal.Journal // stays the caller's to close, after Drain
	Store    Store
	Redactor Redactor
	Encoder  Encoder
	Pricer   Pricer   // nil: costs stay as the records have them
	Observer Observer // nil: nobody counts

	// Accepts says whether the store keeps records of a time; nil: of any.
	Accepts func(time.Time) bool
	// SafeAge is how long after its acknowledgement an insert is surely on the
	// store's disk.
	SafeAge time.Duration
	// Settled, if not nil, says that the store may lose and delay what it took, as a
	// cluster does: every record is looked up once more before the journal forgets
	// it, when it is SafeAge old and Settled reports that no insert is under way any
	// more which was given up. See verify.go.
	Settled func() bool
	// MaxRow bounds what the Encoder makes of one record, in bytes. Content of a
	// record that is larger is cut.
	MaxRow int
	// Turns are the places of those who compute for senders that can wait: it bounds
	// how many do so at once, here and wherever else it is used, so that processors
	// are left to the gateway. nil: half of Workers.
	Turns chan struct{}
	// Workers is the number of records that are processed at the same time.
	Workers int
	// DedupeWindow is the number of keys, up to three a record, by which duplicates
	// are recognised.
	DedupeWindow int
	// SubmitWait is how long Submit waits for room in the queue.
	SubmitWait time.Duration
	// JoinWindow is the number of spans whose relatives are remembered.
	JoinWindow int
	// Settle is how long the usage that an agent, a workflow or a chain states of
	// itself waits for a Call beneath it, which is counted in its place.
	Settle time.Duration
	// Tally turns the rows of a Call that is sampled out into those that keep
	// totals true: the same id and time, no content. Nothing is stored of a Call
	// for which it appends nothing. It is called from one goroutine. nil: nothing is
	// stored of any. An error keeps the Call whole.
	Tally func(dst, rows []byte) ([]byte, error)

	// Restored, if not nil, is shown by New what the journal holds that the store
	// may not have. Its Row is valid during the call only.
	Restored func(JournalEntry)

	Logger     *slog.Logger
	Registerer prometheus.Registerer
	Now        func() time.Time
}

func (o *Options) defaults() error {
	var errs []error
	if o.Journal == nil || o.Store == nil || o.Redactor == nil || o.Encoder == nil {
		errs = append(errs, errors.New("a journal, a store, a redactor and an encoder are required"))
	}
	errs = append(errs, o.Config.Validate())
	if o.SafeAge == 0 {
		o.SafeAge = DefaultSafeAge
	}
	if o.MaxRow == 0 {
		o.MaxRow = DefaultMaxRow
	}
	if o.Workers == 0 {
		o.Workers = runtime.GOMAXPROCS(0)
	}
	if o.Turns == nil {
		o.Turns = make(chan struct{}, max(1, o.Workers/2))
	}
	if o.DedupeWindow == 0 {
		o.DedupeWindow = defaultWindow
	}
	if o.SubmitWait == 0 {
		o.SubmitWait = DefaultSubmitWait
	}
	if o.JoinWindow == 0 {
		o.JoinWindow = defaultSpans
	}
	if o.Settle == 0 {
		o.Settle = DefaultSettle
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return errors.Join(errs...)
}

// steps are what Reload exchanges as a whole.
type steps struct {
	config   Config
	pricer   Pricer
	redactor Redactor
}

// Pipeline is the one way of records to the store. Its methods may be called
// from any number of goroutines.
type Pipeline struct {
	opts    Options
	log     *slog.Logger
	metrics *metrics
	journal *journal.Journal
	steps   atomic.Pointer[steps]
	ledger  ledger
	dedupe  *dedupe
	beside  beside
	tree    *spanTree
	kept    *traceSet
	models  modelCounts
	budget  *budget
	live    live
	writer  *writer

	containers     *containers
	stopContainers chan struct{}
	containersDone chan struct{}
	batches        sync.Pool

	queue      chan item
	process    chan struct{} // Options.Turns
	maxBatch   int           // bytes of rows after which a batch is closed
	maxRow     int
	workers    sync.WaitGroup
	quit       chan struct{} // closed when nothing more is offered
	stopNext   context.CancelFunc
	insert     context.Context // of the writer; it ends with stopInsert
	stopInsert context.CancelFunc
	writerDone chan struct{}

	intake  sync.RWMutex // guards closed against those who enter
	closed  bool
	submits sync.WaitGroup

	drain     sync.Once
	drainDone chan struct{}
	drainErr  error
}

// item is an offered record in the queue.
type item struct {
	rec  llm.Record
	size int64
}

// New starts a pipeline. It reads what the journal holds behind the writer's
// cursor, to account for it and to know duplicates of it.
func New(o Options) (*Pipeline, error) {
	if err := o.defaults(); err != nil {
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	p := &Pipeline{
		opts: o, log: o.Logger, journal: o.Journal,
		dedupe:  newDedupe(o.DedupeWindow),
		tree:    newSpanTree(o.JoinWindow),
		kept:    newTraceSet(maxKept),
		budget:  newBudget(o.Config.Queue),
		queue:   make(chan item, o.Config.Queue.MaxRecords),
		process: o.Turns,
		quit:    make(chan struct{}), writerDone: make(chan struct{}), drainDone: make(chan struct{}),
		containers: newContainers(), stopContainers: make(chan struct{}), containersDone: make(chan struct{}),
	}
	p.steps.Store(&steps{config: o.Config, pricer: o.Pricer, redactor: o.Redactor})
	appendable := o.Journal.MaxAppend(maxBatchRecords)
	if appendable < 16<<10 {
		return nil, fmt.Errorf("pipeline: the journal's segments are too small: it takes %d bytes at once", appendable)
	}
	// A batch is closed by the row that takes it over maxBatch.
	p.maxBatch = min(2<<20, appendable/2)
	p.maxRow = min(o.MaxRow, appendable/2)
	p.metrics = newMetrics(p)
	p.live.missed, p.live.subs = p.metrics.missed, map[chan *llm.Call]struct{}{}
	cursor, err := o.Journal.Cursor(CursorName)
	if err != nil {
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	p.writer = newWriter(p, cursor)
	if err := p.writer.restore(); err != nil {
		cursor.Close()
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	if err := p.metrics.register(o.Registerer); err != nil {
		cursor.Close()
		return nil, fmt.Errorf("pipeline: %w", err)
	}
	for range o.Workers {
		p.workers.Go(p.work)
	}
	go func() {
		defer close(p.containersDone)
		p.settleContainers(p.stopContainers)
	}()
	next, stopNext := context.WithCancel(context.Background())
	insert, stopInsert := context.WithCancel(context.Background())
	p.stopNext, p.insert, p.stopInsert = stopNext, insert, stopInsert
	p.writer.draining = next.Done()
	go func() {
		defer close(p.writerDone)
		p.writer.run(next, insert)
	}()
	return p, nil
}

// Reload exchanges the configuration, the pricer and the redactor for the
// records that are processed from now on. Queue limits need a restart.
func (p *Pipeline) Reload(c Config, pricer Pricer, redactor Redactor) error {
	if err := c.Validate(); err != nil {
		return fmt.Errorf("pipeline: %w", err)
	}
	if redactor == nil {
		return errors.New("pipeline: a redactor is required")
	}
	if c.Queue != p.opts.Config.Queue {
		return errors.New("pipeline: queue limits cannot change while pitot runs: restart it")
	}
	p.steps.Store(&steps{config: c, pricer: pricer, redactor: redactor})
	return nil
}

// Offer takes a record and its ownership. It never waits: when there is no
// room, it drops the record, counts that and returns false. true promises only
// that the record is on its way.
func (p *Pipeline) Offer(r llm.Record) bool {
	if r.Call == nil && r.Span == nil && r.Log == nil && r.Feedback == nil {
		return false
	}
	src := sourceOf(r)
	p.intake.RLock()
	defer p.intake.RUnlock()
	p.ledger.receive(src, 1)
	if p.closed {
		p.ledger.drop(src, DropShuttingDown, 1)
		return false
	}
	size := sizeOf(r)
	if !p.budget.offer(size) {
		p.ledger.drop(src, DropQueueFull, 1)
		return false
	}
	select {
	case p.queue <- item{r, size}:
		return true
	default: // a single record may pass the budget's limit
		p.budget.give(1, size, false)
		p.ledger.drop(src, DropQueueFull, 1)
		return false
	}
}

// Ledger returns the account of every source. Each balances at every moment.
func (p *Pipeline) Ledger() []Entry { return p.ledger.snapshot() }

// Subscribe returns Calls as they become durable, after redaction. Nobody may
// change them. A subscriber that is slower than its buffer misses some. The
// channel is closed by cancel, which must be called, or when the pipeline ends.
func (p *Pipeline) Subscribe(buffer int) (calls <-chan *llm.Call, cancel func()) {
	return p.live.subscribe(buffer)
}

// Drain ends the pipeline: it takes nothing more, processes what it has, makes
// that durable, and gives it to the store as far as ctx allows; the rest waits
// in the journal for the next start. A ctx without an end waits for a store that
// has trouble for ever, but not for one that takes nothing at all. It returns an
// error when something is left outside of the journal; what the store has not
// taken is logged. Later calls wait for the first.
func (p *Pipeline) Drain(ctx context.Context) error {
	p.drain.Do(func() {
		defer close(p.drainDone)
		p.drainErr = p.doDrain(ctx)
	})
	<-p.drainDone
	return p.drainErr
}

func (p *Pipeline) doDrain(ctx context.Context) error {
	p.intake.Lock()
	p.closed = true
	p.intake.Unlock()
	close(p.quit)
	// What is queued is processed in any case: that takes moments, and the journal
	// answers every append.
	p.workers.Wait()
	p.submits.Wait()
	// What containers state is theirs once their spans are durable.
	_ = p.journal.Flush(ctx)
	close(p.stopContainers)
	<-p.containersDone
	err := p.journal.Flush(ctx)
	p.stopNext()
	select {
	case <-p.writerDone:
	case <-ctx.Done():
		p.stopInsert()
		<-p.writerDone
	}
	left := p.insert.Err() != nil
	p.stopInsert()
	p.writer.cursor.Close()
	p.live.close()
	p.metrics.unregister(p.opts.Registerer)
	if left {
		p.log.Warn("the event store has not taken everything: the rest waits in the journal for the next start")
	}
	if err != nil {
		return fmt.Errorf("drain pipeline: %w", err)
	}
	return nil
}
