package quality

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"golang.org/x/net/http/httpguts"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Config is the `quality:` section.
type Config struct {
	Share        float64   `yaml:"share" doc:"Share of calls, drawn by their traces, whose answers the rules judge, from 0 (no rules) to 1."`
	Disable      []string  `yaml:"disable,omitempty" doc:"Rules to switch off: refusal, empty, truncated, json, tool_arguments, language, repetition, prompt_leak."`
	Patterns     []Pattern `yaml:"patterns,omitempty" doc:"Rules of your own, by regular expression."`
	Store        string    `yaml:"store,omitempty" doc:"Which judgements of rules are kept as feedback, beside the metrics: failed, all or none. Default failed; those of judges are always kept."`
	MaxStored    int       `yaml:"max_stored_per_minute,omitempty" doc:"Most judgements of rules that are kept in a minute. Default 600."`
	MaxUSDPerDay float64   `yaml:"max_usd_per_day,omitempty" doc:"US dollars that all judges together may cost in a day (UTC). Past it they pause. Default 1."`
	Judges       []Judge   `yaml:"judges,omitempty" doc:"Models that judge answers, asked through the gateway. None by default."`
	Feedback     Feedback  `yaml:"feedback" doc:"Who may send feedback from browsers."`
}

// Pattern is a rule of the user's own.
type Pattern struct {
	Name         string `yaml:"name" doc:"Name of the rule, in metrics and feedback."`
	MustMatch    string `yaml:"must_match,omitempty" doc:"Regular expression (RE2) that the answer must match."`
	MustNotMatch string `yaml:"must_not_match,omitempty" doc:"Regular expression (RE2) that the answer must not match."`
	Filter       `yaml:",inline"`
}

// Filter selects Calls. What is empty does not restrict.
type Filter struct {
	Services []string `yaml:"services,omitempty" doc:"Only calls of these services."`
	Models   []string `yaml:"models,omitempty" doc:"Only calls of these models."`
	Features []string `yaml:"features,omitempty" doc:"Only calls of these features."`
	Prompts  []string `yaml:"prompts,omitempty" doc:"Only calls with prompts of these names."`
}

func (f *Filter) takes(c *llm.Call) bool {
	in := func(list []string, v string) bool { return len(list) == 0 || slices.Contains(list, v) }
	return in(f.Services, c.Service) && (in(f.Models, c.RequestModel) || slices.Contains(f.Models, c.ResponseModel)) && in(f.Features, c.Feature) && in(f.Prompts, c.PromptName)
}

// Judge is a model that judges answers.
type Judge struct {
	Name         string  `yaml:"name" doc:"Name of the judge, in metrics and feedback and as the tag evaluator of its calls."`
	Rubric       string  `yaml:"rubric,omitempty" doc:"What is judged: helpfulness, faithfulness (to the retrieved texts), correctness or safety. Default helpfulness; instructions replace it."`
	Language     string  `yaml:"language,omitempty" doc:"Language of the rubric: en or zh. Default en."`
	Instructions string  `yaml:"instructions,omitempty" doc:"Rubric of your own: what is judged, and what the least and the most points mean."`
	Upstream     string  `yaml:"upstream" doc:"Upstream of the gateway to ask; OpenAI-compatible or Anthropic."`
	Model        string  `yaml:"model" doc:"Model to ask."`
	Path         string  `yaml:"path,omitempty" doc:"Path of the request below the upstream. Default: /v1/chat/completions, or /v1/messages for Anthropic."`
	Share        float64 `yaml:"share,omitempty" doc:"Share of the calls, drawn by their traces, that are judged. Default 0.01."`
	Filter       `yaml:",inline"`
	Scale        Scale             `yaml:"scale,omitempty" doc:"The points that the model gives. Default 1 to 5."`
	MaxTokens    int               `yaml:"max_tokens,omitempty" doc:"Most tokens of its answer. Default 1024."`
	Parameters   map[string]string `yaml:"parameters,omitempty" doc:"Further parameters of the request, as JSON texts, such as temperature: '0'; 'null' takes one out, such as max_tokens where the model wants max_completion_tokens."`
	Headers      map[string]string `yaml:"headers,omitempty" secret:"true" doc:"Headers of the request, for example Authorization with a key as ${NAME} from the environment, where the upstream sets none."`
	Timeout      model.Duration    `yaml:"timeout,omitempty" doc:"Time for one answer. Default 1m."`
	Retries      *int              `yaml:"retries,omitempty" doc:"Further attempts after an error or an answer that cannot be read. Default 2."`
	Concurrency  int               `yaml:"concurrency,omitempty" doc:"Calls at the same time. Default 2."`
	MaxUSDPerDay float64           `yaml:"max_usd_per_day,omitempty" doc:"US dollars that this judge may cost in a day (UTC). Default: the section's."`
}

