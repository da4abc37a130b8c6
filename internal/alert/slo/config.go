package slo

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// Config is the `slos:` section.
type Config struct {
	SLOs []SLO
}

// SLO is one objective.
type SLO struct {
	Name        string `yaml:"name" doc:"Name, unique; letters, digits and . _ -. The label slo of all its series."`
	Description string `yaml:"description,omitempty" doc:"A sentence for people; it goes into the alerts."`
	Disabled    bool   `yaml:"disabled,omitempty" doc:"Leaves the objective out; turns a default one off."`

	Service  Selector `yaml:"service,omitempty" doc:"Service or list of services; ~expression matches a regular expression. Empty: all."`
	Provider Selector `yaml:"provider,omitempty" doc:"Likewise, the provider."`
	Model    Selector `yaml:"model,omitempty" doc:"Likewise, the model."`
	Method   Selector `yaml:"method,omitempty" doc:"Likewise, the operation: chat, embeddings, ..."`
	// Match is further PromQL matchers.
	Match string `yaml:"match,omitempty" doc:"Further PromQL matchers, such as team=\"a\", region=~\"eu-.+\"."`
	// By makes one objective for each value of these labels.
	By []string `yaml:"by,omitempty" doc:"Labels for each of whose values the objective holds separately."`

	Objective Percent  `yaml:"objective" doc:"Share of good events, in percent: 99.9."`
	Window    Window   `yaml:"window,omitempty" doc:"30d (default), 28d, 7d or another rolling window of 7d to 90d; or month, the calendar's in UTC."`
	SLI       SLI      `yaml:"sli" doc:"What a good event is."`
	Alerting  Alerting `yaml:"alerting,omitempty" doc:"Burn-rate alerts."`
	// Resolution is the window over which raw series are read. It must span
	// several samples of them.
	Resolution Duration          `yaml:"resolution,omitempty" doc:"Window over which raw series are read: 1m of Pitot's own metrics, 5m of others. At least four times their scrape interval."`
	Labels     map[string]string `yaml:"labels,omitempty" doc:"Labels of all series and alerts of the objective."`

	// OpenSLO names files to read objectives from; nothing else is set then.
	OpenSLO string `yaml:"openslo,omitempty" doc:"Instead of all else: an OpenSLO file, or a pattern for several, relative to the configuration."`

	line int
}

// SLI is what a good event is: exactly one is set.
type SLI struct {
	Availability     *Availability `yaml:"availability,omitempty" doc:"Calls that did not fail."`
	Latency          *Threshold    `yaml:"latency,omitempty" doc:"Calls that took at most a time. Failed ones count as well."`
	TTFT             *Threshold    `yaml:"ttft,omitempty" doc:"Streams whose first token came within a time."`
	TPOT             *Threshold    `yaml:"tpot,omitempty" doc:"Streams whose time per output token was at most this."`
	ErrorFreeStreams *struct{}     `yaml:"error_free_streams,omitempty" doc:"Streams that came to their end."`
	CostPerRequest   *Cost         `yaml:"cost_per_request,omitempty" doc:"Calls that cost at most an amount. Unpriced ones do not count."`
	Quality          *Quality      `yaml:"quality,omitempty" doc:"Scores that an evaluator or user gave above a value."`
	Events           *Events       `yaml:"events,omitempty" doc:"PromQL of good or bad events and of all."`
	ErrorRatio       string        `yaml:"error_ratio,omitempty" doc:"PromQL of the share of bad events, with $window where its window is."`
}

// Availability counts Calls that failed as bad.
type Availability struct {
	Ignore []string `yaml:"ignore,omitempty" doc:"Values of error_type that are nobody's fault here: client_gone, budget_exceeded, ..."`
}

// Threshold is a duration that good events do not exceed.
type Threshold struct {
	Threshold Duration `yaml:"threshold" doc:"Longest duration of a good event."`
	// Native reads it from the native histogram, where it need not be on a bucket.
	Native bool `yaml:"native,omitempty" doc:"Read it from the native histogram: any threshold, exact to a few percent of it."`
}

// Cost is what a good Call costs at most.
type Cost struct {
	Threshold float64 `yaml:"threshold" doc:"US dollars."`
}

// Quality is what a good answer scores.
type Quality struct {
	Evaluator string  `yaml:"evaluator,omitempty" doc:"Whose scores; empty: all."`
	Above     float64 `yaml:"above" doc:"Good scores are greater than this, on the scale of 0 to 1."`
}

