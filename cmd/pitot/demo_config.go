package main

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/config"
)

//go:embed demo.yaml
var demoYAML string

// demoPlaces are the addresses that the demo serves beside the server.
type demoPlaces struct {
	providers string // base URL of the simulated providers
	fleet     string // host:port of the simulated model servers and GPUs
	sink      string // base URL of what takes notifications
}

// What the load costs in an hour at one call a second, in US dollars: budgets
// are set by it, so that at any rate one is near its limit and another will be
// passed.
const (
	hourlyCompany  = 11
	hourlyCare     = 2.6
	hourlyPlatform = 0.63
	hourlyDevtools = 2.1
	hourlyResearch = 4.1
)

// demoSections are the sections of demo.yaml for a load of so many calls a
// second and so much history.
func demoSections(p demoPlaces, rate float64, history time.Duration) (*config.Config, error) {
	window := min(max(history.Round(time.Minute), 30*time.Minute), 24*time.Hour)
	hours := window.Hours()
	usd := func(hourly float64) string { return strconv.FormatFloat(max(hourly*rate, 0.001), 'f', 4, 64) }
	text := strings.NewReplacer(
		"FLEET", p.fleet, "SINK", p.sink,
		"BUDGET_COMPANY", usd(hourlyCompany*24*31*0.3),
		"BUDGET_CARE", usd(hourlyCare*hours/0.93),
		"BUDGET_PLATFORM", usd(hourlyPlatform*hours/0.93),
		"BUDGET_DEVTOOLS", usd(hourlyDevtools*2*hours*0.8),
		"BUDGET_RESEARCH", usd(hourlyResearch*hours*1.7),
		"BUDGET_USER", strconv.Itoa(min(max(int(rate*hours*1_300_000), 1), 1e9)),
		"DOUBLE_WINDOW", minutes(2*window), "WINDOW", minutes(window),
	).Replace(demoYAML)
	c, err := config.Parse("demo.yaml", []byte(text))
	if err != nil {
		return nil, fmt.Errorf("configuration of the demo: %w", err)
	}
	if rate <= 0 { // somebody wants to see his own calls alone
		c.Probes.Targets = nil
	}
	return c, nil
}

func minutes(d time.Duration) string { return strconv.Itoa(int(d.Minutes())) + "m" }

// overlay fills what a configuration does not say with the demo's sections: who
// tries his own configuration with the demo's traffic keeps it.
func overlay(cfg, demo *config.Config, p demoPlaces) {
	cfg.Gateway.Upstreams = append(simulated(p.providers, cfg.Gateway.Upstreams), cfg.Gateway.Upstreams...)
	if len(cfg.Prices.Overrides) == 0 {
		cfg.Prices.Overrides = demo.Prices.Overrides
	}
	if len(cfg.Infrastructure.Models) == 0 {
		cfg.Infrastructure = demo.Infrastructure
	}
	if len(cfg.Rules.Packs) == 0 {
		cfg.Rules.Packs = demo.Rules.Packs
	}
	if len(cfg.Probes.Targets) == 0 {
		cfg.Probes = demo.Probes
	}
	if len(cfg.Quality.Patterns) == 0 && len(cfg.Quality.Judges) == 0 {
		cfg.Quality.Patterns = demo.Quality.Patterns
	}
	for _, s := range [...]struct{ to, from *config.Raw }{
		{&cfg.ModelServers, &demo.ModelServers},
		{&cfg.SLOs, &demo.SLOs},
		{&cfg.Budgets, &demo.Budgets},
		{&cfg.Alertmanager, &demo.Alertmanager},
	} {
		if s.to.IsZero() {
			*s.to = *s.from
		}
	}
}
