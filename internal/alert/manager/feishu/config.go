package feishu

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	commoncfg "github.com/prometheus/common/config"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

// Config is an entry of a receiver's feishu_configs.
type Config struct {
	SendResolvedAlerts bool                   `yaml:"send_resolved" doc:"Whether to notify when alerts resolve."`
	URL                commoncfg.Secret       `yaml:"url,omitempty" doc:"The bot's webhook."`
	URLFile            string                 `yaml:"url_file,omitempty" doc:"A file with the bot's webhook, instead of url."`
	Secret             commoncfg.Secret       `yaml:"secret,omitempty" doc:"The bot's signing secret, where it is set to check signatures."`
	SecretFile         string                 `yaml:"secret_file,omitempty" doc:"A file with the signing secret, instead of secret."`
	Language           robot.Language         `yaml:"language,omitempty" doc:"en or zh: the language of the shipped templates."`
	Title              string                 `yaml:"title,omitempty" doc:"Template of the card's title."`
	Text               string                 `yaml:"text,omitempty" doc:"Template of the card's text, as Markdown."`
	Colors             map[robot.Color]string `yaml:"colors,omitempty" doc:"Colour of the card's header for critical, error, warning, info and resolved."`
	Mentions           Mentions               `yaml:"mentions,omitempty"`

	HTTPConfig *commoncfg.HTTPClientConfig `yaml:"http_config,omitempty"`
}

// Mentions are the people whom a notification names.
type Mentions struct {
	IDs        []string `yaml:"ids,omitempty" doc:"Open ids (ou_...) or user ids of people to name."`
	All        bool     `yaml:"all,omitempty" doc:"Whether to name everybody."`
	robot.When `yaml:",inline"`
}

// headers are the colours of a card's header.
const headers = "blue wathet turquoise green yellow orange red carmine violet purple indigo grey default"

// defaultColors are taken where the configuration names none.
func defaultColors() map[robot.Color]string {
	return map[robot.Color]string{
		robot.ColorCritical: "red", robot.ColorError: "carmine", robot.ColorWarning: "orange",
		robot.ColorInfo: "blue", robot.ColorResolved: "green",
	}
}

// UnmarshalYAML fills in the defaults.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	*c = Config{SendResolvedAlerts: true}
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
		errs = append(errs, errors.New("url: set the bot's webhook, or url_file"))
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
	for _, k := range slices.Sorted(maps.Keys(c.Colors)) {
		if _, ok := defaultColors()[k]; !ok {
			errs = append(errs, fmt.Errorf("colors: %s: must be critical, error, warning, info or resolved", k))
		} else if !slices.Contains(strings.Fields(headers), c.Colors[k]) {
			errs = append(errs, fmt.Errorf("colors.%s: %q: must be one of %s", k, c.Colors[k], headers))
		}
	}
	for _, id := range c.Mentions.IDs {
		if strings.ContainsAny(id, " <>\"'") || id == "" {
			errs = append(errs, fmt.Errorf("mentions.ids: %q: must be an open id or a user id", id))
		}
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
		return errors.New("must be an http or https URL, such as https://open.feishu.cn/open-apis/bot/v2/hook/TOKEN")
	}
	return nil
}