// Events are PromQL expressions of events. A counter's selector alone is enough:
// rate and sum are put around it. Where a range has to be written, it is
// $window, or any fixed one, which is replaced.
type Events struct {
	Good   string `yaml:"good,omitempty" doc:"Good events; this or errors."`
	Errors string `yaml:"errors,omitempty" doc:"Bad events; this or good."`
	Total  string `yaml:"total" doc:"All events."`

	// gauge says that the numbers are not counters: no rate is put around them.
	gauge bool
}

// Alerting says what alerts there are.
type Alerting struct {
	Disabled bool `yaml:"disabled,omitempty" doc:"No alerts: only series and status."`
	NoPage   bool `yaml:"no_page,omitempty" doc:"Tickets only."`
	NoTicket bool `yaml:"no_ticket,omitempty" doc:"Pages only."`
	// MinErrors is the guard against alerts on little traffic.
	MinErrors   *float64          `yaml:"min_errors,omitempty" doc:"Bad events in the long window under which no alert fires; 5 by default. One failure of three calls at night is no incident."`
	Labels      map[string]string `yaml:"labels,omitempty" doc:"Labels of the alerts."`
	Annotations map[string]string `yaml:"annotations,omitempty" doc:"Annotations of the alerts, templates allowed: runbook_url, ..."`
}

// off says whether nobody is alerted at a level.
func (a *Alerting) off(l Level) bool {
	return a.Disabled || l == Page && a.NoPage || l == Ticket && a.NoTicket
}

// defaultMinErrors is Alerting.MinErrors where it is not set.
const defaultMinErrors = 5

// DefaultConfig returns the objectives that are there without a declaration.
// One of the same name in the `slos:` section replaces each.
func DefaultConfig() Config {
	return Config{SLOs: []SLO{
		{
			Name: "availability", Description: "Calls of models are answered.",
			Objective: 99.9, Window: Window{Length: month},
			// Callers who hang up and refusals by a budget are no outage.
			SLI: SLI{Availability: &Availability{Ignore: []string{"client_gone", "budget_exceeded"}}},
		},
		{
			// Nobody is woken by a target that they did not choose: without alerts.
			Name: "latency", Description: "Calls of models are answered within 2 s (p99).",
			Objective: 99, Window: Window{Length: month},
			SLI: SLI{Latency: &Threshold{Threshold: Duration(2 * time.Second)}}, Alerting: Alerting{Disabled: true},
		},
	}}
}

// withDefaults returns c with the default objectives that it does not replace
// in front, without the disabled ones.
func (c Config) withDefaults() Config {
	var out Config
	for _, d := range DefaultConfig().SLOs {
		if !slices.ContainsFunc(c.SLOs, func(s SLO) bool { return s.Name == d.Name }) {
			out.SLOs = append(out.SLOs, d)
		}
	}
	for _, s := range c.SLOs {
		if !s.Disabled && s.OpenSLO == "" {
			out.SLOs = append(out.SLOs, s)
		}
	}
	return out
}

// Percent is a share in percent.
type Percent float64

// UnmarshalYAML implements yaml.Unmarshaler: 99.9 or "99.9%".
func (p *Percent) UnmarshalYAML(n *yaml.Node) error {
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(n.Value), "%")), 64)
	if err != nil || n.Kind != yaml.ScalarNode {
		return fmt.Errorf("%q is not a percentage: write 99.9", n.Value)
	}
	*p = Percent(v)
	return nil
}

// ratio is the share on the scale of 0 to 1.
func (p Percent) ratio() float64 { return 1 - ErrorBudget(float64(p)/100) }

// Duration is written as 2s, 500ms, 1.5s, 30d; a bare number is seconds.
type Duration time.Duration

// UnmarshalYAML implements yaml.Unmarshaler.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := parseDuration(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		return fmt.Errorf("%q is not a duration: write 2s, 500ms or 5m", n.Value)
	}
	*d = Duration(v)
	return nil
}

// MarshalYAML implements yaml.Marshaler.
func (d Duration) MarshalYAML() (any, error) { return time.Duration(d).String(), nil }

func parseDuration(s string) (time.Duration, error) {
	if f, err := strconv.ParseFloat(s, 64); err == nil && f >= 0 && f < 1e9 {
		return time.Duration(f * float64(time.Second)), nil
	}
	if d, err := time.ParseDuration(s); err == nil && d >= 0 {
		return d, nil
	}
	d, err := model.ParseDuration(s)
	return time.Duration(d), err
}

// Selector is the values that a label may have: one, several, or a regular
// expression after a ~. Empty: any.
type Selector []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *Selector) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*s = Selector{n.Value}
		return nil
	}
	return n.Decode((*[]string)(s))
}

