package server

import (
	"encoding/binary"
	"slices"
	"sync"
	"time"

	"github.com/cespare/xxhash/v2"
	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/quality"
)

// past counts and judges the Calls of a stretch of the past. They come in
// batches; what they count for waits until all of its time is there.
type past struct {
	s         *Server
	b         *metrics.Backfiller
	catalogue maskedObserver
	end       time.Time // of all of the past
	rules     *quality.Rules
	store     string // which judgements of rules are kept

	mu      sync.Mutex
	results []llm.Record // judgements of rules that are to be kept
	counts  []tallied
}

// tallied is what counts at a time: a Call or a judgement.
type tallied struct {
	at        time.Time
	call      *llm.Call
	judgement *llm.Feedback
	scoreOnly bool
}

func (s *Server) newPast(b *metrics.Backfiller, end time.Time) *past {
	c := s.current().Quality
	p := &past{s: s, b: b, catalogue: maskedObserver{b, s.masks}, end: end, store: c.Store}
	if c.Share > 0 {
		p.rules = quality.NewRules(&c)
	}
	return p
}

// has says whether a Call is one of the past.
func (p *past) has(c *llm.Call) bool { return !c.Time.Add(c.Duration).After(p.end) }

// ObserveCall takes note of a Call, and judges its answer by the rules, which do
// not look so far back themselves.
func (p *past) ObserveCall(c *llm.Call) {
	bare := *c // without what no metric is made of
	bare.Input, bare.Output, bare.Tools, bare.Params = nil, nil, nil, nil
	counts := []tallied{{at: c.Time.Add(c.Duration), call: &bare}}
	var results []llm.Record
	if p.rules != nil && c.Service != quality.ServiceName {
		for _, j := range p.rules.Evaluate(c) {
			f := judgementOfRule(c, &j)
			if p.store == "all" || p.store != "none" && j.Label != "" {
				results = append(results, llm.Record{Feedback: f})
			} else {
				counts = append(counts, tallied{at: f.Received, judgement: f, scoreOnly: true})
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = append(p.counts, counts...)
	p.results = append(p.results, results...)
}

func judgementOfRule(c *llm.Call, j *quality.Judgement) *llm.Feedback {
	return &llm.Feedback{
		ID: judgementID(c, j.Evaluator), Time: c.Time, Received: c.Time.Add(c.Duration),
		CallID: c.ID, TraceID: c.TraceID, SpanID: c.SpanID, ResponseID: c.ResponseID, SessionID: c.Session,
		Name: j.Evaluator, Evaluator: j.Evaluator, Score: llm.Some(j.Score), Label: j.Label, Comment: j.Explanation,
		Service: c.Service, Provider: c.Provider, Model: c.Model(), Operation: c.Operation,
		Feature: c.Feature, PromptName: c.PromptName, PromptVersion: c.PromptVersion,
	}
}

// judgementID is the id of a rule's judgement: the same whenever it is made.
func judgementID(c *llm.Call, evaluator string) string {
	var u ulid.ULID
	binary.BigEndian.PutUint64(u[8:], xxhash.Sum64String(c.ID+"\x00"+evaluator))
	if u.SetTime(ulid.Timestamp(c.Time)) != nil { // past the year 10889
		return ulid.Make().String()
	}
	return u.String()
}

// judgements are those that are to be kept, once.
func (p *past) judgements() []llm.Record {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := p.results
	p.results = nil
	return out
}

// judged takes note of a judgement that is kept.
func (p *past) judged(f *llm.Feedback) {
	bare := *f
	p.mu.Lock()
	defer p.mu.Unlock()
	p.counts = append(p.counts, tallied{at: f.Received, judgement: &bare})
}

// countUntil counts what is of a time before t.
func (p *past) countUntil(t time.Time) {
	p.mu.Lock()
	slices.SortStableFunc(p.counts, func(a, b tallied) int { return a.at.Compare(b.at) })
	n, _ := slices.BinarySearchFunc(p.counts, t, func(c tallied, t time.Time) int { return c.at.Compare(t) })
	due := p.counts[:n]
	p.counts = p.counts[n:]
	p.mu.Unlock()
	for _, c := range due {
		if c.call != nil {
			p.catalogue.ObserveCall(c.call)
			continue
		}
		p.countJudgement(c.judgement, c.scoreOnly)
	}
}

func (p *past) countJudgement(f *llm.Feedback, scoreOnly bool) {
	masked := *f
	masked.Comment, masked.Metadata = "", nil // they go nowhere
	p.s.masks.policy.Load().Feedback(&masked)
	p.b.Catalogue().ObserveFeedback(metrics.Feedback{
		Service: masked.Service, Provider: masked.Provider, Model: masked.Model, Method: string(masked.Operation),
		Evaluator: masked.Evaluator, Label: masked.Label, Score: masked.Score, ScoreOnly: scoreOnly,
	})
}
