package server

import (
	"fmt"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/budget"
	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/price"
	"github.com/pitot-dev/pitot/internal/redact"
)

// steps builds what the pipeline does to a record from the configuration.
func steps(c *config.Config) (*price.Table, *redact.Policy, error) {
	prices, err := price.New(c.Prices)
	if err != nil {
		return nil, nil, fmt.Errorf("prices: %w", err)
	}
	policy, err := redact.New(c.Capture)
	if err != nil {
		return nil, nil, fmt.Errorf("capture: %w", err)
	}
	return prices, policy, nil
}

// Reload reads the configuration again. Everything is validated and built
// before anything changes; on error the old stays, and the error says why.
func (s *Server) Reload() error {
	s.reloadMu.Lock()
	defer s.reloadMu.Unlock()
	err := s.reload()
	s.stateMu.Lock()
	s.reloadErr = err
	if err == nil {
		s.reloaded = time.Now().UTC()
	}
	s.stateMu.Unlock()
	if err != nil {
		s.log.Error("reload failed: the running configuration stays in force", "err", err)
		return err
	}
	s.log.Info("configuration reloaded")
	return nil
}

func (s *Server) reload() error {
	next, err := s.load()
	if err != nil {
		return err
	}
	current := s.current()
	if fixed := config.NonReloadable(current, next); len(fixed) > 0 {
		return fmt.Errorf("a reload cannot change %s: restart the server for that", strings.Join(fixed, ", "))
	}
	prices, policy, err := steps(next)
	if err != nil {
		return err
	}
	budgets, err := budget.Parse(next.Budgets.Text)
	if err != nil {
		return fmt.Errorf("budgets: %w", err)
	}
	set, err := loadSLOs(next)
	if err != nil {
		return err
	}
	// From here on only the system can fail, not the configuration. The gateway
	// goes first: it builds all of its upstreams before it swaps.
	if err := s.gateway.Reload(next.Gateway); err != nil {
		return err
	}
	if err := s.auth.Reload(s.authConfig(next, s.web.users())); err != nil {
		return err
	}
	if err := s.metrics.ReloadAll(metrics.Sections{Prometheus: next.Prometheus.Text, ModelServers: next.ModelServers.Text}); err != nil {
		// Validated above; if it fails all the same, the gateway goes back.
		if back := s.gateway.Reload(current.Gateway); back != nil {
			s.log.Error("the gateway could not go back to its old upstreams", "err", back)
		}
		return fmt.Errorf("prometheus: %w", err)
	}
	if err := s.pipeline.Reload(next.Pipeline, prices, policy); err != nil {
		return err
	}
	if err := s.intake.reload(next); err != nil {
		return err
	}
	if s.opts.Role == RoleCapture {
		// Query replicas notify.
	} else if err := s.alerts.Reload(alertmanagerConfig(next)); err != nil {
		return fmt.Errorf("alertmanager: %w", err)
	}
	if err := s.budgets.Apply(budgets); err != nil {
		return fmt.Errorf("budgets: %w", err)
	}
	s.slos.Store(set)
	if err := s.rules.Reload(next.Rules); err != nil {
		return err
	}
	if err := s.metrics.SetRules(s.ruleFiles()); err != nil {
		return err
	}
	if err := s.probes.Reload(next.Probes); err != nil {
		return err
	}
	if err := s.reloadQuality(next); err != nil {
		return err
	}
	s.masks.policy.Store(policy)
	s.prices.Store(prices)
	s.stateMu.Lock()
	s.config = next
	s.stateMu.Unlock()
	return nil
}

func (s *Server) current() *config.Config {
	s.stateMu.Lock()
	defer s.stateMu.Unlock()
	return s.config
}
