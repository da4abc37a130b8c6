package redact

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"
)

// Mode says how much content is kept.
type Mode string

// The modes. The zero Mode is read as ModeFull.
const (
	ModeFull    Mode = "full"    // everything, masked, each part up to MaxChars
	ModeSummary Mode = "summary" // the first and last items, each part up to SummaryChars
	ModeMetrics Mode = "metrics" // numbers and names only
)

// The names of the built-in detectors, as the configuration spells them.
const (
	KindSecrets = "secrets"
	KindEmail   = "email"
	KindPhone   = "phone"
	KindCard    = "card"
	KindCNID    = "cn_id"
	KindIP      = "ip"
)

// Kinds lists the built-in detectors.
func Kinds() []string {
	return []string{KindSecrets, KindEmail, KindPhone, KindCard, KindCNID, KindIP}
}

// The limits that apply where the configuration names none.
const (
	DefaultMaxChars     = 65536
	DefaultSummaryChars = 4000
	DefaultMaxItems     = 20
)

// Config is the `capture` section of the configuration.
type Config struct {
	Content      Mode      `yaml:"content,omitempty" doc:"How much content is kept: full, summary (first and last messages, shortened) or metrics (numbers and names only)."`
	MaxChars     int       `yaml:"max_chars,omitempty" doc:"Characters kept of each part of a message in full mode; what is longer is cut and marked."`
	SummaryChars int       `yaml:"summary_chars,omitempty" doc:"Characters kept of each part of a message in summary mode."`
	MaxItems     int       `yaml:"max_items,omitempty" doc:"Messages kept of an input or output in summary mode: half from the start, half from the end."`
	Redact       []string  `yaml:"redact" doc:"What is masked in everything that is kept: secrets, email, phone, card, cn_id, ip. [] masks nothing but credentials in headers and fields named as such."`
	Patterns     []Pattern `yaml:"patterns,omitempty" doc:"Further things to mask, as regular expressions (RE2)."`
	HashUsers    bool      `yaml:"hash_users,omitempty" doc:"Replace user ids by a salted hash (HMAC-SHA256): still countable, no longer readable."`
	Salt         Salt      `yaml:"salt,omitempty" secret:"true" doc:"The key of hash_users. Keep it secret and constant: another salt gives other ids."`
	SaltFile     string    `yaml:"salt_file,omitempty" doc:"A file to read the salt from, instead of salt."`
}

// Pattern is a masking rule of the operator's own.
type Pattern struct {
	Name    string `yaml:"name" doc:"Name of the rule: lower-case letters, digits and _."`
	Regex   string `yaml:"regex" doc:"Regular expression in Go's RE2 syntax. It must not match the empty text."`
	Replace string `yaml:"replace,omitempty" doc:"Replacement; $1 is the first group. Default: [REDACTED:name]."`
}

// Salt is a secret: it prints as <secret>.
type Salt string

const hidden = "<secret>"

// String hides the salt.
func (s Salt) String() string {
	if s == "" {
		return ""
	}
	return hidden
}

// GoString hides the salt.
func (s Salt) GoString() string { return s.String() }

// MarshalText hides the salt in JSON and YAML.
func (s Salt) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// LogValue hides the salt in logs.
func (s Salt) LogValue() slog.Value { return slog.StringValue(s.String()) }

// Default returns the policy that applies where nothing is configured: keep
// everything, mask secrets.
func Default() Config {
	return Config{
		Content:      ModeFull,
		MaxChars:     DefaultMaxChars,
		SummaryChars: DefaultSummaryChars,
		MaxItems:     DefaultMaxItems,
		Redact:       []string{KindSecrets},
	}
}

// withDefaults fills what is zero. Redact is left alone: empty means none.
func (c Config) withDefaults() Config {
	d := Default()
	if c.Content == "" {
		c.Content = d.Content
	}
	if c.MaxChars == 0 {
		c.MaxChars = d.MaxChars
	}
	if c.SummaryChars == 0 {
		c.SummaryChars = d.SummaryChars
	}
	if c.MaxItems == 0 {
		c.MaxItems = d.MaxItems
	}
	return c
}

