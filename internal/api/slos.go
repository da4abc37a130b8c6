package api

import (
	"net/http"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/alert/rules"
	"github.com/pitot-dev/pitot/internal/alert/slo"
)

// SLOReport is how the objectives are doing.
type SLOReport struct {
	SLOs []slo.Status `json:"slos"`
}

// slos answers how the objectives are doing.
func (s *server) slos(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	out := SLOReport{SLOs: []slo.Status{}}
	if s.SLOs != nil {
		out.SLOs = append(out.SLOs, s.SLOs(r.Context())...)
	}
	return out, nil
}

// BudgetReport is how the budgets stand.
type BudgetReport struct {
	Budgets []budget.Status `json:"budgets"`
}

// budgets answers how the budgets stand.
func (s *server) budgets(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	out := BudgetReport{Budgets: []budget.Status{}}
	if s.Budgets != nil {
		out.Budgets = append(out.Budgets, s.Budgets()...)
	}
	return out, nil
}

// ruleFiles answers which rule files are in force. What their rules evaluate to
// is at Prometheus' /api/v1/rules.
func (s *server) ruleFiles(r *http.Request) (any, error) {
	if err := newParams(r, s.Now()).check(); err != nil {
		return nil, err
	}
	if s.Rules == nil {
		return rules.Status{Packs: []rules.PackInfo{}, Files: []rules.FileStatus{}}, nil
	}
	return s.Rules(), nil
}