// Scale is a range of points.
type Scale struct {
	Min float64 `yaml:"min" doc:"Points of the worst answer."`
	Max float64 `yaml:"max" doc:"Points of the best answer."`
}

// Feedback says who may send feedback from browsers.
type Feedback struct {
	AllowedOrigins []string `yaml:"allowed_origins,omitempty" doc:"Origins of the pages that may send feedback, such as https://shop.example.com. They need a key."`
	Keys           []string `yaml:"keys,omitempty" secret:"true" doc:"Keys for feedback, at least 16 characters each. They are good for nothing else, and may stand in a page."`
	MaxPerMinute   int      `yaml:"max_per_minute,omitempty" doc:"Most judgements a minute that come with one key. Default 600."`
}

// Limit is the most judgements a minute that come with one key.
func (f *Feedback) Limit() int {
	if f.MaxPerMinute == 0 {
		return defaultPerMinute
	}
	return f.MaxPerMinute
}

// What is stored of the judgements of rules.
const (
	storeFailed = "failed"
	storeAll    = "all"
	storeNone   = "none"
)

const (
	defaultMaxStored = 600
	defaultCap       = 1.0
	defaultPerMinute = 600
	maxJudges        = 50
	maxPatterns      = 100
	maxInstructions  = 16 << 10
	minKey           = 16
)

// DefaultConfig is the section where nothing is configured: the rules judge all
// calls, and no model does.
func DefaultConfig() Config {
	return Config{Share: 1, Store: storeFailed, MaxStored: defaultMaxStored, MaxUSDPerDay: defaultCap, Feedback: Feedback{MaxPerMinute: defaultPerMinute}}
}

// Validate reports everything that is wrong with the section.
func (c *Config) Validate() error {
	var errs []error
	add := func(path, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", path, fmt.Sprintf(format, args...)))
	}
	if !(c.Share >= 0 && c.Share <= 1) { // also NaN
		add("share", "%v: must be between 0 and 1", c.Share)
	}
	if !(c.MaxUSDPerDay >= 0) {
		add("max_usd_per_day", "%v: must not be negative", c.MaxUSDPerDay)
	}
	if c.MaxStored < 0 {
		add("max_stored_per_minute", "%d: must not be negative", c.MaxStored)
	}
	if c.Store != "" && !slices.Contains([]string{storeFailed, storeAll, storeNone}, c.Store) {
		add("store", "%q: use failed, all or none", c.Store)
	}
	for i, name := range c.Disable {
		if !slices.Contains(ruleNames, name) {
			add(fmt.Sprintf("disable[%d]", i), "%q is no rule: use %s", name, strings.Join(ruleNames, ", "))
		}
	}
	names := slices.Clone(ruleNames)
	name := func(path, name string) {
		switch {
		case name == "" || len(name) > 100 || !httpguts.ValidHeaderFieldValue(name):
			add(path, "%q: give it a name of 1 to 100 printable characters", name)
		case name == "user" || slices.Contains(names, name):
			add(path, "%q: a rule, a pattern or a judge has this name", name)
		}
		names = append(names, name)
	}
	if len(c.Patterns) > maxPatterns {
		add("patterns", "there are %d; at most %d are allowed", len(c.Patterns), maxPatterns)
	}
	for i := range c.Patterns {
		p, path := &c.Patterns[i], fmt.Sprintf("patterns[%d]", i)
		name(path+".name", p.Name)
		if p.MustMatch == "" && p.MustNotMatch == "" {
			add(path, "set must_match or must_not_match")
		}
		for field, expr := range map[string]string{"must_match": p.MustMatch, "must_not_match": p.MustNotMatch} {
			if _, err := regexp.Compile(expr); err != nil {
				add(path+"."+field, "%v", err)
			}
		}
	}
	if len(c.Judges) > maxJudges {
		add("judges", "there are %d; at most %d are allowed", len(c.Judges), maxJudges)
	}
	for i := range c.Judges {
		path := fmt.Sprintf("judges[%d]", i)
		name(path+".name", c.Judges[i].Name)
		c.Judges[i].validate(path, add)
	}
	c.Feedback.validate("feedback", add)
	return errors.Join(errs...)
}

