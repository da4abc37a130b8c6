package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os/user"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/pitot-dev/pitot/internal/auth"
	"github.com/pitot-dev/pitot/internal/config"
)

type keysCmd struct {
	Create keysCreateCmd `cmd:"" help:"Make a key. It is shown once."`
	List   keysListCmd   `cmd:"" help:"List keys."`
	Revoke keysRevokeCmd `cmd:"" help:"End a key for ever."`
}

// keysPlace is where the keys are: in a data directory on this machine, which
// needs no key yet, or at a server.
type keysPlace struct {
	Data   string `help:"Data directory of the server, on this machine." type:"path" default:"pitot-data" env:"PITOT_DATA"`
	Remote bool   `help:"Ask the server at --server, with --api-key, instead of the data directory."`
	remote
}

func (p *keysPlace) store() (*auth.Store, error) { return auth.OpenStore(p.Data, time.Now) }

// localUser names who makes a key on this machine.
func localUser() string {
	if u, err := user.Current(); err == nil && u.Username != "" {
		return "cli:" + u.Username
	}
	return "cli"
}

type keysCreateCmd struct {
	keysPlace
	Name     string   `arg:"" help:"What the key is for."`
	Scope    []string `help:"What it may do: ingest, feedback, query, content, gateway, admin." required:"" enum:"ingest,feedback,query,content,gateway,admin"`
	For      string   `name:"for-tenant" help:"Tenant whose data it reads and writes; default: the default tenant." placeholder:"TENANT"`
	Expires  string   `help:"How long it is good for, such as 90d; default: for ever." placeholder:"TIME"`
	Service  string   `help:"Gateway: service that calls are recorded with." placeholder:"NAME"`
	Env      string   `name:"environment" help:"Gateway: environment that calls are recorded with." placeholder:"NAME"`
	User     string   `help:"Gateway: user that calls are recorded with." placeholder:"NAME"`
	Feature  string   `help:"Gateway: feature that calls are recorded with." placeholder:"NAME"`
	Tag      []string `help:"Gateway: tag that calls are recorded with." placeholder:"NAME=VALUE"`
	Upstream []string `help:"Gateway: upstream that may be called; default: all." placeholder:"NAME"`
	Model    []string `help:"Gateway: model that may be used, or a pattern such as gpt-4o*; default: all." placeholder:"PATTERN"`
	RPM      int64    `name:"rpm" help:"Gateway: requests a minute; default: no limit." placeholder:"N"`
	TPM      int64    `name:"tpm" help:"Gateway: tokens a minute; default: no limit." placeholder:"N"`
	Declare  bool     `help:"Store it nowhere: print the key, and what to put into the configuration of every replica."`
	JSON     bool     `name:"json" help:"Print JSON."`
}

func (c *keysCreateCmd) newKey() (auth.NewKey, error) {
	n := auth.NewKey{Name: c.Name, Scopes: c.Scope, Tenant: c.For}
	if c.Expires != "" {
		d, err := model.ParseDuration(c.Expires)
		if err != nil || d <= 0 {
			return n, usageError{fmt.Errorf("--expires: %q is no duration: use one such as 90d", c.Expires)}
		}
		n.Expires = time.Now().Add(time.Duration(d)).UTC().Truncate(time.Second)
	}
	g := auth.KeyGateway{
		Service: c.Service, Environment: c.Env, User: c.User, Feature: c.Feature, Upstreams: c.Upstream, Models: c.Model,
		RequestsPerMinute: c.RPM, TokensPerMinute: c.TPM,
	}
	for _, t := range c.Tag {
		name, value, ok := strings.Cut(t, "=")
		if !ok {
			return n, usageError{fmt.Errorf("--tag: %q: use NAME=VALUE", t)}
		}
		if g.Tags == nil {
			g.Tags = map[string]string{}
		}
		g.Tags[name] = value
	}
	if set := g.Service + g.Environment + g.User + g.Feature; set != "" || len(g.Upstreams)+len(g.Models)+len(g.Tags) > 0 || g.RequestsPerMinute+g.TokensPerMinute != 0 {
		n.Gateway = &g
	}
	return n, nil
}

// Run makes a key.
func (c *keysCreateCmd) Run(ctx context.Context, s *streams) error {
	n, err := c.newKey()
	if err != nil {
		return err
	}
	if c.Declare {
		return c.declare(n, s)
	}
	var out struct {
		Key    auth.Info `json:"key"`
		Secret string    `json:"secret"`
	}
	if c.Remote {
		err = c.postJSON(ctx, "/api/pitot/v1/keys", n, &out)
	} else {
		var store *auth.Store
		if store, err = c.store(); err != nil {
			return err
		}
		out.Key, out.Secret, err = store.Create(n, localUser())
	}
	if err != nil {
		return err
	}
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(out) //nolint:gosec // it is shown this once
	}
	fmt.Fprintf(s.err, "key %s (%s), scopes %s; it is shown this once:\n", out.Key.ID, out.Key.Name, strings.Join(out.Key.Scopes, ", "))
	_, err = fmt.Fprintln(s.out, out.Secret)
	return err
}

