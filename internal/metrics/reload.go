package metrics

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
)

// Reload replaces the `prometheus:` section and leaves the model servers as they
// are. It is checked completely first; on any error the old one stays in force.
func (m *Metrics) Reload(section []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reload(Sections{Prometheus: section, ModelServers: m.sections.ModelServers})
}

// ReloadAll replaces all sections at once: what one of them gives up the other
// may take. On any error the old ones stay in force.
func (m *Metrics) ReloadAll(s Sections) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.reload(s)
}

// reload is the caller's who holds mu.
func (m *Metrics) reload(s Sections) error {
	if m.state == closed {
		return ErrClosed
	}
	cfg, err := m.load(s)
	if err != nil {
		m.reloadOK.Store(false)
		return fmt.Errorf("metrics: reload: %w", err)
	}
	if err := m.applyOrRestore(cfg); err != nil {
		m.reloadOK.Store(false)
		return fmt.Errorf("metrics: reload: %w", err)
	}
	m.sections = s
	m.accept(cfg)
	return nil
}

func (m *Metrics) accept(cfg *config.Config) {
	m.config.Store(cfg)
	m.reloadOK.Store(true)
	m.lastReloadOK.Store(time.Now().Unix())
}

// applyOrRestore applies cfg to every part, or leaves every part as it was.
func (m *Metrics) applyOrRestore(cfg *config.Config) error {
	apply := m.apply
	if m.state != running {
		apply = m.db.ApplyConfig // Start applies the rest
	}
	err := apply(cfg)
	if err == nil {
		return nil
	}
	if back := apply(m.config.Load()); back != nil {
		return errors.Join(err, fmt.Errorf("the old configuration cannot be restored, restart Pitot: %w", back))
	}
	return err
}

// apply hands cfg to every part that runs.
func (m *Metrics) apply(cfg *config.Config) error {
	steps := []struct {
		name  string
		apply func(*config.Config) error
	}{
		{"storage", m.db.ApplyConfig},
		{"remote storage", m.remote.ApplyConfig},
		// Scraping and notification come before their discovery: they must know
		// the configuration of the targets that it finds.
		{"scrape_configs", m.applyScrape},
		{"service discovery", m.applyDiscovery},
		{"alerting", m.notifier.ApplyConfig},
		{"alerting discovery", m.applyNotifyDiscovery},
		{"rules", m.applyRules},
	}
	for _, s := range steps {
		if err := s.apply(cfg); err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
	}
	return nil
}

// applyScrape leaves the scrape manager alone as long as there is nothing to
// scrape: to spread its load it looks up the host's own name in the DNS, which
// nobody has asked for then.
func (m *Metrics) applyScrape(cfg *config.Config) error {
	scrapes, err := cfg.GetScrapeConfigs()
	if err != nil {
		return err
	}
	if len(scrapes) == 0 && !m.scrapesUsed {
		return nil
	}
	m.scrapesUsed = true
	return m.scrape.ApplyConfig(cfg)
}

func (m *Metrics) applyDiscovery(cfg *config.Config) error {
	scrapes, err := cfg.GetScrapeConfigs()
	if err != nil {
		return err
	}
	c := make(map[string]discovery.Configs, len(scrapes))
	for _, s := range scrapes {
		c[s.JobName] = s.ServiceDiscoveryConfigs
	}
	return m.discovery.ApplyConfig(c)
}

func (m *Metrics) applyNotifyDiscovery(cfg *config.Config) error {
	c := make(map[string]discovery.Configs)
	for name, am := range cfg.AlertingConfig.AlertmanagerConfigs.ToMap() {
		c[name] = am.ServiceDiscoveryConfigs
	}
	return m.notifyDiscovery.ApplyConfig(c)
}

func (m *Metrics) applyRules(cfg *config.Config) error {
	files, err := ruleFiles(cfg)
	if err != nil {
		return err
	}
	g := &cfg.GlobalConfig
	if r := m.opts.Remote; r != nil && r.NoRules {
		return m.rules.Update(time.Duration(g.EvaluationInterval), nil, g.ExternalLabels, m.externalURL.String(), nil)
	}
	files = append(files, m.ruleFiles.names()...)
	return m.rules.Update(time.Duration(g.EvaluationInterval), files, g.ExternalLabels, m.externalURL.String(), nil)
}