// matcher is the PromQL of the selector for a label; empty where it takes all.
func (s Selector) matcher(label string) string {
	switch {
	case len(s) == 0 || len(s) == 1 && s[0] == "":
		return ""
	case len(s) == 1 && !strings.HasPrefix(s[0], "~"):
		return fmt.Sprintf("%s=%q", label, s[0])
	}
	alt := make([]string, len(s))
	for i, v := range s {
		if re, ok := strings.CutPrefix(v, "~"); ok {
			alt[i] = re
		} else {
			alt[i] = regexp.QuoteMeta(v)
		}
	}
	return fmt.Sprintf("%s=~%q", label, strings.Join(alt, "|"))
}

var nameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)

// maxSLOs bounds the objectives: each is about 25 series and 30 rules.
const maxSLOs = 1000

// Validate reports all that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if len(c.SLOs) > maxSLOs {
		errs = append(errs, &ConfigError{Message: fmt.Sprintf("%d objectives: at most %d", len(c.SLOs), maxSLOs)})
	}
	seen := map[string]bool{}
	for i := range c.SLOs {
		s := &c.SLOs[i]
		path := fmt.Sprintf("slos[%d]", i)
		if s.Name != "" {
			path += " (" + s.Name + ")"
		}
		add := func(field, format string, args ...any) {
			errs = append(errs, &ConfigError{Line: s.line, Path: path + field, Message: fmt.Sprintf(format, args...)})
		}
		if s.OpenSLO != "" {
			continue // what the file says is checked when it is read
		}
		if seen[s.Name] {
			add(".name", "another objective has this name: give each its own")
		}
		seen[s.Name] = true
		s.validate(add)
	}
	return errors.Join(errs...)
}

// reservedLabels are those that the rules set themselves.
var reservedLabels = []string{"slo", "__name__", "le", "severity", "slo_severity", "alertname"}

func (s *SLO) validate(add func(field, format string, args ...any)) {
	if !nameForm.MatchString(s.Name) {
		add(".name", "%q: use 1 to 63 letters, digits and . _ -, with a letter or digit at both ends", s.Name)
	}
	if s.Disabled {
		return
	}
	switch o := float64(s.Objective); {
	case o == 0:
		add(".objective", "is missing: the share of good events in percent, such as 99.9")
	case o > 0 && o <= 1:
		add(".objective", "%v is a ratio, not a percentage: write %v", o, o*100)
	case !(o > 0 && o < 100) || ErrorBudget(o/100) <= 0:
		add(".objective", "%v: must be over 0 and under 100 percent; at 100 there is no error budget", o)
	}
	if w := s.Window.Length; w != 0 && (w < minWindow || w > maxWindow) {
		add(".window", "%v: must be 7d to 90d", w)
	}
	if r := time.Duration(s.Resolution); r != 0 && (r < 30*time.Second || r > 5*time.Minute || r%step != 0) {
		add(".resolution", "%v: must be 30s to 5m, in steps of 30s", r)
	}
	if m := s.Alerting.MinErrors; m != nil && !(*m >= 0) {
		add(".alerting.min_errors", "%v: must not be negative", *m)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Labels)) {
		if slices.Contains(reservedLabels, name) || !model.LegacyValidation.IsValidLabelName(name) {
			add(".labels", "%q cannot be a label here: choose another name", name)
		}
	}
	for _, name := range s.By {
		if slices.Contains(reservedLabels, name) || !model.LegacyValidation.IsValidLabelName(name) {
			add(".by", "%q cannot be a label here: use a label of the metrics, such as model", name)
		}
	}
	if _, err := s.matchers(); err != nil {
		add(".match", "%v", err)
	}
	s.SLI.validate(s, func(field, format string, args ...any) { add(".sli"+field, format, args...) })
}

// matchers is the PromQL of all selectors, without braces.
func (s *SLO) matchers() (string, error) {
	var out []string
	for _, m := range []string{
		s.Service.matcher("service"), s.Provider.matcher("provider"), s.Model.matcher("model"), s.Method.matcher("method"), strings.Trim(strings.TrimSpace(s.Match), "{}"),
	} {
		if m = strings.TrimSpace(m); m != "" {
			out = append(out, strings.TrimSuffix(m, ","))
		}
	}
	all := strings.Join(out, ",")
	if all == "" {
		return "", nil
	}
	if _, err := newParser().ParseMetricSelector("x{" + all + "}"); err != nil {
		return "", fmt.Errorf("%q are no PromQL matchers: %w", all, err)
	}
	return all, nil
}

func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// ConfigError is one problem of the section.
type ConfigError struct {
	Line    int // of the text; 0 where it is not known
	Path    string
	Message string
}

// Error implements error.
func (e *ConfigError) Error() string {
	if e.Path == "" {
		return e.Message
	}
	return e.Path + ": " + e.Message
}
