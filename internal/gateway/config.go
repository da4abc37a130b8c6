package gateway

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/wire"
)

// Config is the `gateway:` section.
type Config struct {
	Upstreams []Upstream `yaml:"upstreams,omitempty" doc:"Servers behind the gateway, added to the well-known ones; a name in both replaces. http://<gateway>/<name>/... goes to the base URL."`
	// AskUsage asks OpenAI-style streams for usage that the client did not ask
	// for, and takes the extra chunk out again.
	AskUsage *bool `yaml:"ask_usage,omitempty" doc:"Ask OpenAI-style streams for token usage where the client did not, and remove the extra chunk from the answer. Default true."`
	// MaxBody bounds what is kept of a request or response body for decoding;
	// longer bodies pass whole and are recorded truncated.
	MaxBody units.Base2Bytes `yaml:"max_body,omitempty" doc:"Most of a request or answer that is kept for recording; longer ones pass whole and are recorded truncated. Default 8MiB."`
	// MaxContent bounds the text that one Call keeps in memory.
	MaxContent units.Base2Bytes `yaml:"max_content,omitempty" doc:"Most text that one Call keeps. Default 1MiB."`
	// Keys says whether clients bring keys of Pitot's instead of the providers'.
	Keys string `yaml:"keys,omitempty" doc:"Virtual keys, which pitot keys create --scope=gateway makes: off, optional (a client may bring the provider's own key instead) or required. Default off. See access.md."`
	// KeyIDs tags Calls with an id of the API key that they came with.
	KeyIDs bool `yaml:"key_ids,omitempty" doc:"Tag calls with an id of the API key that the client used (tag key: a hash, the key itself is never kept), so that spend and errors can be told apart by key. Budgets by key need it."`
}

// Upstream is a provider or model server behind the gateway.
type Upstream struct {
	Name     string       `yaml:"name" doc:"First segment of the path under which the upstream is reached."`
	Dialect  wire.Dialect `yaml:"dialect,omitempty" doc:"Wire format: openai, azure, anthropic, gemini, bedrock, cohere or ollama. Default openai."`
	BaseURL  string       `yaml:"base_url" doc:"Where requests go; the rest of the path is appended. Default for the well-known names: the provider's own."`
	Provider string       `yaml:"provider,omitempty" doc:"Provider name on recorded calls. Default: the upstream's name."`
	Region   string       `yaml:"region,omitempty" doc:"Region on recorded calls whose answer names none. A region that starts with cn takes the price lists of mainland China."`
	Service  string       `yaml:"service,omitempty" doc:"Service name on calls whose client names none."`
	// APIKey is the provider's key, which goes where the dialect has it.
	APIKey     string `yaml:"api_key,omitempty" secret:"true" doc:"The provider's API key, for example ${NAME} from the environment, sent where the dialect has it. With gateway.keys it is sent for clients with a virtual key alone."`
	APIKeyFile string `yaml:"api_key_file,omitempty" doc:"File that holds the provider's API key."`
	// APIKeyCommand prints the key: that of a secret store's own program.
	APIKeyCommand []string          `yaml:"api_key_command,omitempty" doc:"Program and arguments that print the provider's API key, for secret stores: run without a shell, for at most 10s."`
	APIKeyRefresh model.Duration    `yaml:"api_key_refresh,omitempty" doc:"How often api_key_command runs. Where it fails, the key that there is stays. Default 5m."`
	Headers       map[string]string `yaml:"headers,omitempty" doc:"Headers set on every request to the upstream, for example an API key as ${NAME} from the environment."`
	AskUsage      *bool             `yaml:"ask_usage,omitempty" doc:"As gateway.ask_usage, for this upstream: false for a server that refuses stream_options."`
	Timeouts      Timeouts          `yaml:"timeouts,omitempty" doc:"Time limits towards the upstream."`
	TLS           TLS               `yaml:"tls,omitempty" doc:"TLS towards the upstream."`
	// Proxy is the URL of an HTTP or SOCKS5 proxy, "none", or empty for the
	// environment's HTTPS_PROXY and NO_PROXY.
	Proxy string `yaml:"proxy,omitempty" doc:"URL of an HTTP or SOCKS5 proxy, or none; by default the environment's HTTP_PROXY, HTTPS_PROXY and NO_PROXY."`
}