// minChars is the least limit accepted: below it a cut JSON value could not
// even hold its brackets and a marker.
const minChars = 16

// FieldError is a problem with one field of a Config.
type FieldError struct {
	Path string // as in YAML: "patterns[2].regex"
	Err  error
}

// Error names the field and what is wrong with it.
func (e *FieldError) Error() string { return e.Path + ": " + e.Err.Error() }

// Unwrap returns the problem.
func (e *FieldError) Unwrap() error { return e.Err }

// Validate returns every problem with the configuration, each a *FieldError,
// joined.
func (c Config) Validate() error {
	_, err := c.compile()
	return err
}

type pattern struct {
	re      *regexp.Regexp
	replace string
	literal bool
}

// compile checks the configuration and compiles its patterns.
func (c Config) compile() ([]pattern, error) {
	c = c.withDefaults()
	var errs []error
	bad := func(path, format string, args ...any) {
		errs = append(errs, &FieldError{Path: path, Err: fmt.Errorf(format, args...)})
	}
	switch c.Content {
	case ModeFull, ModeSummary, ModeMetrics:
	default:
		bad("content", "%q is not a content mode: use full, summary or metrics", string(c.Content))
	}
	for _, l := range []struct {
		path string
		n    int
	}{{"max_chars", c.MaxChars}, {"summary_chars", c.SummaryChars}} {
		if l.n < minChars {
			bad(l.path, "%d is too small: use at least %d, or content: metrics to keep no content", l.n, minChars)
		}
	}
	if c.MaxItems < 1 {
		bad("max_items", "%d is too small: use at least 1, or content: metrics to keep no content", c.MaxItems)
	}
	for i, k := range c.Redact {
		if !slices.Contains(Kinds(), k) {
			bad(fmt.Sprintf("redact[%d]", i), "%q is not a detector: use %s", k, strings.Join(Kinds(), ", "))
		}
	}
	if c.HashUsers && c.Salt == "" && c.SaltFile == "" {
		bad("salt", "hash_users needs a salt: without one the hashes can be reversed by trying ids")
	}
	var pats []pattern
	for i, pc := range c.Patterns {
		p, field, err := pc.compile()
		if err != nil {
			bad(fmt.Sprintf("patterns[%d].%s", i, field), "%w", err)
			continue
		}
		if slices.ContainsFunc(c.Patterns[:i], func(o Pattern) bool { return o.Name == pc.Name }) {
			bad(fmt.Sprintf("patterns[%d].name", i), "the name %q is used twice", pc.Name)
		}
		pats = append(pats, p)
	}
	for i, p := range pats {
		for _, q := range pats {
			if q.literal && p.re.MatchString(q.replace) {
				bad(fmt.Sprintf("patterns[%d].regex", i), "the expression matches the replacement %q, so masking would never end", q.replace)
			}
		}
	}
	return pats, errors.Join(errs...)
}

// compile returns the pattern, or the field that is wrong and why.
func (pc Pattern) compile() (p pattern, field string, err error) {
	if pc.Name == "" || strings.Trim(pc.Name, "abcdefghijklmnopqrstuvwxyz0123456789_") != "" {
		return p, "name", fmt.Errorf("pattern %q: a name consists of lower-case letters, digits and _", pc.Name)
	}
	if pc.Regex == "" {
		return p, "regex", fmt.Errorf("pattern %q: regex is missing", pc.Name)
	}
	re, err := regexp.Compile(pc.Regex)
	if err != nil {
		return p, "regex", fmt.Errorf("pattern %q: %w", pc.Name, err)
	}
	if re.MatchString("") {
		return p, "regex", fmt.Errorf("pattern %q: the expression matches the empty text, so it would mask between all characters", pc.Name)
	}
	p = pattern{re: re, replace: pc.Replace}
	if p.replace == "" {
		p.replace = redactedPrefix + pc.Name + "]"
	}
	p.literal = !strings.Contains(p.replace, "$")
	return p, "", nil
}
