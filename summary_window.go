package pitot

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The bounds of the window's memory: 240 slots of at most 49 cells of at most
// 2.4 KB, 28 MB where every slot is full and latencies reach from a millisecond
// to an hour in each cell. A cell is about 0.6 KB where they are of one order of
// magnitude; a program with one model and no users has one a slot, 150 KB.
const (
	windowSlots  = 240
	maxSlotCells = 24               // combinations that a slot tells apart
	maxFolded    = maxSlotCells * 2 // and with those without users and features
	maxCellTypes = 8                // error types of a cell
)

// window is the bounded memory of the last minutes: a ring of slots, each with
// cells for the combinations of provider, model, user and feature that were seen
// in it. Past maxSlotCells combinations a slot no longer tells users and
// features apart, and then no models either.
type window struct {
	slot  time.Duration
	now   func() time.Time
	start time.Time // of the memory

	mu    sync.Mutex
	slots []windowSlot
}

type windowSlot struct {
	number int64 // time / slot; 0 for never used
	cells  []*windowCell
	index  map[cellKey]int
	capped bool // combinations were folded
}

// cellKey are the dimensions that a filter can choose by.
type cellKey struct {
	provider, model, user, feature string
}

// windowCell counts the calls of one cellKey in one slot.
type windowCell struct {
	key cellKey
	cellSums
	latency, ttft sketch
	errorTypes    []errorCount
}

type errorCount struct {
	name string
	n    int64
}

// cellSums are the parts of a cell that add up.
type cellSums struct {
	requests, errors, slow int64
	input, output          int64   // tokens
	inputKnown             int64   // calls whose input tokens are known
	outputKnown            int64   // likewise
	generated              int64   // output tokens of calls with a known time of generation
	generating             float64 // that time, in seconds
	cost                   [costStates]float64
	priced                 [costStates]int64 // calls
	unpriced               int64
}

func (s *cellSums) add(o *cellSums) {
	s.requests += o.requests
	s.errors += o.errors
	s.slow += o.slow
	s.input += o.input
	s.output += o.output
	s.inputKnown += o.inputKnown
	s.outputKnown += o.outputKnown
	s.generated += o.generated
	s.generating += o.generating
	s.unpriced += o.unpriced
	for i := range s.cost {
		s.cost[i] += o.cost[i]
		s.priced[i] += o.priced[i]
	}
}

func newWindow(s *settings) *window {
	retained := s.numbers.retained
	if retained <= 0 {
		retained = defaultRetained
	}
	w := &window{slot: max(retained/windowSlots, time.Second), now: time.Now}
	w.start = w.now()
	// One more than the window: the oldest is covered in part only.
	w.slots = make([]windowSlot, int(retained/w.slot)+1)
	return w
}

func (w *window) number(t time.Time) int64 { return t.UnixNano() / int64(w.slot) }

// add counts a Call that has just ended.
func (w *window) add(c *llm.Call, s slow) {
	k := cellKey{c.Provider, c.Model(), c.User, c.Feature}
	n := w.number(w.now())
	w.mu.Lock()
	defer w.mu.Unlock()
	slot := &w.slots[int(n%int64(len(w.slots)))]
	if slot.number != n {
		slot.reset(n)
	}
	slot.cell(k).count(c, s)
}

// reset empties a slot for a new time. Its cells go: those of quiet times must
// not keep the memory of busy ones.
func (s *windowSlot) reset(n int64) {
	s.number, s.capped = n, false
	clear(s.cells)
	s.cells = s.cells[:0]
	clear(s.index)
}

func (s *windowSlot) cell(k cellKey) *windowCell {
	if len(s.cells) == 1 && s.cells[0].key == k {
		return s.cells[0]
	}
	if i, ok := s.index[k]; ok {
		return s.cells[i]
	}
	if len(s.cells) >= maxSlotCells {
		s.capped = true
		k.user, k.feature = otherValue, otherValue
		if i, ok := s.index[k]; ok {
			return s.cells[i]
		}
		if len(s.cells) >= maxFolded {
			k.provider, k.model = otherValue, otherValue
			if i, ok := s.index[k]; ok {
				return s.cells[i]
			}
		}
	}
	k = cellKey{strings.Clone(k.provider), strings.Clone(k.model), strings.Clone(k.user), strings.Clone(k.feature)}
	if s.index == nil {
		s.index = map[cellKey]int{}
	}
	s.index[k] = len(s.cells)
	c := &windowCell{key: k}
	s.cells = append(s.cells, c)
	return c
}

