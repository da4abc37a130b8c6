package metrics

import (
	"sync"

	dto "github.com/prometheus/client_model/go"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Feedback is one judgement of an answer.
type Feedback struct {
	Tenant                           string
	Service, Provider, Model, Method string // of the Call that is judged, where known
	// Evaluator says who judged: user, or an evaluator's name.
	Evaluator string
	// Label is the judgement in words, of low cardinality: thumbs_up, correct.
	Label string
	// Score is on a scale of 0 to 1.
	Score llm.Opt[float64]
	// ScoreOnly leaves it out of llm_feedback_total: it is a check that every
	// answer goes through, of which nobody wants to read.
	ScoreOnly bool
}

type judgedKey struct{ tenant, service, provider, model, method, evaluator, label string }

// judgedCell counts the Feedback of one label set.
type judgedCell struct {
	key judgedKey

	mu      sync.Mutex
	total   counterCell
	quality histCell
}

// ObserveFeedback counts a judgement, and its score where it has one.
func (c *Catalogue) ObserveFeedback(f Feedback) {
	if f.Evaluator == "" {
		f.Evaluator = "user"
	}
	tenant := ""
	if c.tenants {
		tenant = c.dims[0].limit.admit(f.Tenant)
	}
	key := judgedKey{
		tenant, c.services.admit(f.Service), c.providers.admit(f.Provider), c.models.admit(f.Model), c.methods.admit(f.Method),
		c.evaluators.admit(f.Evaluator), c.feedback.admit(f.Label),
	}
	at := c.now().UnixMilli()
	if !f.ScoreOnly {
		c.count(key, at)
	}
	if s, ok := f.Score.Get(); ok {
		key.label = "" // a score has an evaluator and no label
		c.score(key, min(max(s, 0), 1), at)
	}
}

func (c *Catalogue) count(key judgedKey, at int64) {
	cell := c.judgedCell(key)
	cell.mu.Lock()
	defer cell.mu.Unlock()
	if cell.total.labels == nil {
		cell.total.labels = withPair(cell.key.pairs(), labelFeedback, cell.key.label)
		cell.total.made = millisTimestamp(at)
	}
	cell.total.value++
}

func (c *Catalogue) score(key judgedKey, v float64, at int64) {
	cell := c.judgedCell(key)
	cell.mu.Lock()
	defer cell.mu.Unlock()
	if cell.quality.hist == nil {
		cell.quality = histCell{hist: newHistogram(&c.fams[famQuality]), labels: cell.key.pairs(), made: millisTimestamp(at)}
	}
	cell.quality.hist.observe(v, "", at)
}

func (c *Catalogue) judgedCell(key judgedKey) *judgedCell {
	c.mu.Lock()
	defer c.mu.Unlock()
	cell := c.judged[key]
	if cell == nil && len(c.judged) >= c.limits.Judged {
		key = judgedKey{Other, Other, Other, Other, Other, Other, Other}
		cell = c.judged[key]
	}
	if cell == nil {
		cell = &judgedCell{key: key}
		c.judged[key] = cell
	}
	return cell
}

func (k judgedKey) pairs() []*dto.LabelPair {
	p := []*dto.LabelPair{
		pair(labelService, k.service), pair(labelProvider, k.provider), pair(labelModel, k.model),
		pair(labelMethod, k.method), pair(labelEvaluator, k.evaluator),
	}
	if k.tenant != llm.DefaultTenant {
		p = append(p, pair(llm.TenantLabel, k.tenant))
	}
	sortPairs(p)
	return p
}

func (cell *judgedCell) gather(out *[familyCount][]*dto.Metric) {
	cell.mu.Lock()
	defer cell.mu.Unlock()
	if t := &cell.total; t.labels != nil {
		out[famFeedback] = append(out[famFeedback], &dto.Metric{
			Label:   t.labels,
			Counter: &dto.Counter{Value: new(t.value), CreatedTimestamp: t.made},
		})
	}
	if q := &cell.quality; q.hist != nil {
		out[famQuality] = append(out[famQuality], &dto.Metric{Label: q.labels, Histogram: q.hist.write(q.made)})
	}
}
