package budget

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Config is the `budgets:` section.
type Config struct {
	Budgets []Budget
}

// Budget is one budget.
type Budget struct {
	Name        string            `yaml:"name" doc:"Name, unique; letters, digits and . _ -."`
	Description string            `yaml:"description,omitempty" doc:"A sentence for people; it goes into notifications."`
	Scope       map[string]Values `yaml:"scope,omitempty" doc:"Which calls count: user, key, service, provider, model, feature, environment or tag.NAME, each with a value or a list; ~expression matches a regular expression. Empty: all calls."`
	Each        string            `yaml:"each,omitempty" doc:"One of the same dimensions: each of its values has the limit for itself."`
	Unit        Unit              `yaml:"unit,omitempty" doc:"usd (default) or tokens (input and output)."`
	Period      string            `yaml:"period,omitempty" doc:"hour, day, week (from Monday), month (default), or a duration such as 24h or 7d for a rolling window."`
	TimeZone    string            `yaml:"time_zone,omitempty" doc:"Time zone in which days, weeks and months begin, such as Asia/Shanghai. Default UTC."`
	Limit       float64           `yaml:"limit" doc:"US dollars or tokens of a period."`
	Thresholds  []float64         `yaml:"thresholds,omitempty" doc:"Percentages of the limit that are notified, once a period. Default [50, 80, 100]; [] for none."`
	Forecast    bool              `yaml:"forecast,omitempty" doc:"Also notify, once a period, that the limit will be passed before its end if spending goes on like this."`
	Enforce     Enforcement       `yaml:"enforce,omitempty" doc:"off (default), soft (the gateway warns in a header) or hard (it refuses calls)."`
	Labels      map[string]string `yaml:"labels,omitempty" doc:"Labels of the notifications, for routing."`

	line int
}

// Unit is what a budget counts.
type Unit string

// The units.
const (
	USD    Unit = "usd"
	Tokens Unit = "tokens"
)

// Enforcement is what the gateway does when a budget is spent.
type Enforcement string

// The kinds of Enforcement. Off is what it is where nothing is said.
const (
	Off  Enforcement = "off"
	Soft Enforcement = "soft"
	Hard Enforcement = "hard"
)

// UnmarshalYAML implements yaml.Unmarshaler: YAML 1.1 reads `off` as false.
func (e *Enforcement) UnmarshalYAML(n *yaml.Node) error {
	*e = Enforcement(n.Value)
	if n.Value == "false" {
		*e = Off
	}
	return nil
}

// Values are the values that a dimension may have.
type Values []string

// UnmarshalYAML implements yaml.Unmarshaler.
func (v *Values) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind == yaml.ScalarNode {
		*v = Values{n.Value}
		return nil
	}
	return n.Decode((*[]string)(v))
}

const (
	// maxBudgets bounds the budgets: each is looked at for every call.
	maxBudgets = 500
	// maxThresholds is how many a budget may have: their state is a bit each.
	maxThresholds = 16
	// maxRolling and minRolling bound rolling windows.
	minRolling, maxRolling = 10 * time.Minute, 366 * 24 * time.Hour
)

// withDefaults fills what was not set.
func (b Budget) withDefaults() Budget {
	if b.Unit == "" {
		b.Unit = USD
	}
	if b.Period == "" {
		b.Period = "month"
	}
	if b.Enforce == "" {
		b.Enforce = Off
	}
	if b.Thresholds == nil {
		b.Thresholds = []float64{50, 80, 100}
	}
	b.Thresholds = slices.Clone(b.Thresholds)
	slices.Sort(b.Thresholds)
	b.Thresholds = slices.Compact(b.Thresholds)
	return b
}

var (
	nameForm = regexp.MustCompile(`^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$`)
	tagForm  = regexp.MustCompile(`^tag\.[^\s]{1,100}$`)
)

// dimensionNames are what scope and each may name, beside tag.NAME.
func dimensionNames() []string {
	return []string{"user", "key", "service", "provider", "model", "feature", "environment"}
}

func isDimension(name string) bool {
	return slices.Contains(dimensionNames(), name) || tagForm.MatchString(name)
}

