package pipeline

import (
	"unicode/utf8"

	"github.com/pitot-dev/pitot/internal/llm"
)

// verdict says who is counted.
type verdict uint8

const (
	counted    verdict = iota // the zero value: a record without relatives
	overCall                  // a Call beneath it is counted
	underCall                 // a Call above it was counted before it came
	sameSpan                  // another source's Call of the same span is counted
	besideCall                // a framework's: the provider's library beside it is counted
	held                      // a container: nobody beneath it is counted so far
)

// countedByKey is the attribute by which a demoted Call says who is counted in
// its place.
const countedByKey = "pitot.counted_by"

// The values of countedByKey.
const (
	countedByDescendant = "descendant"
	countedByAncestor   = "ancestor"
	countedByResponse   = "same_response"
	countedByEnclosed   = "enclosed"
)

// joined is what the join knows of one record of a batch.
type joined struct {
	key, parent spanKey
	verdict     verdict
	container   bool // the Call states a container's usage
}

// joinStep is how many records are joined before others get their turn.
const joinStep = 256

// join looks at records together, whatever their order: it links their spans,
// then decides which of their Calls are counted, and fills what a counted Call
// does not say from those that it stands for. The answers are appended to js, which is
// empty.
func (p *Pipeline) join(recs []llm.Record, js []joined) []joined {
	t := p.tree
	var traceID string
	var trace uint64
	for len(js) < len(recs) {
		from := len(js)
		to := min(from+joinStep, len(recs))
		for _, r := range recs[from:to] {
			traceOf, span, parent := fixIDs(r)
			var j joined
			if traceOf != "" {
				traceOf = scoped(r.Tenant(), traceOf)
				if traceOf != traceID {
					traceID, trace = traceOf, t.trace(traceOf)
				}
				j.key, j.parent = t.key(trace, span), t.key(trace, parent)
			}
			js = append(js, j)
		}
		t.mu.Lock()
		for i, r := range recs[from:to] {
			if j := js[from+i]; j.key != 0 || j.parent != 0 {
				t.link(j.key, j.parent, r.Call != nil)
			}
		}
		t.mu.Unlock()
	}
	over := false
	for from := 0; from < len(recs); from += joinStep {
		to := min(from+joinStep, len(recs))
		t.mu.Lock()
		for i := from; i < to; i++ {
			j := &js[i]
			switch r := recs[i]; {
			case r.Call != nil && (j.key != 0 || j.parent != 0):
				j.verdict = t.decide(j.key, j.parent, sourceOf(r))
				over = over || j.verdict == overCall
			case r.Span != nil && r.Span.Aggregate != nil:
				j.verdict = t.decideContainer(j.key, j.parent)
			}
		}
		t.mu.Unlock()
	}
	p.joinBeside(recs, js)
	if over {
		p.fillGaps(recs, js)
	}
	return js
}

// spanKeys returns the keys of a record that was journaled, and of its parent.
func (p *Pipeline) spanKeys(h header) (key, parent spanKey) {
	if h.trace == "" || h.kind == kindLog || h.kind == kindFeedback {
		return 0, 0
	}
	trace := p.tree.trace(scoped(h.tenant, h.trace))
	return p.tree.key(trace, h.span), p.tree.key(trace, h.parent)
}

// fixIDs brings the ids by which a record is linked into the form that
// normalize gives them, and returns them. Logs are not linked.
func fixIDs(r llm.Record) (trace, span, parent string) {
	var ids [3]*string
	switch {
	case r.Call != nil:
		ids = [...]*string{&r.Call.TraceID, &r.Call.SpanID, &r.Call.ParentSpanID}
	case r.Span != nil:
		ids = [...]*string{&r.Span.TraceID, &r.Span.SpanID, &r.Span.ParentSpanID}
	default:
		return "", "", ""
	}
	for _, id := range ids {
		fixID(id)
	}
	return *ids[0], *ids[1], *ids[2]
}

// fixID cleans an id of a trace or a span. One of zeros alone is none. Nearly
// all are clean, and there are three a span.
func fixID(id *string) {
	clean, zeros := len(*id) <= maxName, true
	for i := range len(*id) {
		c := (*id)[i]
		clean = clean && c < utf8.RuneSelf && (c < 'A' || c > 'F')
		zeros = zeros && c == '0'
	}
	switch {
	case zeros:
		*id = ""
	case !clean:
		fixName(id)
		*id = lowerHex(*id)
	}
}

// maxFill is how far above a Call its relatives are looked for.
const maxFill = 32

// fillGaps completes counted Calls with what the demoted ones of the same batch
// above them say of user, session and purpose: a framework knows on whose behalf
// it calls, the library beneath it does not. The nearest one wins.
func (p *Pipeline) fillGaps(recs []llm.Record, js []joined) {
	above := map[spanKey]*llm.Call{}
	for i, j := range js {
		if j.verdict == overCall && recs[i].Call != nil && j.key != 0 {
			above[j.key] = recs[i].Call
		}
	}
	t := p.tree
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, j := range js {
		c := recs[i].Call
		if c == nil || j.verdict != counted || j.parent == 0 {
			continue
		}
		at, ok := t.index.get(j.parent)
		for steps := 0; ok && steps < maxFill; steps++ {
			if from := above[t.nodes[at].key]; from != nil {
				fillGaps(c, from)
			}
			at, ok = t.up(at)
		}
	}
}

func fillGaps(c, from *llm.Call) {
	for _, f := range [...]struct {
		to   *string
		from string
	}{
		{&c.User, from.User},
		{&c.Session, from.Session},
		{&c.Feature, from.Feature},
		{&c.PromptName, from.PromptName},
		{&c.Agent, from.Agent},
		{&c.Workflow, from.Workflow},
		{&c.Service, from.Service},
		{&c.Environment, from.Environment},
	} {
		if *f.to == "" {
			*f.to = f.from
		}
	}
	if c.PromptVersion == "" && c.PromptName == from.PromptName {
		c.PromptVersion = from.PromptVersion
	}
	for k, v := range from.Tags {
		if _, ok := c.Tags[k]; !ok {
			if c.Tags == nil {
				c.Tags = map[string]string{}
			}
			c.Tags[k] = v
		}
	}
}

// demote makes the Span of a Call that another record counts.
func (p *Pipeline) demote(c *llm.Call, by string) *llm.Span {
	p.metrics.demoted.WithLabelValues(by).Inc()
	s := c.AsSpan() // its Attributes are its own
	s.Attributes[countedByKey] = by
	return s
}
