package semconv

import (
	"strings"
	"time"

	"github.com/valyala/fastjson"
	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/pitot-dev/pitot/internal/llm"
)

// maxOperations is how many sources say what a span does.
const maxOperations = 24

// hit is the best value found for a field so far.
type hit struct {
	rank uint8 // 0: none
	s    string
	n    int64
	f    float64
	v    pcommon.Value
	src  *source
}

// scratch is what one pass over the attributes of a span or log record fills.
// It is used again for the next one.
type scratch struct {
	l       *lookup
	hits    [numFields]hit
	touched []field
	// ops are all statements of what the span does, by rank: one that means
	// nothing to us must not hide the next.
	ops     [maxOperations]string
	opsSeen bool

	in, out flatList
	tools   flatTools
	docs    flatDocs
	texts   flatTexts
	params  map[string]any
	tags    map[string]string

	// langChain is the provider that LangChain's metadata names.
	langChain string
	hints     uint64 // bits of dialects
	over      bool   // more attributes than are kept
	parser    fastjson.Parser
}

func (n *Normalizer) newScratch() *scratch {
	return &scratch{l: n.lookup, touched: make([]field, 0, numFields)}
}

// reset forgets all but the buffers. A hit without a rank is none, whatever
// else stands in it: writing pointers costs.
func (sc *scratch) reset() {
	for _, f := range sc.touched {
		sc.hits[f].rank = 0
	}
	sc.touched = sc.touched[:0]
	if sc.opsSeen {
		clear(sc.ops[:])
		sc.opsSeen = false
	}
	sc.in.reset()
	sc.out.reset()
	sc.tools = sc.tools[:0]
	sc.docs = sc.docs[:0]
	sc.texts = sc.texts[:0]
	sc.params, sc.tags, sc.langChain = nil, nil, ""
	sc.hints, sc.over = 0, false
}

// collect reads attributes into the fields and returns those that are kept as
// they are. It may be called several times for one record: what is there stays
// where it is as good.
func (sc *scratch) collect(m pcommon.Map, keep map[string]any) map[string]any {
	if m.Len() == 0 {
		return keep
	}
	if keep == nil {
		keep = make(map[string]any, min(m.Len(), maxAttributes))
	}
	var left budget
	for key, v := range m.All() {
		if v.Type() == pcommon.ValueTypeEmpty || key == "" {
			continue
		}
		if len(keep) >= maxAttributes {
			sc.over = true
			break
		}
		if sc.take(key, v) {
			continue
		}
		keep[clean(key)] = left.anyOf(v, 0)
	}
	if left.values > maxValues {
		sc.over = true
	}
	return keep
}

// take reads one attribute and says whether it is content, which leaves the
// attributes.
func (sc *scratch) take(key string, v pcommon.Value) (content bool) {
	if b := sc.l.exact[key]; b != nil {
		sc.hints |= 1 << b.dialect
		for i := range b.targets {
			sc.feed(&b.targets[i], v)
		}
		return b.content
	}
	p := sc.l.prefix(key)
	if p == nil {
		return false
	}
	rest := key[len(p.key):]
	taken := true
	switch p.group {
	case gInput:
		taken = sc.in.add(rest, v)
	case gOutput:
		taken = sc.out.add(rest, v)
	case gTools:
		taken = sc.tools.add(rest, v)
	case gDocuments:
		taken = sc.docs.add(rest, v)
	case gTexts:
		taken = sc.texts.add(rest, v)
	case gParams:
		if p.dialect == dPitot {
			sc.ownParam(rest, v)
		} else {
			sc.param(rest, v)
		}
	case gTags:
		sc.tag(rest, v)
	case noGroup:
	}
	if taken {
		sc.hints |= 1 << p.dialect
	} else {
		sc.hints |= 1 << sc.l.hint(key)
	}
	return p.content && taken
}

