package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"

	"github.com/pitot-dev/pitot/internal/events"
)

func (s *server) sample(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.SampleQuery{
		CallFilter: p.filter(hour),
		By:         p.dimension("by", events.GroupFields()),
		Limit:      p.count("limit", 2000, events.MaxSample),
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	return s.Events.Sample(r.Context(), q)
}

func (s *server) compare(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	q := events.CompareQuery{
		CallFilter: p.filter(day),
		By:         p.dimensions("by", events.GroupFields()),
		Limit:      p.count("limit", 20, events.MaxCompared),
		Judgement:  p.get("judgement"),
	}
	if len(q.By) == 0 {
		q.By = []string{"model"}
	}
	if len(q.By) > 2 {
		p.fail(badParameter("by", strings.Join(q.By, ","), "one or two dimensions"))
	}
	q.Baseline = p.baseline(len(q.By))
	if err := p.check(); err != nil {
		return nil, err
	}
	if s.FailuresOnly != nil {
		q.Without = s.FailuresOnly()
	}
	return s.Events.Compare(r.Context(), q)
}

// baseline reads the values that name a group by so many dimensions: one value
// as it is, several as an array in JSON.
func (p *params) baseline(dimensions int) []string {
	s := p.get("baseline")
	if s == "" {
		return nil
	}
	var values []string
	if err := json.Unmarshal([]byte(s), &values); err == nil && len(values) == dimensions {
		return values
	}
	if dimensions == 1 {
		return []string{s}
	}
	p.fail(badParameter("baseline", s, fmt.Sprintf("an array of %d strings in JSON, one for each dimension of by", dimensions)))
	return nil
}
