package semconv

import (
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Options are the settings of a Normalizer. The zero value is ready to use.
type Options struct {
	// Now is the clock that senders' clocks are compared with; nil means
	// time.Now.
	Now func() time.Time
}

// Normalizer turns telemetry into records. It is safe for concurrent use.
type Normalizer struct {
	now       func() time.Time
	lookup    *lookup
	roles     map[string]role
	names     map[string]llm.Operation
	libraries map[string]string
	pool      sync.Pool // of *scratch
}

// Result is what a batch became.
type Result struct {
	Records []llm.Record
	// Evaluations are judgements of calls that came as log records; each is in
	// Records too, as a Log.
	Evaluations []Evaluation
	// Rejected is how many spans or log records were not kept.
	Rejected int
	// Reasons says in at most a few sentences what was rejected and why.
	Reasons []string
}

// Evaluation is a judgement of a model's answer: gen_ai.evaluation.result.
type Evaluation struct {
	Time        time.Time
	TraceID     string
	SpanID      string
	ResponseID  string
	Name        string
	Score       llm.Opt[float64]
	Label       string
	Explanation string
	Evaluator   string `json:",omitempty"` // who judged, where Pitot's SDK says it
	User        string `json:",omitempty"`
	Session     string `json:",omitempty"`
	Key         string `json:",omitempty"` // of judgements with one key, one counts
}

// New returns a Normalizer.
func New(o Options) *Normalizer {
	n := &Normalizer{now: o.Now, lookup: compile(), roles: roles(), names: nameOperations(), libraries: libraries()}
	if n.now == nil {
		n.now = time.Now
	}
	n.pool.New = func() any { return n.newScratch() }
	return n
}

// scratch borrows a scratch; release gives it back.
func (n *Normalizer) scratch() *scratch {
	if sc, ok := n.pool.Get().(*scratch); ok {
		return sc
	}
	return n.newScratch()
}

func (n *Normalizer) release(sc *scratch) {
	sc.reset()
	clear(sc.hits[:]) // keep nobody's batch alive
	clear(sc.tools[:cap(sc.tools)])
	clear(sc.docs[:cap(sc.docs)])
	clear(sc.texts[:cap(sc.texts)])
	n.pool.Put(sc)
}

// rejections counts what is not kept, by reason.
type rejections struct {
	total   int
	reasons []string
	counts  []int
}

func (r *rejections) add(reason string) {
	r.total++
	for i, s := range r.reasons {
		if s == reason {
			r.counts[i]++
			return
		}
	}
	r.reasons = append(r.reasons, reason)
	r.counts = append(r.counts, 1)
}

// into reports the rejections in a Result.
func (r *rejections) into(res *Result, what string) {
	res.Rejected = r.total
	for i, s := range r.reasons {
		res.Reasons = append(res.Reasons, fmt.Sprintf("%d %s rejected: %s", r.counts[i], what, s))
	}
}

// origin is what all spans or log records of one resource share.
type origin struct {
	service     string
	environment string
	attributes  map[string]any
	dialect     dialect
}

// originOf reads a resource.
func originOf(r pcommon.Resource) origin {
	var o origin
	m := r.Attributes()
	var left budget
	for key, v := range m.All() {
		switch key {
		case "service.name":
			o.service = clean(textOf(v))
			continue
		case "deployment.environment.name":
			o.environment = clean(textOf(v))
			continue
		case "deployment.environment":
			if o.environment == "" {
				o.environment = clean(textOf(v))
			}
			continue
		}
		if v.Type() == pcommon.ValueTypeEmpty || key == "" {
			continue
		}
		if o.attributes == nil {
			o.attributes = make(map[string]any, min(m.Len(), maxAttributes))
		}
		if len(o.attributes) >= maxAttributes {
			break
		}
		o.attributes[clean(key)] = left.anyOf(v, 0)
	}
	o.dialect = resourceDialect(o.service, m)
	return o
}

// scope is what all records of one instrumentation scope share.
type scope struct {
	name, version string
	dialect       dialect
	source        llm.Source
}

func scopeOf(s pcommon.InstrumentationScope, o *origin) scope {
	out := scope{name: clean(s.Name()), version: clean(s.Version()), source: llm.SourceOTLP, dialect: scopeDialect(s.Name())}
	if o.dialect != dNone && out.dialect != dPitot {
		out.dialect = o.dialect
	}
	if s.Name() == sdkScope {
		out.source = llm.SourceSDK
	}
	return out
}

// dialectFor is the dialect of one record: the scope's where the scope says it.
func (s *scope) dialectFor(sc *scratch) dialect {
	if s.dialect != dNone {
		return s.dialect
	}
	return sc.dialect()
}

const (
	maxAhead  = time.Hour
	maxBehind = 48 * time.Hour
)

// skewed says whether a sender's clock must be wrong: telemetry from the future,
// or from days ago. It is kept: late is better than lost.
func (n *Normalizer) skewed(t time.Time) bool {
	d := n.now().Sub(t)
	return d < -maxAhead || d > maxBehind
}