// feed offers a value to a field.
func (sc *scratch) feed(t *target, v pcommon.Value) {
	h := &sc.hits[t.field]
	if h.rank != 0 && h.rank <= t.rank && t.field != fOperation {
		return
	}
	x := hit{rank: t.rank, v: v, src: t.src}
	ok := true
	switch t.as {
	case asText:
		x.s = unquote(textOf(v))
		ok = strings.TrimSpace(x.s) != ""
	case asPrefix:
		if x.s = textOf(v); strings.ContainsAny(x.s, "./") {
			x.s = x.s[:strings.IndexAny(x.s, "./")]
		}
		ok = x.s != ""
	case asHost:
		x.s = hostOf(textOf(v))
		ok = x.s != ""
	case asCount:
		x.n, ok = countOf(v)
	case asAmount:
		x.f, ok = amountOf(v)
	case asFlag:
		var on bool
		if on, ok = flagOf(v); on {
			x.n = 1
		}
	case asList:
		ok = v.Type() != pcommon.ValueTypeStr || v.Str() != ""
	case asAny:
		ok = !emptyContent(v)
	case asSeconds:
		var d time.Duration
		d, ok = durationOf(v, time.Second)
		x.n = int64(d)
	case asMillis:
		var d time.Duration
		d, ok = durationOf(v, time.Millisecond)
		x.n = int64(d)
	case asMoment:
		var at time.Time
		at, ok = momentOf(v)
		x.n = at.UnixNano()
	}
	if !ok {
		return
	}
	if t.field == fOperation {
		sc.opsSeen = true
		if int(t.rank) < len(sc.ops) {
			sc.ops[t.rank] = x.s
		}
		return
	}
	if h.rank == 0 {
		sc.touched = append(sc.touched, t.field)
	}
	*h = x
}

// unquote takes the quotes off text that came as a JSON string, as MLflow's does.
func unquote(s string) string {
	if len(s) >= 2 && s[0] == '"' && s[len(s)-1] == '"' {
		return s[1 : len(s)-1]
	}
	return s
}

// emptyContent says whether content says nothing.
func emptyContent(v pcommon.Value) bool {
	switch v.Type() {
	case pcommon.ValueTypeStr:
		switch v.Str() {
		case "", "[]", "{}", "null", `""`:
			return true
		}
		return false
	case pcommon.ValueTypeSlice:
		return v.Slice().Len() == 0
	case pcommon.ValueTypeMap:
		return v.Map().Len() == 0
	case pcommon.ValueTypeEmpty:
		return true
	default:
		return false
	}
}

func (sc *scratch) has(f field) bool { return sc.hits[f].rank != 0 }

// str is a field's text, "" where there is none.
func (sc *scratch) str(f field) string {
	if h := &sc.hits[f]; h.rank != 0 {
		return clean(h.s)
	}
	return ""
}

// on says whether a flag is set.
func (sc *scratch) on(f field) bool { return sc.hits[f].rank != 0 && sc.hits[f].n == 1 }

// source is where a field's value came from, nil where there is none.
func (sc *scratch) source(f field) *source {
	if h := &sc.hits[f]; h.rank != 0 {
		return h.src
	}
	return nil
}

func (sc *scratch) count(f field) llm.Opt[int64] {
	if h := &sc.hits[f]; h.rank != 0 {
		return llm.Some(h.n)
	}
	return llm.Opt[int64]{}
}

func (sc *scratch) amount(f field) llm.Opt[float64] {
	if h := &sc.hits[f]; h.rank != 0 {
		return llm.Some(h.f)
	}
	return llm.Opt[float64]{}
}

func (sc *scratch) duration(f field) llm.Opt[time.Duration] {
	if h := &sc.hits[f]; h.rank != 0 {
		return llm.Some(time.Duration(h.n))
	}
	return llm.Opt[time.Duration]{}
}

// dialect is the sender that the attributes speak of.
func (sc *scratch) dialect() dialect {
	for d := dNone + 1; d < numDialects; d++ {
		if sc.hints&(1<<d) != 0 {
			return d
		}
	}
	return dNone
}
