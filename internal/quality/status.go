package quality

import (
	"maps"
	"slices"
	"time"
)

// Report is how everything that judges answers fares. What is counted is counted
// since the start of the program.
type Report struct {
	Share   float64 // of the answers, that the rules judge
	Sampled int64   // answers that were drawn for the rules
	Store   string  // which judgements of rules are kept: failed, all or none
	Waiting int     // answers that wait for the rules now
	// Dropped are answers that were not judged, and judgements that were not kept,
	// by reason.
	Dropped map[string]int64
	// CapUSD is what all judges together may cost in a day, SpentTodayUSD what they
	// did.
	CapUSD, SpentTodayUSD float64
	Rules                 []RuleStatus
	Judges                []Status
}

// RuleStatus is what a rule found.
type RuleStatus struct {
	Name           string
	Own            bool // a pattern of the user's
	Judged, Failed int64
}

// Status is how a judge fares.
type Status struct {
	Name          string
	Upstream      string
	Model         string
	Rubric        string // empty where it has instructions of its own
	Share         float64
	State         string // waiting, ok, failed, paused
	Detail        string
	Last          time.Time
	LastError     string
	LastErrorAt   time.Time
	Sampled       int64 // answers that were drawn for it
	Judged        int64
	Failed        int64 // of Judged: answers that it found bad
	Waiting       int
	SpentTodayUSD float64
	CapUSD        float64
	Unpriced      int64            // its calls of today whose cost is unknown
	Counts        map[string]int64 // answers that were given to it, by result
}

// tally counts the judgements of a rule or a judge.
type tally struct{ judged, failed int64 }

// count counts a judgement.
func (q *Quality) count(j *Judgement) {
	result := resultGood
	if j.Label != "" {
		result = resultBad
	}
	q.metrics.evaluated.WithLabelValues(j.Evaluator, result).Inc()
	q.mu.Lock()
	defer q.mu.Unlock()
	t := q.tallies[j.Evaluator]
	if t == nil {
		t = &tally{}
		q.tallies[j.Evaluator] = t
	}
	t.judged++
	if result == resultBad {
		t.failed++
	}
}

// drop counts what was not judged or not kept.
func (q *Quality) drop(reason string, n int) {
	q.metrics.dropped.WithLabelValues(reason).Add(float64(n))
	q.mu.Lock()
	defer q.mu.Unlock()
	q.dropped[reason] += int64(n)
}

// Status is how every judge fares, in the order of the configuration.
func (q *Quality) Status() []Status {
	now := q.o.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	var out []Status
	for _, b := range q.state.Load().judges {
		was := q.status[b.Name]
		if was == nil {
			continue // a reload is taking it away
		}
		st := *was
		st.Share, st.Waiting, st.Sampled = b.Share, len(b.queue), b.sampled.Load()
		if st.Rubric = b.Rubric; b.Instructions != "" {
			st.Rubric = ""
		}
		if t := q.tallies[b.Name]; t != nil {
			st.Judged, st.Failed = t.judged, t.failed
		}
		st.SpentTodayUSD, st.CapUSD, st.Unpriced = q.purse.Spent(b.Name, now)
		st.Counts = maps.Clone(st.Counts)
		out = append(out, st)
	}
	return out
}

// Report is how all fares.
func (q *Quality) Report() Report {
	s := q.state.Load()
	r := Report{
		Share: s.config.Share, Sampled: q.drawn.Load(), Store: s.config.Store, Waiting: len(q.queue), CapUSD: s.config.MaxUSDPerDay,
		Judges: q.Status(),
	}
	if r.Store == "" {
		r.Store = storeFailed
	}
	for i := range r.Judges {
		r.SpentTodayUSD += r.Judges[i].SpentTodayUSD
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	r.Dropped = maps.Clone(q.dropped)
	rule := func(name string, own bool) {
		st := RuleStatus{Name: name, Own: own}
		if t := q.tallies[name]; t != nil {
			st.Judged, st.Failed = t.judged, t.failed
		}
		r.Rules = append(r.Rules, st)
	}
	if s.config.Share == 0 {
		return r
	}
	for _, name := range ruleNames {
		if !slices.Contains(s.config.Disable, name) {
			rule(name, false)
		}
	}
	for i := range s.config.Patterns {
		rule(s.config.Patterns[i].Name, true)
	}
	return r
}

// FailuresOnly are the rules, also those that are off now, whose judgements are
// kept only where an answer failed: a mean of these says nothing. Empty where all
// are kept.
func (q *Quality) FailuresOnly() []string {
	c := &q.state.Load().config
	if c.Store == storeAll {
		return nil
	}
	out := slices.Clone(ruleNames)
	for i := range c.Patterns {
		out = append(out, c.Patterns[i].Name)
	}
	return out
}