// declare prints a key for the configuration.
func (c *keysCreateCmd) declare(n auth.NewKey, s *streams) error {
	d, secret, err := n.Declare(time.Now())
	if err != nil {
		return err
	}
	text, err := yaml.Marshal(map[string]any{"auth": map[string]any{"keys": []auth.DeclaredKey{d}}})
	if err != nil {
		return err
	}
	// A dollar begins a variable there.
	yml := strings.ReplaceAll(string(text), "${", "$${")
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(map[string]string{"secret": secret, "yaml": yml})
	}
	fmt.Fprintf(s.err, "key %s (%s), scopes %s; it is shown this once, and good where the configuration has what follows it:\n", d.ID, d.Name, strings.Join(d.Scopes, ", "))
	_, err = fmt.Fprintf(s.out, "%s\n\n%s", secret, yml)
	return err
}

type keysListCmd struct {
	keysPlace
	Config string `help:"Configuration file whose declared keys are listed, too." type:"path" placeholder:"FILE"`
	JSON   bool   `name:"json" help:"Print JSON."`
}

// Run lists keys.
func (c *keysListCmd) Run(ctx context.Context, s *streams) error {
	var out struct {
		Keys []auth.Info `json:"keys"`
	}
	if c.Remote {
		if err := c.getJSON(ctx, "/api/pitot/v1/keys", nil, &out); err != nil {
			return err
		}
	} else {
		store, err := c.store()
		if err != nil {
			return err
		}
		if c.Config != "" {
			cfg, err := config.Load(c.Config)
			if err != nil {
				return err
			}
			store.Declare(cfg.Auth.Declared())
		}
		out.Keys = store.List()
	}
	if c.JSON {
		enc := json.NewEncoder(s.out)
		enc.SetIndent("", "  ")
		return enc.Encode(out)
	}
	rows := [][]string{{"ID", "NAME", "SCOPES", "TENANT", "STATE", "CREATED", "EXPIRES", "LAST USED"}}
	for _, k := range out.Keys {
		rows = append(rows, []string{k.ID, k.Name, strings.Join(k.Scopes, ","), orDash(k.Tenant), state(k), day(k.Created), day(k.Expires), day(k.LastUsed)})
	}
	return writeColumns(s.out, rows)
}

func state(k auth.Info) string {
	if k.Declared {
		return k.State + ", declared"
	}
	return k.State
}

func day(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format("2006-01-02 15:04")
}

// writeColumns writes rows as columns.
func writeColumns(w io.Writer, rows [][]string) error {
	widths := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, cell := range r {
			widths[i] = max(widths[i], len([]rune(cell)))
		}
	}
	for _, r := range rows {
		var b strings.Builder
		for i, cell := range r {
			b.WriteString(cell + strings.Repeat(" ", widths[i]-len([]rune(cell))+2))
		}
		if _, err := fmt.Fprintln(w, strings.TrimRight(b.String(), " ")); err != nil {
			return err
		}
	}
	return nil
}

type keysRevokeCmd struct {
	keysPlace
	ID string `arg:"" help:"Id of the key, as pitot keys list shows it."`
}

// Run ends a key.
func (c *keysRevokeCmd) Run(ctx context.Context, s *streams) error {
	if c.Remote {
		resp, err := c.send(ctx, http.MethodDelete, "/api/pitot/v1/keys/"+url.PathEscape(c.ID), nil, nil)
		if err != nil {
			return err
		}
		_ = resp.Body.Close()
	} else {
		store, err := c.store()
		if err != nil {
			return err
		}
		if _, err := store.Revoke(c.ID); err != nil {
			return fmt.Errorf("%w with the id %q in %s: pitot keys list shows them", err, c.ID, c.Data)
		}
	}
	_, err := fmt.Fprintf(s.out, "revoked %s; servers refuse it within a second or two\n", c.ID)
	return err
}

type authCmd struct {
	Hash authHashCmd `cmd:"" help:"Read a password from standard input and print its hash."`
}

type authHashCmd struct{}

// Run prints the hash of a password. It is read from standard input, where no
// list of processes and no shell history has it.
func (*authHashCmd) Run(s *streams) error {
	line, err := bufio.NewReader(io.LimitReader(s.in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	hash, err := auth.HashPassword(strings.TrimRight(line, "\r\n"))
	if err != nil {
		return fmt.Errorf("%w; write it to standard input: pitot auth hash < file", err)
	}
	_, err = fmt.Fprintln(s.out, hash)
	return err
}