// Timeouts are limits towards an upstream; 0 means none.
type Timeouts struct {
	Connect        model.Duration `yaml:"connect,omitempty" doc:"To connect and shake hands. Default 10s."`
	ResponseHeader model.Duration `yaml:"response_header,omitempty" doc:"From the end of the request to the first byte of the answer. Default none: a model may think for long."`
}

// TLS is the client side of TLS towards an upstream.
type TLS struct {
	CAFile             string `yaml:"ca_file,omitempty" doc:"PEM file of certificate authorities to trust instead of the system's."`
	CertFile           string `yaml:"cert_file,omitempty" doc:"PEM file of the client certificate."`
	KeyFile            string `yaml:"key_file,omitempty" doc:"PEM file of the client certificate's key."`
	ServerName         string `yaml:"server_name,omitempty" doc:"Name to verify instead of the base URL's host."`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify,omitempty" doc:"Accept any certificate. Only for tests."`
}

const (
	defaultMaxBody    = 8 << 20
	defaultMaxContent = 1 << 20
	defaultConnect    = 10 * time.Second
)

// Dialects are the wire formats that an upstream can name.
func Dialects() []wire.Dialect {
	return []wire.Dialect{
		wire.OpenAI, wire.Azure, wire.Anthropic, wire.Gemini, wire.Bedrock, wire.Cohere, wire.Ollama,
	}
}

// upstreamName keeps names usable as a path segment, a label value and a word in
// a query.
var upstreamName = regexp.MustCompile(`^[a-z0-9][a-z0-9._-]{0,62}$`)

// Validate reports everything that is wrong with the section.
func (c *Config) Validate() error {
	var errs []error
	if !slices.Contains([]string{"", KeysOff, KeysOptional, KeysRequired}, c.Keys) {
		errs = append(errs, fmt.Errorf("gateway.keys: %q: use off, optional or required", c.Keys))
	}
	seen := map[string]bool{}
	for i := range c.Upstreams {
		u := &c.Upstreams[i]
		at := fmt.Sprintf("gateway.upstreams[%d]", i)
		if u.Name != "" {
			at += fmt.Sprintf(" (%s)", u.Name)
		}
		if seen[u.Name] {
			errs = append(errs, fmt.Errorf("%s: the name is used twice: give each upstream its own", at))
		}
		seen[u.Name] = true
		if err := u.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
	}
	if c.MaxBody < 0 || c.MaxContent < 0 {
		errs = append(errs, errors.New("gateway: max_body and max_content must be positive, such as 8MiB"))
	}
	return errors.Join(errs...)
}

