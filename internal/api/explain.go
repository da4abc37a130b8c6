package api

import (
	"cmp"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/explain"
)

const (
	// defaultExplainWindow is what is looked at where no range is given.
	defaultExplainWindow = time.Hour
	maxCauses            = 20
)

// explain answers what changed between a window of Calls and a baseline.
func (s *server) explain(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	req := explain.Request{Direction: direction(p.oneOf("direction", "up", "down"))}
	name := cmp.Or(p.get("metric"), string(explain.ErrorRate))
	start, end := p.timeRange(defaultExplainWindow)
	req.Window = selection(p, "select", "query")
	req.Window.Ranges = []explain.Range{{Start: start, End: end}}
	req.Baseline = selection(p, "baseline", "baseline_query")
	if from, to := p.time("baseline_start", time.Time{}), p.time("baseline_end", time.Time{}); !from.IsZero() || !to.IsZero() {
		if from.IsZero() || to.IsZero() || !from.Before(to) {
			p.fail(badParameter("baseline_start", p.get("baseline_start"), "baseline_start and baseline_end, the first before the second"))
		}
		req.Baseline.Ranges = []explain.Range{{Start: from, End: to}}
	}
	req.MaxCauses = p.count("causes", explain.DefaultMaxCauses, maxCauses)
	req.MaxDepth = p.count("depth", explain.DefaultMaxDepth, explain.DefaultMaxDepth)
	if zone := p.get("time_zone"); zone != "" {
		loc, err := time.LoadLocation(zone)
		if err != nil {
			p.fail(badParameter("time_zone", zone, "a name such as Asia/Shanghai or Europe/Berlin"))
		}
		req.Location = loc
	}
	metric, ok := explain.ParseMetric(name)
	if !ok {
		p.fail(badParameter("metric", name, "one of "+strings.Join(explain.MetricNames(), ", ")))
	}
	req.Metric = metric
	if err := p.check(); err != nil {
		return nil, err
	}
	// Only what was said of the baseline makes one of its own.
	if len(req.Baseline.Terms) > 0 || req.Baseline.Query != "" {
		if len(req.Baseline.Ranges) == 0 {
			req.Baseline.Ranges = req.Window.Ranges
		}
	} else if len(req.Baseline.Ranges) > 0 {
		req.Baseline.Terms, req.Baseline.Query = req.Window.Terms, req.Window.Query
	}
	e, err := s.Explain(r.Context(), req)
	if wrong, ok := errors.AsType[*explain.RequestError](err); ok {
		return nil, &Error{http.StatusBadRequest, CodeBadParameter, wrong.Param + ": " + wrong.Message, "docs/explain.md has the form of a request"}
	}
	return e, err
}

// selection reads the two forms of a selection.
func selection(p *params, terms, query string) explain.Selection {
	text := p.get(terms)
	sel, err := explain.ParseSelection(text)
	if err != nil {
		p.fail(badParameter(terms, strconv.Quote(text), "conditions such as provider=openai duration>=2s: "+err.Error()))
	}
	sel.Query = p.get(query)
	return sel
}

func direction(word string) int {
	switch word {
	case "up":
		return 1
	case "down":
		return -1
	}
	return 0
}