func (f *Feedback) validate(path string, add func(path, format string, args ...any)) {
	for i, o := range f.AllowedOrigins {
		u, err := url.Parse(o)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.Path != "" || u.RawQuery != "" || u.User != nil || o != strings.ToLower(o) || strings.Contains(o, "*") {
			add(fmt.Sprintf("%s.allowed_origins[%d]", path, i), "%q is no origin: write it as browsers do, such as https://shop.example.com, without a path", o)
		}
	}
	for i, k := range f.Keys {
		if len(k) < minKey || !httpguts.ValidHeaderFieldValue(k) || strings.ContainsAny(k, " \t") {
			add(fmt.Sprintf("%s.keys[%d]", path, i), "has %d characters: use at least %d printable ones, without spaces", len(k), minKey)
		}
	}
	if len(f.AllowedOrigins) > 0 && len(f.Keys) == 0 {
		add(path+".keys", "is empty: pages of other origins need a key; `openssl rand -hex 24` makes one")
	}
	if f.MaxPerMinute < 0 {
		add(path+".max_per_minute", "%d: must not be negative", f.MaxPerMinute)
	}
}

func (j *Judge) validate(path string, add func(path, format string, args ...any)) {
	if j.Upstream == "" {
		add(path+".upstream", "name an upstream of the gateway, such as openai")
	}
	if j.Model == "" {
		add(path+".model", "name the model to ask")
	}
	if j.Path != "" && !strings.HasPrefix(j.Path, "/") {
		add(path+".path", "%q: must begin with /", j.Path)
	}
	if _, ok := rubrics[j.Rubric]; j.Rubric != "" && !ok {
		add(path+".rubric", "%q: use helpfulness, faithfulness, correctness or safety, or write instructions", j.Rubric)
	}
	if j.Rubric != "" && j.Instructions != "" {
		add(path+".instructions", "rubric is set too: keep one of them")
	}
	if len(j.Instructions) > maxInstructions {
		add(path+".instructions", "has %d bytes; at most %d are allowed", len(j.Instructions), maxInstructions)
	}
	if j.Language != "" && j.Language != langEnglish && j.Language != langChinese {
		add(path+".language", "%q: use en or zh", j.Language)
	}
	if !(j.Share >= 0 && j.Share <= 1) {
		add(path+".share", "%v: must be between 0 and 1", j.Share)
	}
	if j.Scale != (Scale{}) && !(j.Scale.Max > j.Scale.Min) {
		add(path+".scale", "max (%v) must be above min (%v)", j.Scale.Max, j.Scale.Min)
	}
	if j.MaxTokens < 0 {
		add(path+".max_tokens", "%d: must not be negative", j.MaxTokens)
	}
	if j.Timeout < 0 || j.Timeout > model.Duration(10*time.Minute) {
		add(path+".timeout", "%v: must be between 0 and 10m", j.Timeout)
	}
	if j.Retries != nil && (*j.Retries < 0 || *j.Retries > 10) {
		add(path+".retries", "%d: must be between 0 and 10", *j.Retries)
	}
	if j.Concurrency < 0 || j.Concurrency > 64 {
		add(path+".concurrency", "%d: must be between 0 and 64", j.Concurrency)
	}
	if !(j.MaxUSDPerDay >= 0) {
		add(path+".max_usd_per_day", "%v: must not be negative", j.MaxUSDPerDay)
	}
	for name, value := range j.Parameters {
		if !json.Valid([]byte(value)) {
			add(path+".parameters."+name, "%q is not JSON: write a text as '\"text\"'", value)
		}
	}
	for name, value := range j.Headers {
		if !httpguts.ValidHeaderFieldName(name) || !httpguts.ValidHeaderFieldValue(value) {
			add(path+".headers", "%q is not a valid header", name)
		}
	}
}

// complete fills in the defaults of a valid Judge.
func (j Judge) complete() Judge {
	if j.Rubric == "" {
		j.Rubric = rubricHelpfulness
	}
	if j.Language == "" {
		j.Language = langEnglish
	}
	if j.Share == 0 {
		j.Share = 0.01
	}
	if j.Scale == (Scale{}) {
		j.Scale = Scale{1, 5}
	}
	if j.MaxTokens == 0 {
		j.MaxTokens = 1024
	}
	if j.Timeout == 0 {
		j.Timeout = model.Duration(time.Minute)
	}
	if j.Retries == nil {
		j.Retries = new(2)
	}
	if j.Concurrency == 0 {
		j.Concurrency = 2
	}
	return j
}
