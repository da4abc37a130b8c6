package logs

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/valyala/fastjson"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// Records go to the sink in portions of about these sizes, so that a large
	// request takes no more memory than a small one.
	batchRecords = 2000
	batchBytes   = 2 << 20

	// maxItems bounds what the answer of one request has to remember.
	maxItems = 250_000

	// maxAction bounds a line that says what to do with the next one.
	maxAction = 64 << 10

	// maxReason bounds what an answer says of one item.
	maxReason = 300
)

// The actions of a bulk request.
const (
	actionIndex  = "index"
	actionCreate = "create"
	actionUpdate = "update"
	actionDelete = "delete"
)

// item is what is answered for one action.
type item struct {
	action  string
	index   string
	id      string
	status  int
	errType string
	reason  string
}

// fail refuses the item.
func (i *item) fail(status int, errType, reason string) {
	if len(reason) > maxReason {
		reason = validText(reason[:maxReason]) + "…"
	}
	i.status, i.errType, i.reason = status, errType, reason
}

// The types of Elasticsearch's errors that are used.
const (
	errTypeParsing  = "document_parsing_exception"
	errTypeArgument = "illegal_argument_exception"
	errTypeRejected = "es_rejected_execution_exception"
	errTypeInternal = "internal_server_error"
)

// bulk is the work on one bulk request. It is reused.
type bulk struct {
	es      *Elasticsearch
	ctx     context.Context // of the one request that it works on
	in      *bufio.Reader
	lines   lineReader
	action  fastjson.Parser
	mapper  *mapper
	arrival time.Time

	items   []item
	batch   []llm.Record
	size    int // bytes of documents in the batch
	pending []int
	retry   time.Duration // of the overload met, if over is set
	over    bool
}

func (es *Elasticsearch) newBulk(ctx context.Context, body io.Reader) *bulk {
	b, _ := es.bulks.Get().(*bulk)
	if b == nil {
		b = &bulk{es: es, in: bufio.NewReaderSize(nil, 64<<10), mapper: newMapper(es.opts.Config, es.opts.Metrics)}
		b.lines = lineReader{r: b.in, max: int(es.opts.Config.MaxLine)}
	}
	b.in.Reset(body)
	b.ctx, b.arrival = ctx, es.opts.Now()
	return b
}

// release gives the memory back, but not much of it.
func (b *bulk) release() {
	es := b.es
	clear(b.items)
	clear(b.batch)
	b.mapper.doc.reset()
	if cap(b.items) > 10*batchRecords || cap(b.lines.buf) > 256<<10 {
		return // one large request must not make all later ones large
	}
	b.in.Reset(nil)
	*b = bulk{
		es: es, in: b.in, lines: b.lines, action: b.action, mapper: b.mapper,
		items: b.items[:0], batch: b.batch[:0], pending: b.pending[:0],
	}
	es.bulks.Put(b)
}

// run reads all lines and hands the documents on. An error is of the request
// as a whole; what was handed on before it stays.
func (b *bulk) run(index string) error {
	// held is a line that was read as a document and is an action.
	var held []byte
	for {
		line := held
		held = nil
		if line == nil {
			var long bool
			var err error
			line, long, err = b.lines.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			if len(line) == 0 {
				continue
			}
			if long || len(line) > maxAction {
				line = line[:0] // no action is that long
			}
		}
		if len(b.items) >= maxItems {
			return fmt.Errorf("%w: more than %d actions: send smaller requests", errTooLarge, maxItems)
		}
		it := item{index: index}
		if reason := b.parseAction(line, &it); reason != "" {
			it.action = actionIndex
			it.fail(http.StatusBadRequest, errTypeArgument, reason)
			b.es.opts.Metrics.reject(reasonBadAction, 1)
			b.items = append(b.items, it)
			// The line after it is its document, unless it is an action itself.
			next, long, err := b.lines.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return err
			}
			var probe item
			if !long && len(next) <= maxAction && b.parseAction(next, &probe) == "" {
				held = append([]byte(nil), next...)
			}
			continue
		}
		if it.action == actionDelete {
			it.fail(http.StatusBadRequest, errTypeArgument, "delete is not supported: logs are kept until their retention ends")
			b.es.opts.Metrics.reject(reasonUnsupported, 1)
			b.items = append(b.items, it)
			continue
		}
		if err := b.document(&it); err != nil {
			return err
		}
	}
	return b.flush()
}

