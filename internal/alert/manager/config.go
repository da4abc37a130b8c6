package manager

import (
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strconv"
	"strings"

	"github.com/prometheus/alertmanager/config"
	commoncfg "github.com/prometheus/common/config"
	yaml "go.yaml.in/yaml/v3"

	"github.com/pitot-dev/pitot/internal/alert/manager/dingtalk"
	"github.com/pitot-dev/pitot/internal/alert/manager/feishu"
	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

// ConfigError is what is wrong with the `alertmanager:` section.
type ConfigError struct {
	// Line is the line within the section, starting at 1; 0 where the error has
	// no place.
	Line int
	Err  error
}

// Error returns the message with the line.
func (e *ConfigError) Error() string {
	if e.Line == 0 {
		return e.Err.Error()
	}
	return fmt.Sprintf("line %d: %v", e.Line, e.Err)
}

// Unwrap returns the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

// standard is the configuration of who wrote none: alerts are in the API and,
// one line a notification, in the log.
const standard = `
route:
  receiver: log
  group_by: [alertname]
receivers:
  - name: log
`

// loaded is a section that was parsed.
type loaded struct {
	section  []byte
	config   *config.Config
	own      map[string]ownChannels // by receiver
	warnings []string
	standard bool
}

// ownChannels are the channels of a receiver that the Alertmanager does not
// have.
type ownChannels struct {
	dingtalk []*dingtalk.Config
	feishu   []*feishu.Config
}

// ValidateConfig checks a section without applying it: syntax, routes, receivers
// with their certificates, templates. The error is a *ConfigError, or several
// joined.
func ValidateConfig(c Config) error {
	initMatchers()
	l, err := load(c, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	o := Options{}
	o.setDefaults()
	m := &Manager{opts: o, logger: o.Logger, metrics: newMetrics(o.Registerer)}
	tmpl, err := newTemplate(l.config.Templates, nil)
	if err != nil {
		return l.locate(fmt.Errorf("templates: %w", err))
	}
	var errs []error
	for _, r := range l.config.Receivers {
		if _, err := m.buildChannels(l, r, tmpl); err != nil {
			errs = append(errs, l.receiverError(r.Name, err))
		}
	}
	return errors.Join(errs...)
}

// load parses a section.
func load(c Config, logger *slog.Logger) (*loaded, error) {
	l := &loaded{section: c.Section}
	var root yaml.Node
	if yaml.Unmarshal(c.Section, &root) == nil && len(root.Content) == 0 { // nothing but comments
		l.section, l.standard = []byte(standard), true
	}
	rest, err := l.takeOwn(c.Dir)
	if err != nil {
		return nil, err
	}
	l.config, err = config.Load(string(rest))
	if err != nil {
		return nil, l.locate(err)
	}
	setDirectory(l.config, c.Dir)
	for _, r := range l.config.Receivers {
		for _, d := range l.own[r.Name].dingtalk {
			if d.HTTPConfig == nil {
				d.HTTPConfig = l.config.Global.HTTPConfig
			}
		}
		for _, f := range l.own[r.Name].feishu {
			if f.HTTPConfig == nil {
				f.HTTPConfig = l.config.Global.HTTPConfig
			}
		}
	}
	if l.config.TracingConfig.Endpoint != "" {
		l.warnings = append(l.warnings, "tracing: Pitot does not trace its own Alertmanager")
	}
	if e := l.config.EventRecorder; len(e.FileOutputs)+len(e.WebhookOutputs)+len(e.KafkaOutputs) > 0 {
		l.warnings = append(l.warnings, "event_recorder: not available in Pitot")
	}
	logger.Debug("alertmanager section read", "receivers", len(l.config.Receivers))
	return l, nil
}

// document is what of a section is not the Alertmanager's. The rest is kept out
// of the way, since it is checked elsewhere.
type document struct {
	Global struct {
		Language robot.Language `yaml:"language"`
		Rest     map[string]any `yaml:",inline"`
	} `yaml:"global"`
	Receivers []struct {
		Name     string             `yaml:"name"`
		DingTalk []*dingtalk.Config `yaml:"dingtalk_configs"`
		Feishu   []*feishu.Config   `yaml:"feishu_configs"`
		Rest     map[string]any     `yaml:",inline"`
	} `yaml:"receivers"`
	Rest map[string]any `yaml:",inline"`
}

// takeOwn reads Pitot's additions and returns the section without them.
func (l *loaded) takeOwn(dir string) ([]byte, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(l.section, &root); err != nil {
		return nil, l.locate(err)
	}
	found := findOwn(&root)
	if len(found) == 0 {
		return l.section, nil
	}
	var doc document
	d := yaml.NewDecoder(strings.NewReader(string(l.section)))
	d.KnownFields(true)
	if err := d.Decode(&doc); err != nil {
		return nil, l.locate(err)
	}
	var errs []error
	if err := doc.Global.Language.Check(); err != nil {
		errs = append(errs, &ConfigError{Line: found.line("", "language", -1), Err: fmt.Errorf("global.%w", err)})
	}
	l.own = make(map[string]ownChannels)
	for _, r := range doc.Receivers {
		for i, c := range r.DingTalk {
			if c == nil {
				c = &dingtalk.Config{}
				r.DingTalk[i] = c
			}
			c.Language = c.Language.Or(doc.Global.Language)
			c.SetDirectory(dir)
			errs = append(errs, found.errors(r.Name, "dingtalk_configs", i, c.Validate())...)
		}
		for i, c := range r.Feishu {
			if c == nil {
				c = &feishu.Config{}
				r.Feishu[i] = c
			}
			c.Language = c.Language.Or(doc.Global.Language)
			c.SetDirectory(dir)
			errs = append(errs, found.errors(r.Name, "feishu_configs", i, c.Validate())...)
		}
		l.own[r.Name] = ownChannels{dingtalk: r.DingTalk, feishu: r.Feishu}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	rest, err := strip(l.section, &root, found)
	if err != nil {
		return nil, l.locate(err)
	}
	return rest, nil
}

// setDirectory makes relative paths relative to the configuration's directory.
// The Alertmanager does it only for files that it reads itself.
func setDirectory(c *config.Config, dir string) {
	for i, t := range c.Templates {
		c.Templates[i] = commoncfg.JoinDir(dir, t)
	}
	visitPaths(c, dir)
}

var (
	linePattern    = regexp.MustCompile(`\bline (\d+): ?`)
	unknownPattern = regexp.MustCompile(`field (\S+) (not found|already set) in (?:type|struct) \S+`)
	quotedPattern  = regexp.MustCompile(`"([^"]+)"`)
)

// locate gives an error its line: that which it names, or that of a value which
// it quotes.
func (l *loaded) locate(err error) error {
	if err == nil {
		return nil
	}
	if have, ok := errors.AsType[*ConfigError](err); ok {
		return have
	}
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	text = strings.TrimSpace(strings.TrimPrefix(text, "unmarshal errors:"))
	text = unknownPattern.ReplaceAllStringFunc(text, func(s string) string {
		p := unknownPattern.FindStringSubmatch(s)
		if p[2] == "already set" {
			return fmt.Sprintf("%q is there twice", p[1])
		}
		return fmt.Sprintf("unknown field %q", p[1])
	})
	if p := linePattern.FindStringSubmatch(text); p != nil {
		line, _ := strconv.Atoi(p[1]) // digits
		text = strings.Replace(text, p[0], "", 1)
		return &ConfigError{Line: line, Err: fmt.Errorf("%s", text)}
	}
	line := 0
	var root yaml.Node
	if yaml.Unmarshal(l.section, &root) == nil {
		for _, p := range quotedPattern.FindAllStringSubmatch(text, -1) {
			if line = lineOf(&root, p[1]); line > 0 {
				break
			}
		}
	}
	return &ConfigError{Line: line, Err: err}
}

// receiverError has the line where the receiver begins.
func (l *loaded) receiverError(name string, err error) error {
	line := 0
	var root yaml.Node
	if yaml.Unmarshal(l.section, &root) == nil && len(root.Content) > 0 {
		pairs(root.Content[0], func(k, v *yaml.Node) {
			if k.Value != "receivers" {
				return
			}
			for _, r := range v.Content {
				pairs(r, func(k, v *yaml.Node) {
					if k.Value == "name" && v.Value == name && line == 0 {
						line = r.Line
					}
				})
			}
		})
	}
	return &ConfigError{Line: line, Err: fmt.Errorf("receiver %q: %w", name, err)}
}

// lineOf is the line of the first scalar with a value; 0 for none.
func lineOf(n *yaml.Node, value string) int {
	if n.Kind == yaml.ScalarNode && n.Value == value {
		return n.Line
	}
	for _, c := range n.Content {
		if line := lineOf(c, value); line > 0 {
			return line
		}
	}
	return 0
}
