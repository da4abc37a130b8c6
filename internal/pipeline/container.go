package pipeline

import (
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// maxHeld and maxHeldBytes bound the containers whose usage waits. Past them
	// the oldest wait no longer; past twice as many, usage is dropped and counted.
	maxHeld      = 10_000
	maxHeldBytes = 16 << 20
	// maxHeldContent is the most that the usage of one container may bring of text;
	// the container's own span has it too.
	maxHeldContent = 64 << 10
)

// heldCall is the usage that a container stated, as the Call that it becomes if
// no Call beneath the container comes in time.
type heldCall struct {
	call        *llm.Call
	span        string // id of the container's record
	key, parent spanKey
	due         time.Time
	size        int64
}

// containers hold what containers state until it is clear that nobody else
// counts it.
type containers struct {
	mu    sync.Mutex
	queue []heldCall // in the order of due
	bytes int64
	open  map[string]int // containers that are expected, wait or are being counted, by record id
	wake  chan struct{}
}

func newContainers() *containers {
	return &containers{open: map[string]int{}, wake: make(chan struct{}, 1)}
}

// expect says that a container's usage comes once its span is durable.
func (c *containers) expect(span string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open[span]++
}

// hold takes the usage of an expected container on; false when there is no room.
func (c *containers) hold(h heldCall) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.queue) >= 2*maxHeld || c.bytes >= 2*maxHeldBytes {
		return false
	}
	c.queue = append(c.queue, h)
	c.bytes += h.size
	select {
	case c.wake <- struct{}{}:
	default:
	}
	return true
}

// due takes out those whose time has come, and returns when the next one's will.
func (c *containers) due(now time.Time, all bool) (due []heldCall, next time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	n := 0
	for n < len(c.queue) && n < maxBatchRecords {
		if !all && now.Before(c.queue[n].due) && len(c.queue)-n <= maxHeld && c.bytes <= maxHeldBytes {
			break
		}
		c.bytes -= c.queue[n].size
		n++
	}
	due = slices.Clone(c.queue[:n])
	c.queue = slices.Delete(c.queue, 0, n)
	if len(c.queue) > 0 {
		next = c.queue[0].due
	}
	return due, next
}

// done says that it is clear and durable what became of expected containers.
func (c *containers) done(hs ...heldCall) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, h := range hs {
		if c.open[h.span]--; c.open[h.span] <= 0 {
			delete(c.open, h.span)
		}
	}
}

// isOpen reports whether the usage of a container's record still waits.
func (c *containers) isOpen(span string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.open[span] > 0
}

func (c *containers) size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return int64(len(c.open))
}

// containerCall makes a Call of its own of what a normalised container states,
// with ids that follow from the container's.
func containerCall(s *llm.Span, c *llm.Call) *llm.Call {
	c.Source, c.Tenant = s.Source, s.Tenant
	if c.Time.IsZero() {
		c.Time = s.Time
	}
	for _, f := range [...]struct {
		to   *string
		from string
	}{
		{&c.Service, s.Service},
		{&c.Environment, s.Environment},
		{&c.User, s.User},
		{&c.Session, s.Session},
		{&c.Agent, s.Agent},
		{&c.Workflow, s.Workflow},
		{&c.Dialect, s.Dialect},
	} {
		*f.to = cmp.Or(*f.to, f.from)
	}
	c.ID = derivedID(c.Time, "container", s.ID)
	c.TraceID, c.ParentSpanID, c.SpanID = s.TraceID, s.SpanID, ""
	if s.TraceID != "" && s.SpanID != "" {
		c.SpanID = derivedSpanID("container", s.TraceID, s.SpanID)
	}
	c.Note("container_usage")
	return c
}

// hold keeps what a container states until its batch is durable, and returns the
// form of it that goes to the journal with the container's span, so that a crash
// does not lose it.
func (p *Pipeline) hold(b *batch, s *llm.Span, c *llm.Call, j joined, rd Redactor) (journaled string) {
	c = containerCall(s, c)
	if p.dedupe.has(c.Tenant, c.ID) {
		return ""
	}
	h := heldCall{call: c, span: scoped(s.Tenant, s.ID), key: j.key, parent: j.parent, size: sizeOf(llm.Record{Call: c})}
	if h.size > maxHeldContent {
		c.Input, c.Output, c.Tools, c.Attributes, c.Events, c.Links = nil, nil, nil, nil, nil, nil
		h.size = sizeOf(llm.Record{Call: c})
	}
	c.Attributes, c.Resource = maps.Clone(c.Attributes), maps.Clone(c.Resource) // the span may have the same ones
	p.expect(h)
	b.held = append(b.held, h)
	return journalForm(c, rd, p.opts.Now())
}

func (p *Pipeline) expect(h heldCall) {
	p.tree.setHeld(h.key, true)
	p.containers.expect(h.span)
}

