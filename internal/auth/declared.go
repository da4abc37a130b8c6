package auth

import (
	"encoding/hex"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"
)

// maxDeclared bounds the keys of the configuration.
const maxDeclared = 1000

// DeclaredKey is a key in the configuration: every replica that has it knows the
// key. What it holds of the secret is a hash.
type DeclaredKey struct {
	ID      string     `yaml:"id" doc:"The key's id: what stands between the first and the second underscore of it."`
	Name    string     `yaml:"name" doc:"What the key is for."`
	Hash    string     `yaml:"hash" secret:"true" doc:"SHA-256 of the key's secret part, in hex."`
	Scopes  []string   `yaml:"scopes" doc:"What the key may do: ingest, feedback, query, content, gateway, admin."`
	Tenant  string     `yaml:"tenant,omitempty" doc:"Tenant whose data it reads and writes. Default: the default tenant."`
	Created string     `yaml:"created,omitempty" doc:"When it was made, such as 2027-01-31T00:00:00Z; only shown."`
	Expires string     `yaml:"expires,omitempty" doc:"Until when it is good, such as 2027-01-31T00:00:00Z. Default: for ever."`
	Gateway KeyGateway `yaml:"gateway,omitempty" doc:"What calls through the gateway have and may; needs the scope gateway."`
}

// Declare draws a key that no data directory knows, and its secret, which nobody
// can show again.
func (n *NewKey) Declare(now time.Time) (DeclaredKey, string, error) {
	if err := n.Check(now); err != nil {
		return DeclaredKey{}, "", err
	}
	k, secret := n.make("", now)
	d := DeclaredKey{ID: k.ID, Name: k.Name, Hash: k.Hash, Scopes: k.Scopes, Tenant: k.Tenant, Created: k.Created.Format(time.RFC3339)}
	if !k.Expires.IsZero() {
		d.Expires = k.Expires.Format(time.RFC3339)
	}
	if k.Gateway != nil {
		d.Gateway = *k.Gateway
	}
	return d, secret, nil
}

// key is the key that is declared.
func (d *DeclaredKey) key() (*Key, error) {
	k := &Key{ID: d.ID, Name: strings.TrimSpace(d.Name), Hash: strings.ToLower(d.Hash), Scopes: slices.Compact(slices.Sorted(slices.Values(d.Scopes))), Tenant: d.Tenant, Creator: "configuration", declared: true}
	for _, t := range []struct {
		name, text string
		to         *time.Time
	}{{"created", d.Created, &k.Created}, {"expires", d.Expires, &k.Expires}} {
		if t.text == "" {
			continue
		}
		at, err := time.Parse(time.RFC3339, t.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %q is no time such as 2027-01-31T00:00:00Z", t.name, t.text)
		}
		*t.to = at.UTC()
	}
	if !reflect.ValueOf(d.Gateway).IsZero() {
		g := d.Gateway
		k.Gateway = &g
	}
	return k, nil
}

// checkKey says what is wrong with a declared key.
func (c *Config) checkKey(d *DeclaredKey) error {
	k, err := d.key()
	if err != nil {
		return err
	}
	if !IsKey(keyPrefix + k.ID + "_" + strings.Repeat("a", keySecretLength)) {
		return fmt.Errorf("id: %q is none: `pitot keys create --declare` prints what belongs here", d.ID)
	}
	if b, err := hex.DecodeString(k.Hash); err != nil || len(b) != 32 {
		return errors.New("hash: use the SHA-256 that `pitot keys create --declare` prints, 64 digits in hex")
	}
	// One that has expired is no mistake: it was good when it was written.
	n := NewKey{Name: k.Name, Scopes: k.Scopes, Gateway: k.Gateway}
	if err := n.Check(time.Time{}); err != nil {
		return err
	}
	if !c.knows(k.Tenant) {
		return fmt.Errorf("tenant %q is not in auth.tenants: add it there", k.Tenant)
	}
	return nil
}

// Declared are the keys of a configuration that was checked.
func (c *Config) Declared() []*Key {
	out := make([]*Key, 0, len(c.Keys))
	for i := range c.Keys {
		if k, err := c.Keys[i].key(); err == nil {
			out = append(out, k)
		}
	}
	return out
}