func (w *windowCell) count(c *llm.Call, s slow) {
	w.requests++
	if s != 0 {
		w.slow++
	}
	failed := c.Status == llm.StatusError
	if failed {
		w.errors++
		w.countError(c.ErrorType, 1)
	}
	if c.Duration > 0 {
		w.latency.add(c.Duration.Seconds())
	}
	if ttft, ok := c.TTFT.Get(); ok {
		w.ttft.add(ttft.Seconds())
	}
	if n, ok := c.Usage.InputTokens.Get(); ok && n >= 0 {
		w.input += n
		w.inputKnown++
	}
	if n, ok := c.Usage.OutputTokens.Get(); ok && n >= 0 {
		w.output += n
		w.outputKnown++
	}
	if rate, ok := c.TokensPerSecond().Get(); ok && !failed && rate > 0 {
		n := c.Usage.OutputTokens.Or(0)
		w.generated += n
		w.generating += float64(n) / rate
	}
	usd, ok := c.Cost.USD.Get()
	switch {
	case ok && usd >= 0:
		i := costReported
		switch c.Cost.State {
		case llm.CostComputed:
			i = costComputed
		case llm.CostEstimated:
			i = costEstimated
		case llm.CostReported, llm.CostUnpriced:
		}
		w.cost[i] += usd
		w.priced[i]++
	case !failed:
		w.unpriced++
	}
}

func (w *windowCell) countError(name string, n int64) {
	if name == "" {
		name = unknownErrorType
	}
	for i := range w.errorTypes {
		if e := &w.errorTypes[i]; e.name == name {
			e.n += n
			return
		}
	}
	if len(w.errorTypes) >= maxCellTypes {
		if name == otherValue {
			w.errorTypes[maxCellTypes-1].n += n
			return
		}
		if w.errorTypes[maxCellTypes-1].name == otherValue {
			w.errorTypes[maxCellTypes-1].n += n
			return
		}
	}
	if len(w.errorTypes) == maxCellTypes-1 {
		name = otherValue
	}
	w.errorTypes = append(w.errorTypes, errorCount{strings.Clone(name), n})
}

// total is what the cells of some slots add up to.
type total struct {
	cellSums
	latency, ttft distribution
	errorTypes    map[string]int64
}

func (t *total) add(c *windowCell) {
	t.cellSums.add(&c.cellSums)
	t.latency.add(&c.latency)
	t.ttft.add(&c.ttft)
	for _, e := range c.errorTypes {
		if t.errorTypes == nil {
			t.errorTypes = map[string]int64{}
		}
		if _, there := t.errorTypes[e.name]; !there && len(t.errorTypes) >= maxErrorTypes {
			e.name = otherValue
		}
		t.errorTypes[e.name] += e.n
	}
}

// span is the part of the memory that the last d cover, at the resolution of
// slots: the running slot and as many before it as d holds.
func (w *window) span(d time.Duration) (first, last int64, from, to time.Time) {
	to = w.now()
	last = w.number(to)
	n := int64((d + w.slot - 1) / w.slot)
	n = min(max(n, 1), int64(len(w.slots))-1)
	first = last - n
	from = time.Unix(0, first*int64(w.slot))
	if from.Before(w.start) {
		from = w.start
	}
	return first, last, from, to
}

// each yields the cells of the last d, slot by slot, so that a call that ends
// waits for one slot at most.
func (w *window) each(first, last int64, yield func(c *windowCell)) (capped bool) {
	for n := first; n <= last; n++ {
		if n < 0 {
			continue
		}
		capped = w.slotCells(n, yield) || capped
	}
	return capped
}

func (w *window) slotCells(n int64, yield func(c *windowCell)) (capped bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	slot := &w.slots[int(n%int64(len(w.slots)))]
	if slot.number != n {
		return false
	}
	for _, c := range slot.cells {
		yield(c)
	}
	return slot.capped
}

// sum adds up what matches over the last d.
func (w *window) sum(d time.Duration, match func(cellKey) bool) *total {
	first, last, _, _ := w.span(d)
	t := new(total)
	w.each(first, last, func(c *windowCell) {
		if match(c.key) {
			t.add(c)
		}
	})
	return t
}

// sortedErrors are error types by count.
func sortedErrors(m map[string]int64) []string {
	names := make([]string, 0, len(m))
	for k := range m {
		names = append(names, k)
	}
	slices.SortFunc(names, func(a, b string) int {
		if m[a] != m[b] {
			return int(min(max(m[b]-m[a], -1), 1))
		}
		return strings.Compare(a, b)
	})
	return names
}
