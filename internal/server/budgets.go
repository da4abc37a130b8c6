package server

import (
	"context"
	"maps"
	"path/filepath"
	"strconv"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/alert/manager"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/explain"
	"github.com/pitot-dev/pitot/internal/gateway"
	"github.com/pitot-dev/pitot/internal/llm"
)

// buildBudgets opens the accounts. A snapshot that cannot be read is filled
// again from the store.
func (s *Server) buildBudgets() error {
	c, err := budget.Parse(s.config.Budgets.Text)
	if err != nil {
		return err
	}
	s.budgets, err = budget.New(c, budget.Options{
		Path: filepath.Join(s.opts.DataDir, "budgets.json"), Notify: s.notifyBudgets, Logger: s.component("budgets"), Remember: s.rememberedCalls(),
	})
	s.budgetHistory = newAlertHistory(s.metrics)
	if s.budgets == nil {
		return err
	}
	if err != nil {
		s.component("budgets").Warn("the budgets' state is read from the calls again", "err", err)
	}
	return s.metrics.Registerer().Register(s.budgets.Collector())
}

// rebuildInterval is how often budgets that lack calls are filled from the store.
const rebuildInterval = 10 * time.Second

// runBudgets notifies, and fills budgets that are new or whose last calls a crash
// has taken.
func (s *Server) runBudgets(ctx context.Context) {
	filled := make(chan struct{})
	go func() {
		defer close(filled)
		tick := time.NewTicker(rebuildInterval)
		defer tick.Stop()
		for {
			if from, missing := s.budgets.ReplayFrom(); missing && s.ready() == nil {
				err := s.budgets.Rebuild(ctx, s.events.EachCall(ctx, events.Range{Start: from, End: time.Now()}))
				if err != nil && ctx.Err() == nil {
					s.component("budgets").Warn("a budget is not complete yet: the store is asked again", "err", err)
				}
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	}()
	history := make(chan struct{})
	go func() {
		defer close(history)
		s.budgetHistory.run(ctx, func(err error) { s.component("budgets").Warn("the history of alerts lacks budgets", "err", err) })
	}()
	if err := s.budgets.Run(ctx); err != nil && ctx.Err() == nil {
		s.component("budgets").Error("budgets notify no more", "err", err)
	}
	<-filled
	<-history
}

// budgetAlertFor is how long a notification of a budget counts as firing. It is
// told once; the Alertmanager's groups repeat it as they are set to.
const budgetAlertFor = time.Hour

// notifyBudgets hands passed thresholds to the Alertmanager.
func (s *Server) notifyBudgets(ctx context.Context, alerts []budget.Alert) error {
	if s.opts.Role == RoleCapture {
		return nil // query replicas notify
	}
	out := make([]manager.Alert, 0, len(alerts))
	for i := range alerts {
		out = append(out, budgetAlert(&alerts[i], s.externalURL()))
	}
	s.alerts.Notify(ctx, out)
	if ctx.Err() == nil { // else they are tried again
		s.budgetHistory.add(out)
	}
	return ctx.Err()
}

func budgetAlert(a *budget.Alert, externalURL string) manager.Alert {
	labels := maps.Clone(a.Labels)
	if labels == nil {
		labels = map[string]string{}
	}
	name, threshold := "BudgetThreshold", strconv.FormatFloat(a.Threshold, 'f', -1, 64)
	if a.Threshold == 0 {
		name, threshold = "BudgetForecast", "forecast"
	}
	maps.Copy(labels, map[string]string{"alertname": name, "budget": a.Budget, "threshold": threshold, "severity": a.Severity()})
	if a.Dimension != "" {
		labels["dimension"], labels["account"] = a.Dimension, a.Account
		if _, known := explain.ParseDim(a.Dimension); known {
			labels[a.Dimension] = a.Account // so that the explanation is about its calls
		}
	}
	if !a.Rolling { // the next period's is another alert
		labels["period_start"] = a.Start.UTC().Format(time.RFC3339)
	}
	metric := explain.Cost
	if a.Unit == budget.Tokens {
		metric = explain.TotalTokens
	}
	return manager.Alert{
		Labels: labels, StartsAt: a.At, EndsAt: time.Now().Add(budgetAlertFor), Value: a.Spent,
		Annotations: map[string]string{
			"summary": a.Summary(), "summary_zh": a.SummaryZH(), "description": a.Description, explain.MetricAnnotation: string(metric),
		},
		GeneratorURL: externalURL + "/api/pitot/v1/budgets",
	}
}

// budgetObserver counts Calls as they were priced.
type budgetObserver struct{ *budget.Engine }

// ObserveCall counts a Call.
func (o budgetObserver) ObserveCall(c *llm.Call) { o.Record(c) }

// budgetGuard lets the gateway ask the budgets.
type budgetGuard struct{ *budget.Engine }

// Admit asks whether a Call may start.
func (g budgetGuard) Admit(c *llm.Call) gateway.Verdict {
	d := g.Allow(context.Background(), budget.RequestOf(c))
	v := gateway.Verdict{Deny: d.Deny, Message: d.Message, Warning: d.Warning}
	if d.Deny && !d.ResetAt.IsZero() {
		v.RetryAfter = max(time.Until(d.ResetAt), time.Second)
	}
	return v
}