// Validate reports all that is wrong with the configuration.
func (c Config) Validate() error {
	var errs []error
	if len(c.Budgets) > maxBudgets {
		errs = append(errs, &ConfigError{Message: fmt.Sprintf("%d budgets: at most %d", len(c.Budgets), maxBudgets)})
	}
	seen := map[string]bool{}
	for i := range c.Budgets {
		b := &c.Budgets[i]
		path := fmt.Sprintf("budgets[%d]", i)
		if b.Name != "" {
			path += " (" + b.Name + ")"
		}
		add := func(field, format string, args ...any) {
			errs = append(errs, &ConfigError{Line: b.line, Path: path + field, Message: fmt.Sprintf(format, args...)})
		}
		if seen[b.Name] {
			add(".name", "another budget has this name: give each its own")
		}
		seen[b.Name] = true
		b.validate(add)
	}
	return errors.Join(errs...)
}

func (b *Budget) validate(add func(field, format string, args ...any)) {
	if !nameForm.MatchString(b.Name) {
		add(".name", "%q: use 1 to 63 letters, digits and . _ -, with a letter or digit at both ends", b.Name)
	}
	const known = "there is user, key, service, provider, model, feature, environment and tag.NAME"
	for name, values := range b.Scope {
		if !isDimension(name) {
			add(".scope", "%q is no dimension: %s", name, known)
		}
		if len(values) == 0 {
			add(".scope."+name, "has no value: name one, or leave the dimension out")
		}
		if _, err := newMatcher(name, values); err != nil {
			add(".scope."+name, "%v", err)
		}
	}
	if b.Each != "" && !isDimension(b.Each) {
		add(".each", "%q is no dimension: %s", b.Each, known)
	}
	switch b.Unit {
	case "", USD, Tokens:
	default:
		add(".unit", "%q: must be usd or tokens", b.Unit)
	}
	switch b.Enforce {
	case "", Off, Soft, Hard:
	default:
		add(".enforce", "%q: must be off, soft or hard", b.Enforce)
	}
	if _, err := newPeriod(b.Period, b.TimeZone); err != nil {
		add(".period", "%v", err)
	}
	if !(b.Limit > 0) || b.Limit > maxLimit {
		add(".limit", "%v: must be over 0 and at most %v", b.Limit, float64(maxLimit))
	}
	if len(b.Thresholds) > maxThresholds {
		add(".thresholds", "%d: at most %d", len(b.Thresholds), maxThresholds)
	}
	for _, t := range b.Thresholds {
		if !(t > 0 && t <= 1000) {
			add(".thresholds", "%v: must be over 0 and at most 1000 percent", t)
		} else if t < 1 && b.Limit > 0 {
			add(".thresholds", "%v is a ratio, not a percentage: write %v", t, t*100)
		}
	}
}

// maxLimit is the largest limit: a billion dollars, or tokens, whose
// nano-units leave room to add in 63 bits.
const maxLimit = 1e9

// matcher says whether a dimension has one of some values.
type matcher struct {
	dim    dimension
	values []string
	re     *regexp.Regexp
}

func newMatcher(name string, values Values) (matcher, error) {
	m := matcher{dim: newDimension(name)}
	var alternatives []string
	for _, v := range values {
		if expr, ok := strings.CutPrefix(v, "~"); ok {
			alternatives = append(alternatives, expr)
		} else {
			m.values = append(m.values, v)
		}
	}
	if len(alternatives) == 0 {
		return m, nil
	}
	re, err := regexp.Compile("^(?:" + strings.Join(alternatives, "|") + ")$")
	if err != nil {
		return m, fmt.Errorf("no regular expression: %w", err)
	}
	m.re = re
	return m, nil
}

func (m *matcher) matches(r *Request) bool {
	v := m.dim.of(r)
	return slices.Contains(m.values, v) || m.re != nil && m.re.MatchString(v)
}

// units converts an amount to the whole numbers that are counted.
func (u Unit) units(v float64) int64 {
	if u == USD {
		v *= 1e9
	}
	if !(v > 0) { // also NaN
		return 0
	}
	return int64(math.Round(min(v, maxAmount)))
}

// maxAmount bounds what is counted: whatever a sender claims a call has cost,
// sums do not overflow.
const maxAmount = 1 << 60

// add adds amounts.
func add(a, b int64) int64 { return min(a+b, maxAmount) }

// value is the reverse of units.
func (u Unit) value(n int64) float64 {
	if u == USD {
		return float64(n) / 1e9
	}
	return float64(n)
}

// format writes an amount for people.
func (u Unit) format(v float64) string {
	if u == USD {
		return fmt.Sprintf("%.2f USD", v)
	}
	return fmt.Sprintf("%.0f tokens", v)
}

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
