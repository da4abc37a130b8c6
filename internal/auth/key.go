package auth

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// keyPrefix begins every key, so that people and secret scanners know what it
// is.
const keyPrefix = "pitot_"

const (
	keyIDLength     = 10 // characters
	keySecretLength = 52 // characters of 5 bits: 256 bits
)

// Key is an API key as it is stored: who has it, not what it is.
type Key struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Hash    string    `json:"hash"` // SHA-256 of the secret part, in hex
	Scopes  []string  `json:"scopes"`
	Tenant  string    `json:"tenant,omitempty"`
	Created time.Time `json:"created"`
	Creator string    `json:"creator,omitempty"`
	Expires time.Time `json:"expires,omitzero"`
	Revoked time.Time `json:"revoked,omitzero"`
	// Gateway is what calls that are made with the key have and may.
	Gateway *KeyGateway `json:"gateway,omitempty"`

	declared bool // in the configuration
}

// KeyGateway is what applies to calls with a key through the gateway.
type KeyGateway struct {
	// What calls are recorded with, whatever the client says.
	Service     string            `json:"service,omitempty" yaml:"service,omitempty" doc:"Service that calls are recorded with, whatever the client says."`
	Environment string            `json:"environment,omitempty" yaml:"environment,omitempty" doc:"Environment, likewise."`
	User        string            `json:"user,omitempty" yaml:"user,omitempty" doc:"User, likewise."`
	Feature     string            `json:"feature,omitempty" yaml:"feature,omitempty" doc:"Feature, likewise."`
	Tags        map[string]string `json:"tags,omitempty" yaml:"tags,omitempty" doc:"Tags, likewise."`
	// What may be called: names of upstreams, and patterns of models such as
	// gpt-4o*. Empty is everything.
	Upstreams []string `json:"upstreams,omitempty" yaml:"upstreams,omitempty" doc:"Upstreams that may be called. Default: all."`
	Models    []string `json:"models,omitempty" yaml:"models,omitempty" doc:"Models that may be used, or patterns such as gpt-4o*. Default: all."`
	// Limits a minute; 0 is none.
	RequestsPerMinute int64 `json:"requests_per_minute,omitempty" yaml:"requests_per_minute,omitempty" doc:"Requests a minute through one process. Default: no limit."`
	TokensPerMinute   int64 `json:"tokens_per_minute,omitempty" yaml:"tokens_per_minute,omitempty" doc:"Tokens a minute through one process. Default: no limit."`
}

// NewKey is what a key is made from.
type NewKey struct {
	Name    string      `json:"name"`
	Scopes  []string    `json:"scopes"`
	Tenant  string      `json:"tenant,omitempty"`
	Expires time.Time   `json:"expires,omitzero"`
	Gateway *KeyGateway `json:"gateway,omitempty"`
}

// RequestError says what is wrong with what somebody asked for.
type RequestError struct{ Message string }

func (e *RequestError) Error() string { return e.Message }

func refuse(format string, args ...any) error { return &RequestError{fmt.Sprintf(format, args...)} }

// ErrNoKey says that there is no key with an id.
var ErrNoKey = errors.New("there is no such key")

// Check says what is wrong with the wish for a key.
func (n *NewKey) Check(now time.Time) error {
	switch {
	case strings.TrimSpace(n.Name) == "" || len(n.Name) > 128:
		return refuse("name: use 1 to 128 characters that say what the key is for")
	case len(n.Scopes) == 0:
		return refuse("scopes: give at least one of %s", strings.Join(Scopes(), ", "))
	case !n.Expires.IsZero() && !n.Expires.After(now):
		return refuse("expires: %s is in the past", n.Expires.Format(time.RFC3339))
	}
	if err := checkNames("scope", n.Scopes, Scopes()); err != nil {
		return refuse("scopes: %v", err)
	}
	if n.Gateway == nil {
		return nil
	}
	if !slices.Contains(n.Scopes, ScopeGateway) {
		return refuse("gateway: what applies to calls through the gateway needs the scope gateway")
	}
	return n.Gateway.check()
}

