package gateway

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"io"
	"maps"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// The values of Config.Keys.
const (
	KeysOff      = "off"
	KeysOptional = "optional"
	KeysRequired = "required"
)

// Keys knows the virtual keys: those that clients have of Pitot, in the place of
// a provider's. Its methods are on the path of every request.
type Keys interface {
	// Lookup returns the key that a text is; nil where it is none that may be used.
	Lookup(text string) *VirtualKey
	// IsKey says whether a text has the form of one.
	IsKey(text string) bool
}

// VirtualKey is what applies to calls with a key. It is not changed.
type VirtualKey struct {
	ID     string
	Tenant string
	// What Calls are recorded with, whatever the client says; empty leaves it to
	// the client.
	Service, Environment, User, Feature string
	Tags                                map[string]string
	// What may be called; empty is everything. Models are patterns such as gpt-4o*.
	Upstreams, Models []string
	// Limits a minute; 0 is none.
	RequestsPerMinute, TokensPerMinute int64
	// inside says that Pitot itself calls.
	inside bool
}

// The error types of what a key may not.
const (
	errorTypeKey       = "invalid_api_key"
	errorTypeForbidden = "permission_denied"
	errorTypeLimit     = "rate_limit_exceeded"
)

type insideKey struct{}

// Inside serves requests that Pitot makes itself, which need no key. Whoever uses
// it sees to it that nobody else gets there.
func Inside(g *Gateway) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		g.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), insideKey{}, true)))
	})
}

// keysOn says whether the table knows virtual keys.
func (t *table) keysOn() bool { return t.cfg.Keys == KeysOptional || t.cfg.Keys == KeysRequired }

// shownKeys are the keys that a request shows, wherever dialects put them, without
// a scheme.
func shownKeys(r *http.Request) []string {
	var out []string
	for _, name := range keyHeaders {
		for _, v := range r.Header[name] {
			if scheme, rest, ok := strings.Cut(v, " "); ok && strings.EqualFold(scheme, "Bearer") {
				v = strings.TrimSpace(rest)
			}
			if v != "" {
				out = append(out, v)
			}
		}
	}
	if r.URL.RawQuery == "" {
		return out
	}
	return append(out, r.URL.Query()["key"]...) // Gemini's
}

// recognise returns the virtual key of a request. refused says why there must be
// one and is not.
func (g *Gateway) recognise(t *table, r *http.Request) (k *VirtualKey, refused string) {
	if inside, _ := r.Context().Value(insideKey{}).(bool); inside {
		return &VirtualKey{inside: true}, ""
	}
	if g.keys != nil {
		// One of ours beside another is ours: it is a secret that is never sent on, even
		// where keys are optional.
		for _, text := range shownKeys(r) {
			if k := g.keys.Lookup(text); k != nil {
				return k, ""
			}
			if g.keys.IsKey(text) {
				return nil, "this key is not valid: it may have expired or been revoked"
			}
		}
	}
	if t.cfg.Keys == KeysRequired {
		return nil, "this gateway needs a key of its own: make one with `pitot keys create --scope=gateway`"
	}
	return nil, ""
}

// refuse answers a request that is no Call in the form of a dialect.
func (g *Gateway) refuse(w http.ResponseWriter, name string, d wire.Dialect, status int, typ, msg string, retry time.Duration) {
	g.metrics.refused.WithLabelValues(name).Inc()
	ct, body := wire.ErrorBody(d, status, typ, "pitot gateway: "+msg)
	h := w.Header()
	maps.Copy(h, wire.ErrorHeader(d, status))
	h.Set("Content-Type", ct)
	retryHeader(h, retry)
	w.WriteHeader(status)
	_, _ = w.Write(body) //nolint:gosec // JSON, with its content type
}

func retryHeader(h http.Header, retry time.Duration) {
	if retry > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((retry+time.Second-1)/time.Second), 10))
	}
}

// verdictOfKey is why a key may not do something.
type verdictOfKey struct {
	status int
	typ    string
	msg    string
	retry  time.Duration
}

