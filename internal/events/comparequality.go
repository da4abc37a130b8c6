package events

import (
	"context"
	"slices"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// maxQuality is the most judgements that a comparison reads, newest first.
	maxQuality = 50_000
	// maxJoined is the most of which the Calls are looked up.
	maxJoined = 20_000
	joinBatch = 2000
)

// scores are judgements of the Calls of a group.
type scores struct{ n, sum, squares float64 }

func (s *scores) add(v float64) {
	s.n++
	s.sum += v
	s.squares += v * v
}

func (s *scores) mean() float64 { return ratio(s.sum, s.n) }

// describe gives the mean with Wilson's interval. No score from 0 to 1 varies
// more than one that is 0 or 1, so that it is never too narrow, also where all
// scores are the same.
func (s *scores) describe() *ComparedQuality {
	if s.n == 0 {
		return nil
	}
	low, high := wilson(s.sum, s.n)
	return &ComparedQuality{Interval: Interval{Value: s.mean(), Low: llm.Some(low), High: llm.Some(high)}, Count: int64(s.n)}
}

// test is the p-value of both having one mean.
func (s *scores) test(o *scores) float64 {
	a, b := momentsOf(s.n, s.sum, s.squares, s.n), momentsOf(o.n, o.sum, o.squares, o.n)
	if a.variance == 0 || b.variance == 0 {
		return twoProportions(s.sum, s.n, o.sum, o.n)
	}
	return welch(a, b)
}

// judgedFields are the dimensions of Calls that judgements know, too.
var judgedFields = []string{"service", "provider", fieldModel, "operation", "feature", "prompt_name", "prompt_version"}

// judgedItself says whether judgements tell by themselves to which group they
// belong, and whether they match. They do not know the model that answered.
func (q *CompareQuery) judgedItself() bool {
	for _, f := range q.By {
		if !slices.Contains(judgedFields, f) {
			return false
		}
	}
	c := q.CallFilter
	c.Service, c.Provider, c.Operation, c.Feature, c.PromptName, c.Session, c.TraceID = "", "", "", "", "", "", ""
	c.Range = Range{}
	return c.userFilters() == nil && c.logsql() == (&CallFilter{}).logsql()
}

// addQuality adds the judgements of the Calls of each group.
func (s *Store) addQuality(ctx context.Context, q *CompareQuery, groups map[string]*compared) error {
	itself := q.judgedItself()
	limit := maxJoined
	fq := FeedbackQuery{Name: q.Judgement, Without: q.Without}
	if itself {
		limit = maxQuality
		fq.Service, fq.Provider, fq.Operation, fq.Feature, fq.PromptName = q.Service, q.Provider, q.Operation, q.Feature, q.PromptName
		fq.SessionID, fq.TraceID = q.Session, q.TraceID
	}
	fields := append([]string{"id", "feedback_id", "_time", "received", "supersedes", "score", "call_id"}, judgedFields...)
	rows, err := s.rows(ctx, request{
		op:    "read judgements",
		query: fq.logsql() + " | fields " + fieldList(fields) + " | sort by (_time desc) limit " + itoa(limit),
		r:     q.Range,
	})
	if err != nil || len(rows) == 0 {
		return err
	}
	fs, err := decodeFeedbacks(rows)
	if err != nil {
		return err
	}
	fs = slices.DeleteFunc(latest(fs), func(f Feedback) bool { return !f.Score.Known() })
	if !itself {
		return s.joinQuality(ctx, q, fs, groups)
	}
	for _, f := range fs {
		m := row{
			"service": f.Service, "provider": f.Provider, fieldModel: f.Model, "operation": string(f.Operation),
			"feature": f.Feature, "prompt_name": f.PromptName, "prompt_version": f.PromptVersion,
		}
		if g := groups[groupKey(m, q.By)]; g != nil {
			g.quality.add(f.Score.Or(0))
		}
	}
	return nil
}

// joinQuality looks up the Calls that were judged.
func (s *Store) joinQuality(ctx context.Context, q *CompareQuery, fs []Feedback, groups map[string]*compared) error {
	byCall := map[string][]float64{}
	for _, f := range fs {
		if f.CallID != "" {
			byCall[f.CallID] = append(byCall[f.CallID], f.Score.Or(0))
		}
	}
	for chunk := range slices.Chunk(sortedKeys(byCall), joinBatch) {
		err := s.each(ctx, request{
			op:      "find judged calls",
			query:   q.counted() + " id:" + in(chunk) + " | fields " + fieldList(append([]string{"id"}, q.By...)),
			filters: q.userFilters(), r: q.Range,
		}, func(m row) error {
			if g := groups[groupKey(m, q.By)]; g != nil {
				for _, v := range byCall[m["id"]] {
					g.quality.add(v)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}