func (g *KeyGateway) check() error {
	if g.RequestsPerMinute < 0 || g.TokensPerMinute < 0 {
		return refuse("gateway: limits must not be negative")
	}
	for _, list := range [...][]string{g.Upstreams, g.Models} {
		if len(list) > 100 {
			return refuse("gateway: at most 100 upstreams and 100 models are possible")
		}
	}
	for _, m := range g.Models {
		if _, err := path.Match(m, ""); err != nil || m == "" {
			return refuse("gateway: models: %q is no pattern: use a name, or one with * in it", m)
		}
	}
	if len(g.Tags) > 32 {
		return refuse("gateway: at most 32 tags are possible")
	}
	for k, v := range g.Tags {
		if k == "" || k == "key" || len(k) > 64 || len(v) > 256 {
			return refuse("gateway: tags: %q: use a name of 1 to 64 characters that is not \"key\", and a value of at most 256", k)
		}
	}
	for _, s := range [...]string{g.Service, g.Environment, g.User, g.Feature} {
		if len(s) > 256 {
			return refuse("gateway: a dimension has at most 256 bytes")
		}
	}
	return nil
}

// make draws a key. What it returns second is shown once and known to nobody
// afterwards.
//
// A hash as slow as those of passwords would protect nothing: it is there for
// secrets that can be guessed, and nobody guesses 256 random bits. It would cost
// every request of every sender that time.
func (n *NewKey) make(creator string, now time.Time) (*Key, string) {
	enc := base32.NewEncoding("abcdefghijkmnpqrstuvwxyz23456789").WithPadding(base32.NoPadding)
	draw := func(bytes, chars int) string {
		b := make([]byte, bytes)
		_, _ = rand.Read(b) // never fails
		return enc.EncodeToString(b)[:chars]
	}
	id, secret := draw(7, keyIDLength), draw(33, keySecretLength)
	sum := sha256.Sum256([]byte(secret))
	k := &Key{
		ID: id, Name: strings.TrimSpace(n.Name), Hash: hex.EncodeToString(sum[:]), Scopes: slices.Compact(slices.Sorted(slices.Values(n.Scopes))), Tenant: n.Tenant,
		Created: now.UTC().Truncate(time.Second), Creator: creator, Expires: n.Expires.UTC(), Gateway: n.Gateway,
	}
	return k, keyPrefix + id + "_" + secret
}

// splitKey takes a key apart; false where it is none.
func splitKey(s string) (id, secret string, ok bool) {
	rest, ok := strings.CutPrefix(s, keyPrefix)
	if !ok || len(rest) != keyIDLength+1+keySecretLength || rest[keyIDLength] != '_' {
		return "", "", false
	}
	return rest[:keyIDLength], rest[keyIDLength+1:], true
}

// IsKey says whether a text has the form of a key.
func IsKey(s string) bool {
	_, _, ok := splitKey(s)
	return ok
}

// valid says whether the secret is the key's and the key may be used.
func (k *Key) valid(secret string, now time.Time) bool {
	want, err := hex.DecodeString(k.Hash)
	sum := sha256.Sum256([]byte(secret))
	return err == nil && subtle.ConstantTimeCompare(want, sum[:]) == 1 && k.Active(now)
}

// Active says whether the key may be used.
func (k *Key) Active(now time.Time) bool {
	return k.Revoked.IsZero() && (k.Expires.IsZero() || now.Before(k.Expires))
}

// Perm is what the key may do.
func (k *Key) Perm() Perm {
	var p Perm
	for _, s := range k.Scopes {
		p |= ScopePerm(s)
	}
	return p
}

// Shown is the key without its hash.
func (k *Key) Shown() Key {
	c := *k
	c.Hash = ""
	c.Scopes = slices.Clone(k.Scopes)
	if k.Gateway != nil {
		g := *k.Gateway
		g.Tags = maps.Clone(g.Tags)
		c.Gateway = &g
	}
	return c
}

// MarshalJSON leaves out a hash that is not there.
func (k Key) MarshalJSON() ([]byte, error) {
	type plain Key
	type shown struct {
		plain
		Hash string `json:"hash,omitempty"`
	}
	return marshal(shown{plain(k), k.Hash})
}