// mayCall says whether a key may call an upstream at all.
func (k *VirtualKey) mayCall(u *upstream) *verdictOfKey {
	if k == nil || len(k.Upstreams) == 0 || slices.Contains(k.Upstreams, u.cfg.Name) {
		return nil
	}
	return &verdictOfKey{http.StatusForbidden, errorTypeForbidden, "this key may not call the upstream " + u.cfg.Name, 0}
}

// mayPass says whether a key may make a request that is no model call: one with
// chosen models may only look, or it would reach the others by files and batches.
func (k *VirtualKey) mayPass(r *http.Request) *verdictOfKey {
	if k == nil || len(k.Models) == 0 || r.Method == http.MethodGet || r.Method == http.MethodHead {
		return nil
	}
	return &verdictOfKey{http.StatusForbidden, errorTypeForbidden, "this key may only call models", 0}
}

// mayUse says whether a key may use the model of a request: the one that its path
// names, where it does, and the one of the body, because providers differ in which
// of them they take.
func (k *VirtualKey) mayUse(ofPath, model string, body []byte) *verdictOfKey {
	if k == nil || len(k.Models) == 0 {
		return nil
	}
	// Of two models in one object the provider may take the other one.
	if modelNames(body) > 1 {
		return &verdictOfKey{http.StatusForbidden, errorTypeForbidden, "the request names its model more than once", 0}
	}
	for _, m := range [...]string{cmp.Or(ofPath, model), model} {
		if m == "" || !slices.ContainsFunc(k.Models, func(p string) bool {
			ok, err := path.Match(p, m)
			return err == nil && ok || p == m
		}) {
			return &verdictOfKey{http.StatusForbidden, errorTypeForbidden, "this key may not use the model " + strconv.Quote(cmp.Or(m, "(unknown)")), 0}
		}
	}
	return nil
}

// modelNames counts the members of a JSON object that a reader may take for the
// model. A list of models to fall back to counts as two.
func modelNames(body []byte) int {
	dec := json.NewDecoder(bytes.NewReader(body))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return 0
	}
	n, depth, key := 0, 0, true
	for {
		t, err := dec.Token()
		if err != nil {
			return n
		}
		switch v := t.(type) {
		case json.Delim:
			if v == '{' || v == '[' {
				depth++
			} else if depth--; depth < 0 {
				return n
			}
			key = depth == 0
		case string:
			if depth > 0 {
				continue
			}
			switch {
			case key && strings.EqualFold(v, "model"):
				n++
			case key && (strings.EqualFold(v, "models") || strings.EqualFold(v, "fallbacks")):
				n += 2
			}
			key = !key
		default:
			if depth == 0 {
				key = true
			}
		}
	}
}

// apply gives a Call what the key says of it.
func (k *VirtualKey) apply(c *llm.Call) {
	if k == nil || k.inside {
		return
	}
	c.Tenant = k.Tenant
	for _, f := range [...]struct {
		to   *string
		from string
	}{{&c.Service, k.Service}, {&c.Environment, k.Environment}, {&c.User, k.User}, {&c.Feature, k.Feature}} {
		if f.from != "" {
			*f.to = f.from
		}
	}
	if c.Tags == nil {
		c.Tags = make(map[string]string, len(k.Tags)+1)
	}
	maps.Copy(c.Tags, k.Tags)
	c.Tags[keyTag] = k.ID
}

// credential is the provider's key of an upstream, and where it goes.
type credential struct{ header, value string }

func credentialOf(d wire.Dialect, key string) credential {
	if key == "" {
		return credential{}
	}
	switch d {
	case wire.Anthropic:
		return credential{"X-Api-Key", key}
	case wire.Azure:
		return credential{"Api-Key", key}
	case wire.Gemini:
		return credential{"X-Goog-Api-Key", key}
	default:
		return credential{"Authorization", "Bearer " + key}
	}
}

