package dingtalk

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	commoncfg "github.com/prometheus/common/config"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

// The message types.
const (
	TypeMarkdown   = "markdown"
	TypeActionCard = "actionCard"
)

// Config is an entry of a receiver's dingtalk_configs.
type Config struct {
	SendResolvedAlerts bool             `yaml:"send_resolved" doc:"Whether to notify when alerts resolve."`
	URL                commoncfg.Secret `yaml:"url,omitempty" doc:"The robot's webhook, with its access_token."`
	URLFile            string           `yaml:"url_file,omitempty" doc:"A file with the robot's webhook, instead of url."`
	Secret             commoncfg.Secret `yaml:"secret,omitempty" doc:"The robot's signing secret (SEC...), where it is set to check signatures."`
	SecretFile         string           `yaml:"secret_file,omitempty" doc:"A file with the signing secret, instead of secret."`
	MessageType        string           `yaml:"message_type,omitempty" doc:"markdown, or actionCard with the links as buttons."`
	Language           robot.Language   `yaml:"language,omitempty" doc:"en or zh: the language of the shipped templates."`
	Title              string           `yaml:"title,omitempty" doc:"Template of the title."`
	Text               string           `yaml:"text,omitempty" doc:"Template of the text, as Markdown."`
	Mentions           Mentions         `yaml:"mentions,omitempty"`

	HTTPConfig *commoncfg.HTTPClientConfig `yaml:"http_config,omitempty"`
}

// Mentions are the people whom a notification names.
type Mentions struct {
	Mobiles    []string `yaml:"mobiles,omitempty" doc:"Mobile numbers of people to name."`
	UserIDs    []string `yaml:"user_ids,omitempty" doc:"User ids of people to name."`
	All        bool     `yaml:"all,omitempty" doc:"Whether to name everybody."`
	robot.When `yaml:",inline"`
}

// UnmarshalYAML fills in the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = Config{SendResolvedAlerts: true, MessageType: TypeMarkdown}
	type plain Config
	return unmarshal((*plain)(c))
}

// SendResolved implements notify.ResolvedSender.
func (c *Config) SendResolved() bool { return c.SendResolvedAlerts }

// Validate reports all that is wrong with the configuration.
func (c *Config) Validate() error {
	var errs []error
	switch {
	case c.URL == "" && c.URLFile == "":
		errs = append(errs, errors.New("url: set the robot's webhook, or url_file"))
	case c.URL != "" && c.URLFile != "":
		errs = append(errs, errors.New("url: set url or url_file, not both"))
	case c.URL != "":
		if err := checkURL(string(c.URL)); err != nil {
			errs = append(errs, fmt.Errorf("url: %w", err))
		}
	}
	if c.Secret != "" && c.SecretFile != "" {
		errs = append(errs, errors.New("secret: set secret or secret_file, not both"))
	}
	if c.MessageType != TypeMarkdown && c.MessageType != TypeActionCard {
		errs = append(errs, fmt.Errorf("message_type: %q: must be %s or %s", c.MessageType, TypeMarkdown, TypeActionCard))
	}
	if c.HTTPConfig != nil {
		if err := c.HTTPConfig.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("http_config: %w", err))
		}
	}
	return errors.Join(append(errs, c.Language.Check())...)
}

// SetDirectory makes relative paths relative to dir.
func (c *Config) SetDirectory(dir string) {
	for _, p := range []*string{&c.URLFile, &c.SecretFile} {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	c.HTTPConfig.SetDirectory(dir)
}

// checkURL does not repeat the URL, which is a secret.
func checkURL(s string) error {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
		return errors.New("must be an http or https URL, such as https://oapi.dingtalk.com/robot/send?access_token=TOKEN")
	}
	return nil
}