// Validate reports everything that is wrong with the upstream.
func (u *Upstream) Validate() error {
	var errs []error
	if !upstreamName.MatchString(u.Name) {
		errs = append(errs, fmt.Errorf("name %q: use lower-case letters, digits, '.', '_' and '-', such as my-vllm", u.Name))
	}
	if u.Dialect != "" && !slices.Contains(Dialects(), u.Dialect) {
		names := make([]string, 0, len(Dialects()))
		for _, d := range Dialects() {
			names = append(names, string(d))
		}
		errs = append(errs, fmt.Errorf("dialect %q is unknown: use one of %s", u.Dialect, strings.Join(names, ", ")))
	}
	base, err := url.Parse(u.BaseURL)
	_, known := wellKnown(u.Name)
	switch {
	case u.BaseURL == "" && known: // that of the well-known one
	case err != nil:
		errs = append(errs, fmt.Errorf("base_url: %w", err))
	case base.Scheme != "http" && base.Scheme != "https", base.Host == "":
		errs = append(errs, fmt.Errorf("base_url %q: must be an absolute URL, such as http://127.0.0.1:8000", u.BaseURL))
	case base.RawQuery != "" || base.Fragment != "":
		errs = append(errs, fmt.Errorf("base_url %q: must not have a query or a fragment", base.Redacted()))
	}
	if u.Proxy != "" && u.Proxy != "none" {
		p, err := url.Parse(u.Proxy)
		if err != nil || p.Host == "" || !slices.Contains([]string{"http", "https", "socks5", "socks5h"}, p.Scheme) {
			errs = append(errs, errors.New("proxy: must be none or a URL that starts with http://, https:// or socks5://"))
		}
	}
	if (u.TLS.CertFile == "") != (u.TLS.KeyFile == "") {
		errs = append(errs, errors.New("tls: cert_file and key_file go together"))
	}
	errs = append(errs, u.checkKeyCommand()...)
	if u.Timeouts.Connect < 0 || u.Timeouts.ResponseHeader < 0 {
		errs = append(errs, errors.New("timeouts: must not be negative"))
	}
	return errors.Join(errs...)
}

func (u *Upstream) checkKeyCommand() (errs []error) {
	switch {
	case len(u.APIKeyCommand) == 0 && u.APIKeyRefresh != 0:
		errs = append(errs, errors.New("api_key_refresh: is there for api_key_command alone"))
	case len(u.APIKeyCommand) == 0:
		return nil
	case strings.TrimSpace(u.APIKeyCommand[0]) == "":
		errs = append(errs, errors.New("api_key_command: begins with the program, such as [vault, kv, get, -field=key, secret/openai]"))
	}
	if len(u.APIKeyCommand) > 0 && (u.APIKey != "" || u.APIKeyFile != "") {
		errs = append(errs, errors.New("api_key_command: api_key or api_key_file is set too: keep one of them"))
	}
	if u.APIKeyRefresh != 0 && u.APIKeyRefresh < model.Duration(minKeyRefresh) {
		errs = append(errs, fmt.Errorf("api_key_refresh: use at least %v", minKeyRefresh))
	}
	return errs
}

// askUsage says whether streams of an upstream are asked for usage: as the
// upstream says, else as the section says, else yes.
func (c *Config) askUsage(u *Upstream) bool {
	for _, set := range []*bool{u.AskUsage, c.AskUsage} {
		if set != nil {
			return *set
		}
	}
	return true
}

func (c *Config) maxBody() int {
	if c.MaxBody > 0 {
		return int(c.MaxBody)
	}
	return defaultMaxBody
}

func (c *Config) maxContent() int {
	if c.MaxContent > 0 {
		return int(c.MaxContent)
	}
	return defaultMaxContent
}

// All returns the upstreams in force: the well-known ones, replaced and
// completed by the configured ones, sorted by name.
func (c *Config) All() []Upstream {
	byName := map[string]Upstream{}
	for _, u := range WellKnown() {
		byName[u.Name] = u
	}
	for _, u := range c.Upstreams {
		if known, ok := byName[u.Name]; ok && u.BaseURL == "" {
			u.BaseURL, u.Region = known.BaseURL, cmp.Or(u.Region, known.Region)
			u.Dialect, u.Provider = cmp.Or(u.Dialect, known.Dialect), cmp.Or(u.Provider, known.Provider)
		}
		byName[u.Name] = u
	}
	out := make([]Upstream, 0, len(byName))
	for _, u := range byName {
		if u.Dialect == "" {
			u.Dialect = wire.OpenAI
		}
		if u.Provider == "" {
			u.Provider = u.Name
		}
		out = append(out, u)
	}
	slices.SortFunc(out, func(a, b Upstream) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// wellKnown returns the well-known upstream of a name.
func wellKnown(name string) (Upstream, bool) {
	all := WellKnown()
	i := slices.IndexFunc(all, func(u Upstream) bool { return u.Name == name })
	if i < 0 {
		return Upstream{}, false
	}
	return all[i], true
}