// exchangeCredentials puts the provider's key in the place of the client's. k is
// nil where the client brought none of ours; open says that keys are off, where
// the configured ones are for everybody.
func (u *upstream) exchangeCredentials(out *http.Request, k *VirtualKey, open bool) {
	if k != nil {
		for _, name := range keyHeaders {
			delete(out.Header, name)
		}
		if out.URL.RawQuery != "" {
			out.URL.RawQuery = withoutKey(out.URL.RawQuery)
		}
	}
	for name, v := range u.cfg.Headers {
		name = http.CanonicalHeaderKey(name)
		if k == nil && !open && slices.Contains(keyHeaders[:], name) {
			continue // the operator's key is for those whom he knows
		}
		out.Header[name] = []string{v}
	}
	if c := u.cred.Load(); c.header != "" && (k != nil || open) {
		for _, name := range keyHeaders {
			delete(out.Header, name)
		}
		out.Header[c.header] = []string{c.value}
	}
}

// withoutKey takes the parameter key out of a query and leaves the rest as it is.
func withoutKey(query string) string {
	parts := slices.DeleteFunc(strings.Split(query, "&"), func(p string) bool {
		name, _, _ := strings.Cut(p, "=")
		name, err := url.QueryUnescape(name)
		return err == nil && name == "key"
	})
	return strings.Join(parts, "&")
}

// keyLimits are the token buckets of keys with limits.
type keyLimits struct {
	mu sync.Mutex
	m  map[string]*keyBuckets
}

type keyBuckets struct {
	requests, tokens float64
	at               time.Time
}

// maxKeyLimits bounds the keys that are remembered; those that were not used for
// a minute have full buckets and go first.
const maxKeyLimits = 10_000

