package rules

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// Config is the `rules:` section.
type Config struct {
	Packs       map[string]PackConfig `yaml:"packs,omitempty" doc:"The shipped packs, by name; all are on but throughput. See rules.md for their alerts and thresholds."`
	Interval    model.Duration        `yaml:"interval" doc:"How often the shipped packs are evaluated."`
	RunbookURL  string                `yaml:"runbook_url" doc:"Page that the annotation runbook_url of shipped alerts points to; the alert's name is the anchor."`
	Files       []string              `yaml:"files,omitempty" doc:"Rule files and PrometheusRule resources, or patterns of them such as rules/*.yaml, relative to this file."`
	Directories []string              `yaml:"directories,omitempty" doc:"Directories whose *.yaml and *.yml are read, and read again when they change."`
	Poll        model.Duration        `yaml:"poll" doc:"How often files and directories are looked at for changes."`
	Kubernetes  KubernetesConfig      `yaml:"kubernetes,omitempty" doc:"PrometheusRule resources of a Kubernetes cluster."`
}

// PackConfig is what users set about one shipped pack.
type PackConfig struct {
	Enabled    *bool                `yaml:"enabled,omitempty" doc:"Whether the pack is evaluated."`
	Alerts     map[string]bool      `yaml:"alerts,omitempty" doc:"Single alerts to switch off: HighMemoryUsage: false."`
	Thresholds map[string]Threshold `yaml:"thresholds,omitempty" doc:"Thresholds and durations by name, as numbers with a unit: 5%, 2.5s, 10m, 1GiB, 1000000."`
}

// KubernetesConfig says which PrometheusRule resources are read.
type KubernetesConfig struct {
	Enabled    bool     `yaml:"enabled,omitempty" doc:"Read PrometheusRule resources (monitoring.coreos.com/v1). Needs get, list and watch on prometheusrules."`
	Namespaces []string `yaml:"namespaces,omitempty" doc:"Namespaces; all where none is named."`
	Selector   string   `yaml:"selector,omitempty" doc:"Label selector, such as team=llm,role!=test."`
	APIServer  string   `yaml:"api_server,omitempty" doc:"URL of the API server. Default: the one of the cluster that Pitot runs in."`
	TokenFile  string   `yaml:"token_file,omitempty" doc:"File with the bearer token. Default: the service account's."`
	CAFile     string   `yaml:"ca_file,omitempty" doc:"File with the certificates that the API server's is checked against. Default: the service account's."`
}

// defaultRunbooks is where the runbooks of the shipped alerts are read.
const defaultRunbooks = "https://github.com/pitot-dev/pitot/blob/main/docs/runbooks.md"

// DefaultConfig returns the configuration that is used where the user set nothing.
func DefaultConfig() Config {
	return Config{
		Interval: model.Duration(15 * time.Second), Poll: model.Duration(5 * time.Second), RunbookURL: defaultRunbooks,
	}
}

// withDefaults fills what is not set.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	if c.Interval == 0 {
		c.Interval = d.Interval
	}
	if c.Poll == 0 {
		c.Poll = d.Poll
	}
	if c.RunbookURL == "" {
		c.RunbookURL = d.RunbookURL
	}
	return c
}

// Validate reports all that is wrong with the section.
func (c Config) Validate() error {
	c = c.withDefaults()
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	// A record that is older than the lookback of 5m is not seen any more.
	if d := time.Duration(c.Interval); d < time.Second || d > 2*time.Minute {
		fail("rules.interval: %s: must be between 1s and 2m", c.Interval)
	}
	if time.Duration(c.Poll) < 100*time.Millisecond {
		fail("rules.poll: %s: must be at least 100ms", c.Poll)
	}
	if u, err := url.Parse(c.RunbookURL); err != nil || (u.Scheme != "http" && u.Scheme != "https" && !strings.HasPrefix(c.RunbookURL, "/")) {
		fail("rules.runbook_url: %q: must be an http or https URL, or a path that begins with /", c.RunbookURL)
	}
	for i, f := range c.Files {
		if _, err := filepath.Match(f, "x"); err != nil {
			fail("rules.files[%d]: %q: not a pattern: %w", i, f, err)
		}
		if f == "" {
			fail("rules.files[%d]: must not be empty", i)
		}
	}
	for i, d := range c.Directories {
		if d == "" {
			fail("rules.directories[%d]: must not be empty", i)
		}
	}
	errs = append(errs, c.validatePacks()...)
	return errors.Join(append(errs, c.Kubernetes.validate()...)...)
}

func (c Config) validatePacks() []error {
	var errs []error
	known := map[string]*pack{}
	for _, p := range packs() {
		known[p.name] = p
	}
	for _, name := range slices.Sorted(maps.Keys(c.Packs)) {
		path := "rules.packs." + name
		p, ok := known[name]
		if !ok {
			errs = append(errs, fmt.Errorf("%s: no such pack: there are %s", path, strings.Join(slices.Sorted(maps.Keys(known)), ", ")))
			continue
		}
		errs = append(errs, p.validate(path, c.Packs[name])...)
	}
	return errs
}

func (p *pack) validate(path string, c PackConfig) []error {
	var errs []error
	alerts := p.alertNames()
	for _, a := range slices.Sorted(maps.Keys(c.Alerts)) {
		if !slices.Contains(alerts, a) {
			errs = append(errs, fmt.Errorf("%s.alerts.%s: no such alert: the pack has %s", path, a, strings.Join(alerts, ", ")))
		}
	}
	for _, t := range slices.Sorted(maps.Keys(c.Thresholds)) {
		prm := p.param(t)
		if prm == nil {
			names := make([]string, len(p.params))
			for i, prm := range p.params {
				names[i] = prm.name
			}
			errs = append(errs, fmt.Errorf("%s.thresholds.%s: no such threshold: the pack has %s", path, t, strings.Join(names, ", ")))
			continue
		}
		if err := prm.check(float64(c.Thresholds[t])); err != nil {
			errs = append(errs, fmt.Errorf("%s.thresholds.%s: %w", path, t, err))
		}
	}
	return errs
}

func (k KubernetesConfig) validate() []error {
	var errs []error
	if strings.ContainsFunc(k.Selector, func(r rune) bool { return r < ' ' || r == '{' || r == '"' }) {
		errs = append(errs, fmt.Errorf("rules.kubernetes.selector: %q: must be a Kubernetes label selector such as team=llm,role!=test", k.Selector))
	}
	for i, ns := range k.Namespaces {
		if ns == "" || strings.ContainsAny(ns, "/ ?#") {
			errs = append(errs, fmt.Errorf("rules.kubernetes.namespaces[%d]: %q: not a namespace", i, ns))
		}
	}
	if k.APIServer != "" {
		if u, err := url.Parse(k.APIServer); err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") {
			errs = append(errs, fmt.Errorf("rules.kubernetes.api_server: %q: must be an http or https URL", k.APIServer))
		}
	}
	return errs
}
