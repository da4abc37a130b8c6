package auth

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/units"
	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Config is the `auth:` section.
type Config struct {
	Enabled bool          `yaml:"enabled,omitempty" doc:"Whether everybody must show who he is. Default false: whoever reaches a listener may use it, and listeners bind to loopback."`
	Ingest  string        `yaml:"ingest,omitempty" doc:"Whether senders of telemetry, logs and metrics need a key too: required, or optional, where what comes without one is the default tenant's. Default required."`
	Tenants []string      `yaml:"tenants,omitempty" doc:"Tenants whose data are kept apart, such as acme, and projects of them, such as acme/web. What belongs to none is the default tenant's, whose users run the server."`
	Users   []User        `yaml:"users,omitempty" doc:"Users with a password."`
	Keys    []DeclaredKey `yaml:"keys,omitempty" doc:"API keys that every replica with this configuration knows, as pitot keys create --declare prints them. The others are in the data directory of one process."`
	Session SessionConfig `yaml:"session,omitempty" doc:"Sessions of browsers."`
	Login   LoginConfig   `yaml:"login,omitempty" doc:"Limits of attempts to log in."`
	OIDC    OIDC          `yaml:"oidc,omitempty" doc:"Login through an OpenID provider."`
	Audit   AuditConfig   `yaml:"audit,omitempty" doc:"The log of who saw content and who changed something."`
	// URL is what people type into their browser.
	URL string `yaml:"url,omitempty" doc:"URL under which browsers reach the UI, such as https://pitot.example.com. OpenID logins come back to it, and cookies are Secure where it is https."`
}

// User is somebody with a password.
type User struct {
	Name         string   `yaml:"name" doc:"Name to log in with."`
	PasswordHash string   `yaml:"password_hash" secret:"true" doc:"Hash of the password: argon2id, as pitot auth hash prints it, or bcrypt. In single quotes or from the environment: $ begins a variable."`
	Roles        []string `yaml:"roles" doc:"What the user may do: viewer (no content), finance (costs, no content), developer (content too) or admin."`
	Tenant       string   `yaml:"tenant,omitempty" doc:"Tenant of the user. Default: the default tenant."`
	Projects     []string `yaml:"projects,omitempty" doc:"Projects of the tenant that the user may see. Default: the tenant and all of its projects."`
}

// SessionConfig bounds sessions.
type SessionConfig struct {
	// SecretFile makes sessions hold on every replica.
	SecretFile string         `yaml:"secret_file,omitempty" doc:"File with 32 or more random bytes that all replicas share. Sessions are sealed with it and hold on every one of them. Without it they are in the memory of one process."`
	TTL        model.Duration `yaml:"ttl,omitempty" doc:"How long a login lasts at most. Default 12h."`
	Idle       model.Duration `yaml:"idle,omitempty" doc:"How long a login lasts without being used. Default 2h."`
}

// LoginConfig bounds guessing.
type LoginConfig struct {
	Attempts int            `yaml:"attempts,omitempty" doc:"Failed attempts with one name from one address before further ones have to wait; ten times as many with one name or from one address. Default 5."`
	Window   model.Duration `yaml:"window,omitempty" doc:"How long a failed attempt counts. Default 5m."`
}

// AuditConfig bounds the audit log.
type AuditConfig struct {
	MaxSize units.Base2Bytes `yaml:"max_size,omitempty" doc:"Disk that the audit log uses at most, over all of its files; the oldest entries go first. Default 128MiB."`
	Log     bool             `yaml:"log,omitempty" doc:"Write each entry to the server's own log too, for a collector elsewhere."`
}

