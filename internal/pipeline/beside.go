package pipeline

import (
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// beside finds the Call of a provider's library for the Call of a framework
// around it where the two share no link: instrumentations of LangChain in
// JavaScript put both beside each other, or in two traces. A framework's Call
// encloses the library's in time, of the same service and the same model; each
// of the library's answers for one of the framework's.
type beside struct {
	mu     sync.Mutex
	recent map[besideKey][]interval
}

type besideKey struct{ service, model string }

// interval is one Call of a provider's library.
type interval struct {
	key        spanKey
	start, end time.Time
	answersFor spanKey // the framework's Call; 0 while there is none
}

const (
	// maxBeside bounds the intervals that are remembered of a service and a model,
	// and maxBesideKeys how many of those there are; what is older is forgotten.
	maxBeside     = 128
	maxBesideKeys = 2048
	// besideSlack is how far a library's clock readings may lie outside of its
	// framework's: both come from one process.
	besideSlack = 10 * time.Millisecond
)

// frameworks are parts of the scopes of instrumentations of frameworks, whose
// Calls go through a provider's library.
var frameworks = [...]string{"langchain", "llama_index", "llamaindex", "llama-index", "haystack", "crewai", "dspy"}

func ofFramework(c *llm.Call) bool {
	if c.ResponseID != "" {
		return false // it can be recognised by that
	}
	scope := strings.ToLower(c.Scope)
	for _, f := range frameworks {
		if strings.Contains(scope, f) {
			return true
		}
	}
	return false
}

func besideKeyOf(c *llm.Call) besideKey {
	return besideKey{scoped(c.Tenant, c.Service), strings.ToLower(c.RequestModel)}
}

// besideWatched says whether a Call can take part: it comes from an
// instrumentation that names itself.
func besideWatched(c *llm.Call) bool {
	return c.Source == llm.SourceOTLP && c.Scope != "" && c.RequestModel != ""
}

// add remembers the Call of a provider's library.
func (b *beside) add(k spanKey, c *llm.Call) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.recent == nil || len(b.recent) >= maxBesideKeys {
		b.recent = map[besideKey][]interval{}
	}
	at := besideKeyOf(c)
	list := b.recent[at]
	for i := range list {
		if list[i].key == k {
			return // sent again
		}
	}
	if len(list) >= maxBeside {
		list = append(list[:0], list[1:]...)
	}
	b.recent[at] = append(list, interval{key: k, start: c.Time, end: c.Time.Add(c.Duration)})
}

// enclosed returns the library's Call that is the framework's Call k, 0 where
// there is none. The same Call sent again gets the same answer.
func (b *beside) enclosed(k spanKey, c *llm.Call) spanKey {
	from, to := c.Time.Add(-besideSlack), c.Time.Add(c.Duration+besideSlack)
	b.mu.Lock()
	defer b.mu.Unlock()
	list := b.recent[besideKeyOf(c)]
	for i := range list {
		if list[i].answersFor == k {
			return list[i].key
		}
	}
	for i := range list {
		if p := &list[i]; p.answersFor == 0 && !p.start.Before(from) && !p.end.After(to) {
			p.answersFor = k
			return p.key
		}
	}
	return 0
}

// joinBeside decides on the Calls of frameworks among recs. What a library's
// Call does not say is taken from the framework's where both are at hand: user
// and session, and the usage of a stream, which some libraries do not read.
func (p *Pipeline) joinBeside(recs []llm.Record, js []joined) {
	framework := false
	for i, r := range recs {
		c := r.Call
		switch {
		case c == nil || js[i].key == 0 || !besideWatched(c):
		case ofFramework(c):
			framework = true
		default:
			p.beside.add(js[i].key, c)
		}
	}
	if !framework {
		return
	}
	libraries := map[spanKey]*llm.Call{}
	for i, r := range recs {
		if c := r.Call; c != nil && js[i].verdict == counted && !ofFramework(c) {
			libraries[js[i].key] = c
		}
	}
	for i, r := range recs {
		c := r.Call
		if c == nil || js[i].key == 0 || js[i].verdict != counted || !besideWatched(c) || !ofFramework(c) {
			continue
		}
		k := p.beside.enclosed(js[i].key, c)
		if k == 0 {
			continue
		}
		js[i].verdict = besideCall
		if to := libraries[k]; to != nil {
			fillGaps(to, c)
			if to.Usage.Source != llm.UsageReported && c.Usage.Source == llm.UsageReported {
				to.Usage = c.Usage
			}
		}
	}
}