// take queues the usage of expected containers whose spans are durable, or
// forgets it because they are not: whoever sends them again states it again.
func (p *Pipeline) take(hs []heldCall, err error) {
	for _, h := range hs {
		h.due = p.opts.Now().Add(p.opts.Settle)
		if err == nil && p.containers.hold(h) {
			continue
		}
		p.tree.setHeld(h.key, false)
		p.containers.done(h)
		if err == nil {
			source := string(h.call.Source)
			p.ledger.receive(source, 1)
			p.ledger.drop(source, DropQueueFull, 1)
		}
	}
}

// journalForm is a Call without its content, redacted, as JSON.
func journalForm(c *llm.Call, rd Redactor, now time.Time) string {
	d := *c
	d.Input, d.Output, d.Tools, d.Attributes, d.Resource, d.Events, d.Links = nil, nil, nil, nil, nil, nil, nil
	d.Params, d.Timeline = nil, llm.Timeline{}
	d.Tags = maps.Clone(c.Tags)
	d.FinishReasons, d.Notes, d.Truncated = slices.Clone(c.FinishReasons), slices.Clone(c.Notes), slices.Clone(c.Truncated)
	normalize(llm.Record{Call: &d}, now)
	rd.Call(&d)
	b, err := json.Marshal(&d)
	if err != nil {
		return ""
	}
	return string(b)
}

// restoreHeld takes on the containers whose usage waited when an earlier
// process ended. The join and the duplicates are restored already.
func (p *Pipeline) restoreHeld(hs []header) {
	for _, h := range hs {
		c := new(llm.Call)
		if json.Unmarshal([]byte(h.held), c) != nil || c.ID == "" {
			continue
		}
		key, parent := p.spanKeys(h)
		held := heldCall{call: c, span: scoped(h.tenant, h.id), key: key, parent: parent, size: sizeOf(llm.Record{Call: c})}
		p.expect(held)
		p.take([]heldCall{held}, nil)
	}
}

// settleContainers decides on containers when their time has come, until stop is
// closed, and then on all that are left.
func (p *Pipeline) settleContainers(stop <-chan struct{}) {
	for {
		due, next := p.containers.due(p.opts.Now(), false)
		if len(due) > 0 {
			p.countContainers(due)
			continue
		}
		var timer <-chan time.Time
		if !next.IsZero() {
			timer = time.After(next.Sub(p.opts.Now()))
		}
		select {
		case <-p.containers.wake:
		case <-timer:
		case <-stop:
			for {
				due, _ := p.containers.due(time.Time{}, true)
				if len(due) == 0 {
					return
				}
				p.countContainers(due)
			}
		}
	}
}

// countContainers makes Calls of those containers' usage that nobody else
// counts, and waits until they are durable or dropped.
func (p *Pipeline) countContainers(due []heldCall) {
	recs, js := p.neededContainers(due)
	for from := 0; from < len(recs); from += maxBatchRecords {
		to := min(from+maxBatchRecords, len(recs))
		var received counts
		var size int64
		for _, r := range recs[from:to] {
			received.add(sourceOf(r), 1)
			size += sizeOf(r)
		}
		for _, c := range received {
			p.ledger.receive(c.source, c.n)
		}
		p.budget.take(int64(to-from), size)
		own, _ := p.processChunk(recs[from:to], js[from:to], size, false)
		for _, o := range own {
			<-o.done
		}
	}
	p.containers.done(due...)
}

// neededContainers decides on containers together, the innermost first: an
// agent's usage is not counted where its own agents' is.
func (p *Pipeline) neededContainers(due []heldCall) (recs []llm.Record, js []joined) {
	type candidate struct {
		heldCall
		depth int
	}
	t := p.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	cs := make([]candidate, len(due))
	for i, h := range due {
		cs[i] = candidate{h, t.depth(h.key)}
		if at, ok := t.index.get(h.key); ok {
			t.nodes[at].flags &^= nodeHeld
		}
	}
	slices.SortStableFunc(cs, func(a, b candidate) int { return cmp.Compare(b.depth, a.depth) })
	for _, h := range cs {
		if p.dedupe.has(h.call.Tenant, h.call.ID) {
			continue
		}
		if t.decideContainer(h.key, h.parent) != held {
			p.metrics.containers.WithLabelValues("covered").Inc()
			continue
		}
		p.metrics.containers.WithLabelValues("counted").Inc()
		j := joined{parent: h.key, verdict: counted, container: true}
		if h.call.SpanID != "" {
			j.key = t.key(t.trace(h.call.TraceID), h.call.SpanID)
		}
		t.countContainer(h.key, h.parent, j.key, string(h.call.Source))
		recs, js = append(recs, llm.Record{Call: h.call}), append(js, j)
	}
	return recs, js
}