// OIDC is an OpenID provider. It is used when it has an issuer.
type OIDC struct {
	Issuer           string            `yaml:"issuer,omitempty" doc:"URL of the provider; its discovery document is under /.well-known/openid-configuration."`
	Name             string            `yaml:"name,omitempty" doc:"What the button on the login page says. Default: the issuer's host."`
	ClientID         string            `yaml:"client_id,omitempty" doc:"Client id that the provider knows Pitot by."`
	ClientSecret     string            `yaml:"client_secret,omitempty" secret:"true" doc:"Client secret; none for a public client."`
	ClientSecretFile string            `yaml:"client_secret_file,omitempty" doc:"File that holds the client secret."`
	Scopes           []string          `yaml:"scopes,omitempty" doc:"Scopes to ask for beside openid. Default [profile, email]."`
	NameClaim        string            `yaml:"name_claim,omitempty" doc:"Claim that names the user. Default email, then preferred_username, then sub."`
	RoleClaim        string            `yaml:"role_claim,omitempty" doc:"Claim with groups or roles, a text or a list. Default groups."`
	Roles            map[string]string `yaml:"roles,omitempty" doc:"Role for each value of the role claim."`
	DefaultRole      string            `yaml:"default_role,omitempty" doc:"Role of users whose claim names none. Default: none, they are refused."`
	TenantClaim      string            `yaml:"tenant_claim,omitempty" doc:"Claim with the tenants of the user, a text or a list. Default: all users are the default tenant's."`
	Tenants          map[string]string `yaml:"tenants,omitempty" doc:"Tenant for each value of the tenant claim, \"default\" for the default one. Values that are not here give none."`
	CAFile           string            `yaml:"ca_file,omitempty" doc:"PEM file of certificate authorities to trust for the provider instead of the system's."`
}

// The values of Config.Ingest.
const (
	IngestRequired = "required"
	IngestOptional = "optional"
)

// The bounds of the section.
const (
	maxTenants = 1000
	maxUsers   = 10_000
)

// Validate reports everything that is wrong with the section.
func (c *Config) Validate() error {
	var errs []error
	add := func(err error) {
		if err != nil {
			errs = append(errs, err)
		}
	}
	if c.Ingest != "" && c.Ingest != IngestRequired && c.Ingest != IngestOptional {
		add(fmt.Errorf("ingest: %q: use required or optional", c.Ingest))
	}
	if len(c.Tenants) > maxTenants || len(c.Users) > maxUsers {
		add(fmt.Errorf("tenants: at most %d tenants and %d users are possible", maxTenants, maxUsers))
	}
	if err := llm.CheckTenants(c.Tenants); err != nil {
		add(fmt.Errorf("tenants: %w", err))
	}
	seen := map[string]bool{}
	for i := range c.Users {
		u := &c.Users[i]
		if err := c.checkUser(u); err != nil {
			add(fmt.Errorf("users[%d]: %w", i, err))
		}
		if seen[u.Name] {
			add(fmt.Errorf("users[%d]: the name %q is used twice", i, u.Name))
		}
		seen[u.Name] = true
	}
	ids := map[string]bool{}
	for i := range c.Keys {
		k := &c.Keys[i]
		if err := c.checkKey(k); err != nil {
			add(fmt.Errorf("keys[%d]: %w", i, err))
		}
		if ids[k.ID] {
			add(fmt.Errorf("keys[%d]: the id %q is used twice", i, k.ID))
		}
		ids[k.ID] = true
	}
	if len(c.Keys) > maxDeclared {
		add(fmt.Errorf("keys: at most %d are possible", maxDeclared))
	}
	if c.Session.TTL < 0 || c.Session.Idle < 0 {
		add(errors.New("session: ttl and idle must not be negative"))
	}
	if c.Login.Attempts < 0 || c.Login.Window < 0 {
		add(errors.New("login: attempts and window must not be negative"))
	}
	if c.Audit.MaxSize < 0 || c.Audit.MaxSize > 0 && c.Audit.MaxSize < minAuditSize {
		add(fmt.Errorf("audit: max_size: use at least %v", units.Base2Bytes(minAuditSize)))
	}
	if c.URL != "" {
		if u, err := url.Parse(c.URL); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || strings.Trim(u.Path, "/") != "" {
			add(errors.New("url: use a URL without a path, such as https://pitot.example.com"))
		}
	}
	add(c.checkOIDC())
	return errors.Join(errs...)
}

func (c *Config) checkUser(u *User) error {
	if u.Name == "" || len(u.Name) > 128 || strings.ContainsFunc(u.Name, func(r rune) bool { return r < ' ' || r == ':' }) {
		return fmt.Errorf("name %q: use 1 to 128 characters without colons", u.Name)
	}
	if err := CheckHash(u.PasswordHash); err != nil {
		return fmt.Errorf("password_hash: %w", err)
	}
	if len(u.Roles) == 0 {
		return fmt.Errorf("roles: give at least one of %s", strings.Join(Roles(), ", "))
	}
	if err := checkNames("role", u.Roles, Roles()); err != nil {
		return fmt.Errorf("roles: %w", err)
	}
	if u.Tenant != "" && !c.knows(u.Tenant) {
		return fmt.Errorf("tenant %q is not in auth.tenants: add it there", u.Tenant)
	}
	for _, p := range u.Projects {
		if !slices.Contains(c.Tenants, u.Tenant+"/"+p) {
			return fmt.Errorf("projects: %q is not in auth.tenants: add %s/%s there", p, u.Tenant, p)
		}
	}
	return nil
}

