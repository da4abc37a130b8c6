package probe

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/net/http/httpguts"
)

// Config is the `probes:` section.
type Config struct {
	MaxUSDPerDay float64  `yaml:"max_usd_per_day,omitempty" doc:"US dollars that all probes together may cost in a day (UTC). Past it they pause. Default 1; 0 lets no probe of a model that costs anything run twice."`
	Targets      []Target `yaml:"targets,omitempty" doc:"The probes."`
}

// Target is one probe.
type Target struct {
	Name         string            `yaml:"name" doc:"Name of the probe, in metrics and as the tag probe of its calls."`
	Upstream     string            `yaml:"upstream" doc:"Upstream of the gateway to ask."`
	Model        string            `yaml:"model" doc:"Model to ask."`
	Path         string            `yaml:"path,omitempty" doc:"Path of the request below the upstream. Default: the chat API of the upstream's dialect, such as /v1/chat/completions."`
	Interval     model.Duration    `yaml:"interval,omitempty" doc:"Time between two probes. Default 1m, at least 5s."`
	Timeout      model.Duration    `yaml:"timeout,omitempty" doc:"Time after which a probe has failed. Default 30s, at most the interval."`
	Prompt       string            `yaml:"prompt,omitempty" doc:"What the model is asked. Default: a question with one known answer, and expect to match."`
	MaxTokens    int               `yaml:"max_tokens,omitempty" doc:"Most tokens of an answer. Default 64. Models that reason need more."`
	Stream       *bool             `yaml:"stream,omitempty" doc:"Ask for a stream, which gives time to first token. Default true."`
	Expect       Expect            `yaml:"expect,omitempty" doc:"What a correct answer is. Default: any answer with text."`
	Headers      map[string]string `yaml:"headers,omitempty" secret:"true" doc:"Headers of the request, for example Authorization with a key as ${NAME} from the environment, where the upstream sets none."`
	MaxUSDPerDay float64           `yaml:"max_usd_per_day,omitempty" doc:"US dollars that this probe may cost in a day (UTC). Default: the section's."`

	regex *regexp.Regexp
}

// Expect is what a correct answer is. All that is set must hold.
type Expect struct {
	Contains string `yaml:"contains,omitempty" doc:"Text that the answer has, whatever the case of its letters."`
	Equals   string `yaml:"equals,omitempty" doc:"The whole answer, apart from space around it."`
	Regex    string `yaml:"regex,omitempty" doc:"Regular expression (RE2) that the answer matches."`
}

const (
	defaultInterval  = model.Duration(time.Minute)
	defaultTimeout   = model.Duration(30 * time.Second)
	minInterval      = model.Duration(5 * time.Second)
	defaultMaxTokens = 64
	defaultCap       = 1.0
	maxTargets       = 500

	defaultPrompt = "What is 17 + 25? Answer with the number alone."
	defaultAnswer = "42"
)

// DefaultConfig is the section where nothing is configured: no probes.
func DefaultConfig() Config { return Config{MaxUSDPerDay: defaultCap} }

// Validate reports everything that is wrong with the section.
func (c *Config) Validate() error {
	var errs []error
	add := func(path, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}
	if !(c.MaxUSDPerDay >= 0) { // also NaN
		add("max_usd_per_day", "%v: must not be negative", c.MaxUSDPerDay)
	}
	if len(c.Targets) > maxTargets {
		add("targets", "there are %d probes; at most %d are allowed", len(c.Targets), maxTargets)
	}
	var names []string
	for i := range c.Targets {
		t := &c.Targets[i]
		path := fmt.Sprintf("targets[%d]", i)
		if t.Name == "" || len(t.Name) > 100 || !httpguts.ValidHeaderFieldValue(t.Name) {
			add(path+".name", "%q: give each probe a name of 1 to 100 printable characters", t.Name)
		} else if slices.Contains(names, t.Name) {
			add(path+".name", "%q: two probes have this name", t.Name)
		}
		names = append(names, t.Name)
		t.validate(path, add)
	}
	return errors.Join(errs...)
}

func (t *Target) validate(path string, add func(path, format string, args ...any)) {
	if t.Upstream == "" {
		add(path+".upstream", "name an upstream of the gateway, such as openai")
	}
	if t.Model == "" {
		add(path+".model", "name the model to ask")
	}
	if t.Path != "" && !strings.HasPrefix(t.Path, "/") {
		add(path+".path", "%q: must begin with /", t.Path)
	}
	if t.Interval != 0 && t.Interval < minInterval {
		add(path+".interval", "%v: must be at least %v", t.Interval, minInterval)
	}
	if t.Timeout < 0 || (t.Timeout > t.interval()) {
		add(path+".timeout", "%v: must be between 0 and the interval (%v)", t.Timeout, t.interval())
	}
	if t.MaxTokens < 0 {
		add(path+".max_tokens", "%d: must not be negative", t.MaxTokens)
	}
	if !(t.MaxUSDPerDay >= 0) { // also NaN
		add(path+".max_usd_per_day", "%v: must not be negative", t.MaxUSDPerDay)
	}
	if _, err := regexp.Compile(t.Expect.Regex); err != nil {
		add(path+".expect.regex", "%v", err)
	}
	for name, value := range t.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			add(path+".headers", "%q is not a valid header", name)
		}
	}
}

func (t *Target) interval() model.Duration {
	if t.Interval == 0 {
		return defaultInterval
	}
	return t.Interval
}

// complete fills in the defaults of a valid Target.
func (t Target) complete() Target {
	t.Interval = t.interval()
	if t.Timeout == 0 {
		t.Timeout = min(defaultTimeout, t.Interval)
	}
	if t.MaxTokens == 0 {
		t.MaxTokens = defaultMaxTokens
	}
	if t.Prompt == "" {
		t.Prompt = defaultPrompt
		if t.Expect == (Expect{}) {
			t.Expect.Contains = defaultAnswer
		}
	}
	if t.Stream == nil {
		t.Stream = new(true)
	}
	if t.Expect.Regex != "" {
		t.regex = regexp.MustCompile(t.Expect.Regex) // compiled once by Validate
	}
	return t
}

// correct says whether an answer is what is expected, and if not, why.
func (t *Target) correct(answer string) (ok bool, why string) {
	text := strings.TrimSpace(answer)
	e := &t.Expect
	switch {
	case text == "":
		return false, "the answer is empty"
	case e.Contains != "" && !strings.Contains(strings.ToLower(text), strings.ToLower(e.Contains)):
		return false, fmt.Sprintf("the answer does not contain %q", e.Contains)
	case e.Equals != "" && text != strings.TrimSpace(e.Equals):
		return false, fmt.Sprintf("the answer is not %q", e.Equals)
	case t.regex != nil && !t.regex.MatchString(text):
		return false, fmt.Sprintf("the answer does not match %q", e.Regex)
	}
	return true, ""
}