// parseAction reads a line such as {"index":{"_index":"logs","_id":"1"}}. It
// returns what is wrong with it.
func (b *bulk) parseAction(line []byte, it *item) string {
	v, err := b.action.ParseBytes(line)
	if err != nil {
		return "malformed action line: it is no JSON: expected {\"index\":{...}}, create, update or delete"
	}
	o, err := v.Object()
	if err != nil || o.Len() != 1 {
		return "malformed action line: expected an object with one member: index, create, update or delete"
	}
	var reason string
	o.Visit(func(k []byte, v *fastjson.Value) {
		switch string(k) {
		case actionIndex:
			it.action = actionIndex
		case actionCreate:
			it.action = actionCreate
		case actionUpdate:
			it.action = actionUpdate
		case actionDelete:
			it.action = actionDelete
		default:
			reason = fmt.Sprintf("malformed action line: unknown action %q: expected index, create, update or delete", k)
			return
		}
		if v.Type() != fastjson.TypeObject {
			reason = "malformed action line: the action has no object of metadata"
			return
		}
		if s := v.GetStringBytes("_index"); len(s) > 0 {
			it.index = string(s)
		}
		switch id := v.Get("_id"); {
		case id == nil || id.Type() == fastjson.TypeNull:
		case id.Type() == fastjson.TypeString:
			it.id = string(id.GetStringBytes())
		default: // some senders write numbers
			it.id = string(id.MarshalTo(nil))
		}
	})
	if reason == "" && (len(it.id) > 512 || len(it.index) > 255) {
		reason = "_id is longer than 512 or _index than 255 bytes"
		it.id, it.index = "", ""
	}
	return reason
}

// document reads the document of an action. An error is of the request.
func (b *bulk) document(it *item) error {
	line, long, err := b.lines.next()
	switch {
	case errors.Is(err, io.EOF):
		it.fail(http.StatusBadRequest, errTypeArgument, "the action has no document: the request ends after its line")
		b.es.opts.Metrics.reject(reasonBadJSON, 1)
		b.items = append(b.items, *it)
		return nil
	case err != nil:
		return err
	case long:
		it.fail(http.StatusBadRequest, errTypeArgument, fmt.Sprintf("the document is longer than logs.max_line (%d bytes)", b.lines.max))
		b.es.opts.Metrics.reject(reasonTooLong, 1)
		b.items = append(b.items, *it)
		return nil
	}
	b.take(it, line)
	if len(b.batch) >= batchRecords || b.size >= batchBytes {
		return b.flush()
	}
	return nil
}

// take adds the item and its document, unless the document is refused.
func (b *bulk) take(it *item, line []byte) {
	defer func() { b.items = append(b.items, *it) }()
	v, err := b.mapper.doc.parsers[0].ParseBytes(line)
	if err != nil {
		it.fail(http.StatusBadRequest, errTypeParsing, "failed to parse the document: "+err.Error())
		b.es.opts.Metrics.reject(reasonBadJSON, 1)
		return
	}
	if it.action == actionUpdate {
		if v = updated(v); v == nil {
			it.fail(http.StatusBadRequest, errTypeArgument, "an update needs a doc or an upsert: scripts are not supported")
			b.es.opts.Metrics.reject(reasonUnsupported, 1)
			return
		}
	}
	if b.mapper.doc.take(v) != nil {
		it.fail(http.StatusBadRequest, errTypeParsing, "failed to parse the document: it is not a JSON object")
		b.es.opts.Metrics.reject(reasonBadJSON, 1)
		return
	}
	if b.over { // nothing more is taken: say so without work
		b.pending = append(b.pending, len(b.items))
		return
	}
	o := origin{input: inputElasticsearch, arrival: b.arrival, index: it.index, resource: b.es.resource}
	if it.id != "" {
		o.id = []string{inputElasticsearch, it.index, it.id}
	}
	n := len(b.batch)
	b.batch = b.mapper.json(b.batch, line, &o)
	if it.id != "" && b.batch[n].Log.Time.Equal(b.arrival) {
		// A document without a time: sent again, it must get the same one.
		if first := b.es.arrivals.of(it.index, it.id, b.arrival); !first.Equal(b.arrival) {
			o.arrival = first
			b.batch = b.mapper.json(b.batch[:n], line, &o)
		}
	}
	if it.id == "" {
		it.id = b.batch[n].Log.ID
	}
	b.pending = append(b.pending, len(b.items))
	b.size += len(line)
}