// take admits a request of a key, or says when it may be tried again.
func (l *keyLimits) take(k *VirtualKey, now time.Time) *verdictOfKey {
	if k == nil || k.RequestsPerMinute == 0 && k.TokensPerMinute == 0 {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	b := l.bucket(k, now)
	wait := func(missing, perMinute float64) time.Duration {
		return time.Duration(math.Ceil(missing / perMinute * float64(time.Minute)))
	}
	if n := float64(k.RequestsPerMinute); n > 0 && b.requests < 1 {
		return &verdictOfKey{http.StatusTooManyRequests, errorTypeLimit, "this key has a limit of " + strconv.FormatInt(k.RequestsPerMinute, 10) + " requests a minute", wait(1-b.requests, n)}
	}
	// What a call takes is known when it has ended: the bucket may go below zero,
	// and calls wait until it is above again.
	if n := float64(k.TokensPerMinute); n > 0 && b.tokens <= 0 {
		return &verdictOfKey{http.StatusTooManyRequests, errorTypeLimit, "this key has a limit of " + strconv.FormatInt(k.TokensPerMinute, 10) + " tokens a minute", wait(1-b.tokens, n)}
	}
	b.requests--
	return nil
}

// bucket returns the buckets of a key, filled up to now. l.mu is held.
func (l *keyLimits) bucket(k *VirtualKey, now time.Time) *keyBuckets {
	b := l.m[k.ID]
	if b == nil {
		if l.m == nil {
			l.m = map[string]*keyBuckets{}
		}
		if len(l.m) >= maxKeyLimits {
			for id, old := range l.m {
				if now.Sub(old.at) > time.Minute {
					delete(l.m, id)
				}
			}
		}
		b = &keyBuckets{requests: float64(k.RequestsPerMinute), tokens: float64(k.TokensPerMinute), at: now}
		l.m[k.ID] = b
	}
	if passed := now.Sub(b.at).Minutes(); passed > 0 {
		b.requests += passed * float64(k.RequestsPerMinute)
		b.tokens += passed * float64(k.TokensPerMinute)
	}
	b.requests, b.tokens, b.at = min(b.requests, float64(k.RequestsPerMinute)), min(b.tokens, float64(k.TokensPerMinute)), now
	return b
}

// used books the tokens of a call that has ended.
func (l *keyLimits) used(k *VirtualKey, tokens int64, now time.Time) {
	if k == nil || k.TokensPerMinute == 0 || tokens <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.bucket(k, now).tokens -= float64(tokens)
}

// bytesPerToken is what an unknown usage is counted by.
const bytesPerToken = 4

// tokens are what a Call has used, as far as it is known, else about.
func (x *exchange) tokens() int64 {
	u := &x.call.Usage
	in, knowsIn := u.InputTokens.Get()
	out, knowsOut := u.OutputTokens.Get()
	if knowsIn || knowsOut {
		return in + out
	}
	if x.call.Status != llm.StatusOK {
		return 0
	}
	n := 0
	if x.reqBody != nil {
		n += len(*x.reqBody)
	}
	if x.respBody != nil {
		n += len(*x.respBody)
	}
	return int64(n / bytesPerToken)
}

// keyAdmits asks what the key of a Call may. Where it may not, the client has its
// answer and the Call is on its way to the sink.
func (x *exchange) keyAdmits(w http.ResponseWriter) bool {
	k := x.key
	if k == nil {
		return true
	}
	v := k.mayCall(x.u)
	if v == nil && len(k.Models) > 0 {
		x.decodeRequest()
		if v = k.mayUse(x.route.Model, x.call.RequestModel, *x.reqBody); v == nil && !x.readable() {
			v = &verdictOfKey{http.StatusForbidden, errorTypeForbidden, "this key has chosen models, and the model of this request cannot be told for sure: send JSON that is not compressed", 0}
		}
	}
	if v == nil {
		v = x.g.limits.take(k, time.Now())
	}
	if v == nil {
		return true
	}
	x.requestSent() // counts it as active, as Record will count it as ended
	c := x.call
	c.HTTPStatus = v.status
	c.SetError(v.typ, v.msg)
	c.Note("refused_by_gateway")
	x.g.refuse(w, x.u.cfg.Name, x.route.Dialect, v.status, v.typ, v.msg, v.retry)
	x.endAt = time.Since(x.start)
	x.g.finishers.submit(x)
	return false
}

// readable says whether the whole request is JSON as the provider will read it.
func (x *exchange) readable() bool {
	if enc := x.reqHead.Get("Content-Encoding"); x.reqMore || enc != "" && !strings.EqualFold(enc, "identity") {
		return false
	}
	body := bytes.TrimLeft(*x.reqBody, " \t\r\n")
	return len(body) == 0 || body[0] == '{'
}

// drainSome reads a little of a refused request's body, so that the client reads
// the answer rather than an error of its own.
func drainSome(r *http.Request) {
	if r.Body != nil {
		_, _ = io.CopyN(io.Discard, r.Body, 64<<10)
	}
}

// AddsCredentials says whether an upstream gets a key that the client need not
// have.
func (c *Config) AddsCredentials() bool {
	return slices.ContainsFunc(c.Upstreams, func(u Upstream) bool { return u.addsCredentials() })
}

func (u *Upstream) addsCredentials() bool {
	if u.APIKey != "" || len(u.APIKeyCommand) > 0 {
		return true
	}
	for name := range u.Headers {
		if slices.Contains(keyHeaders[:], http.CanonicalHeaderKey(name)) {
			return true
		}
	}
	return false
}

// spendsForAPage says whether a page of another site asks for what the operator's
// key pays: any page that somebody visits can ask the gateway of his machine. A page
// of this machine, and one of the gateway's own name, is his.
func (u *upstream) spendsForAPage(r *http.Request, key *VirtualKey) bool {
	if key != nil || !u.open {
		return false
	}
	foreign := r.Header.Get("Sec-Fetch-Site") == "cross-site"
	if origin := r.Header.Get("Origin"); origin != "" {
		o, err := url.Parse(origin)
		own := err == nil && (strings.EqualFold(o.Hostname(), (&url.URL{Host: r.Host}).Hostname()) || ofThisMachine(o.Hostname()))
		// Desktop apps and extensions have schemes of their own, which no page can take.
		app := err == nil && o.Scheme != "" && o.Scheme != "http" && o.Scheme != "https"
		foreign = !own && !app
	}
	return foreign && u.cfg.addsCredentials()
}

func ofThisMachine(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.IsLoopback()
}