// knows says whether a tenant is one of the server's: declared, or that of a
// declared project.
func (c *Config) knows(tenant string) bool {
	return tenant == llm.DefaultTenant || slices.ContainsFunc(c.Tenants, func(t string) bool { return t == tenant || strings.HasPrefix(t, tenant+"/") })
}

func (c *Config) checkOIDC() error {
	o := &c.OIDC
	if o.Issuer == "" {
		if o.ClientID != "" {
			return errors.New("oidc: issuer is missing")
		}
		return nil
	}
	u, err := url.Parse(o.Issuer)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && (u.Scheme != "http" || !loopbackHost(u.Hostname())):
		return errors.New("oidc: issuer: use an https URL; http is possible on loopback alone")
	case o.ClientID == "":
		return errors.New("oidc: client_id is missing")
	case c.URL == "":
		return errors.New("oidc: url is missing: logins come back to it; set auth.url")
	}
	for value, role := range o.Roles {
		if err := checkNames("role", []string{role}, Roles()); err != nil {
			return fmt.Errorf("oidc: roles: %s: %w", value, err)
		}
	}
	if o.DefaultRole != "" {
		if err := checkNames("role", []string{o.DefaultRole}, Roles()); err != nil {
			return fmt.Errorf("oidc: default_role: %w", err)
		}
	}
	if len(o.Roles) == 0 && o.DefaultRole == "" {
		return errors.New("oidc: nobody could do anything: set roles or default_role")
	}
	for value, tenant := range o.Tenants {
		if tenant != defaultTenantName && !c.knows(tenant) {
			return fmt.Errorf("oidc: tenants: %s: %q is not in auth.tenants: add it there", value, tenant)
		}
	}
	if len(o.Tenants) > 0 && o.TenantClaim == "" {
		return errors.New("oidc: tenant_claim is missing: tenants says what its values mean")
	}
	return nil
}

// defaultTenantName is what the default tenant is called where an empty text
// would be one that was forgotten.
const defaultTenantName = "default"

func (c *Config) ttl() time.Duration {
	return time.Duration(cmp.Or(c.Session.TTL, model.Duration(12*time.Hour)))
}

func (c *Config) idle() time.Duration {
	return time.Duration(cmp.Or(c.Session.Idle, model.Duration(2*time.Hour)))
}
func (c *Config) attempts() int { return cmp.Or(c.Login.Attempts, 5) }
func (c *Config) window() time.Duration {
	return time.Duration(cmp.Or(c.Login.Window, model.Duration(5*time.Minute)))
}

// AllTenants are the tenants of the server, the default one first, and those
// that have projects though only these are declared.
func (c *Config) AllTenants() []string {
	out := []string{llm.DefaultTenant}
	for _, t := range c.Tenants {
		if name, _, isProject := strings.Cut(t, "/"); isProject && !slices.Contains(out, name) && !slices.Contains(c.Tenants, name) {
			out = append(out, name)
		}
		if !slices.Contains(out, t) {
			out = append(out, t)
		}
	}
	return out
}

// tenantsOf are those that somebody of a tenant may choose among: its projects
// as named, else the tenant and all that belongs to it. An administrator of the
// default tenant runs the server and may look at everything.
func (c *Config) tenantsOf(tenant string, projects []string, perm Perm) []string {
	if len(projects) > 0 {
		out := make([]string, len(projects))
		for i, p := range projects {
			out[i] = tenant + "/" + p
		}
		return out
	}
	if tenant == llm.DefaultTenant {
		if perm&Admin != 0 {
			return c.AllTenants()
		}
		return []string{tenant}
	}
	out := []string{tenant}
	for _, t := range c.Tenants {
		if strings.HasPrefix(t, tenant+"/") {
			out = append(out, t)
		}
	}
	return out
}