// updated returns the document of an update, or nil.
func updated(v *fastjson.Value) *fastjson.Value {
	for _, k := range []string{"doc", "upsert"} {
		if d := v.Get(k); d != nil && d.Type() == fastjson.TypeObject {
			return d
		}
	}
	return nil
}

// flush submits the batch and marks its items. Once the sink has had enough,
// the rest of the request is refused without asking it again. An error is that
// of a client that is gone.
func (b *bulk) flush() error {
	if len(b.pending) == 0 {
		return nil
	}
	var err error
	if !b.over {
		err = b.es.opts.Sink.Submit(b.ctx, b.batch)
		if after, ok := retryAfter(err); ok {
			b.over, b.retry, err = true, after, nil
		}
	}
	m := b.es.opts.Metrics
	for _, i := range b.pending {
		it := &b.items[i]
		switch {
		case b.over:
			it.fail(http.StatusTooManyRequests, errTypeRejected, "Pitot takes no more at the moment: send this again later")
		case err != nil:
			it.fail(http.StatusInternalServerError, errTypeInternal, "the document could not be stored")
		case it.action == actionUpdate:
			it.status = http.StatusOK
		default:
			it.status = http.StatusCreated
		}
	}
	switch {
	case b.over:
		m.reject(reasonOverload, len(b.pending))
	case err != nil:
		m.reject(reasonFailed, len(b.pending))
	default:
		m.received.WithLabelValues(inputElasticsearch).Add(float64(len(b.pending)))
	}
	clear(b.batch) // the records are the sink's now
	b.batch, b.pending, b.size = b.batch[:0], b.pending[:0], 0
	if cerr := b.ctx.Err(); cerr != nil && err != nil {
		return cerr
	}
	if err != nil {
		b.es.failed(err)
	}
	return nil
}

// allRejected reports whether nothing was taken because of overload.
func (b *bulk) allRejected() bool {
	if !b.over {
		return false
	}
	for i := range b.items {
		if b.items[i].status != http.StatusTooManyRequests {
			return false
		}
	}
	return true
}

// retrySeconds is the Retry-After of an overload, at least a second.
func retrySeconds(d time.Duration) int {
	return max(int(math.Ceil(d.Seconds())), 1)
}

// arrivals remembers when a document with an `_id` came first, for the ids of
// those without a time of their own: sent again, they must get the same id. It
// is bounded; the oldest half is forgotten first.
type arrivals struct {
	mu       sync.Mutex
	now, old map[arrivalKey]time.Time
}

type arrivalKey struct{ index, id string }

const maxArrivals = 1 << 15

func (a *arrivals) of(index, id string, now time.Time) time.Time {
	k := arrivalKey{index, id}
	a.mu.Lock()
	defer a.mu.Unlock()
	if t, ok := a.now[k]; ok {
		return t
	}
	if t, ok := a.old[k]; ok {
		return t
	}
	if a.now == nil || len(a.now) >= maxArrivals {
		a.old, a.now = a.now, make(map[arrivalKey]time.Time, 1024)
	}
	a.now[k] = now
	return now
}
