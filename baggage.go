package pitot

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
)

// The names of association properties in W3C baggage: those that Pitot's gateway
// and Handler read. Tags follow a prefix.
const (
	bagUser          = "user.id"
	bagSession       = "session.id"
	bagTenant        = "tenant.id"
	bagFeature       = "pitot.feature"
	bagPromptName    = "pitot.prompt.name"
	bagPromptVersion = "pitot.prompt.version"
	bagTagPrefix     = "pitot.tag."
)

// Limits of the baggage header: what every receiver must accept.
const (
	maxBaggageBytes   = 8192
	maxBaggageMembers = 64
)

// WithPropagation names hosts, besides loopback and private ones, to which
// Transport sends baggage: the program's own services and a Pitot gateway
// elsewhere. "*.example.com" stands for all names beneath, "*" for all hosts.
// Other hosts, the providers' among them, get the trace's ids alone: for whom a
// call is made is not for them.
func WithPropagation(hosts ...string) Option {
	return func(s *settings) error {
		for _, h := range hosts {
			h = strings.ToLower(strings.TrimSpace(h))
			if h == "" || strings.ContainsAny(h, "/ ") || strings.Contains(strings.TrimPrefix(h, "*"), "*") {
				return fmt.Errorf("WithPropagation: %q is not a host such as api.example.com, *.example.com or *", h)
			}
			s.structure.propagate = append(s.structure.propagate, h)
		}
		return nil
	}
}

// propagationAllowed says whether baggage may be sent to a host, given as host or host:port. Loopback and private addresses, names that
// only an own network resolves, and the hosts of WithPropagation may have them.
func (r *core) propagationAllowed(host string) bool {
	name := strings.ToLower(host)
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if name == "" {
		return false
	}
	if addr, err := netip.ParseAddr(name); err == nil {
		addr = addr.Unmap()
		if addr.IsLoopback() || addr.IsPrivate() || addr.IsLinkLocalUnicast() {
			return true
		}
	} else if !strings.Contains(name, ".") || privateName(name) {
		return true
	}
	for _, p := range r.cfg.structure.propagate {
		if p == "*" || p == name || p == host || strings.HasPrefix(p, "*.") && strings.HasSuffix(name, p[1:]) {
			return true
		}
	}
	return false
}

// privateName reports whether a name ends in a domain that is not resolved on
// the internet (RFC 6761, 6762, 8375; Kubernetes and Docker).
func privateName(name string) bool {
	for _, d := range [...]string{".localhost", ".local", ".internal", ".svc", ".lan", ".home.arpa", ".test"} {
		if strings.HasSuffix(name, d) {
			return true
		}
	}
	return false
}

// propagate writes the headers of a request to host: trace context always, as
// every HTTP instrumentation does, and baggage where it may go: that of ctx, and
// the association properties beside it. A baggage header that the program set
// itself stays. h must be the caller's own.
func (r *core) propagate(ctx context.Context, h http.Header, host string) {
	if r.propagator == nil {
		return
	}
	if r.propagationAllowed(host) {
		r.injectInto(ctx, propagation.HeaderCarrier(h))
		return
	}
	before, had := h["Baggage"]
	r.propagator.Inject(ctx, propagation.HeaderCarrier(h))
	if had {
		h["Baggage"] = before
	} else {
		delete(h, "Baggage")
	}
}

// injectInto writes trace context and baggage without asking where they go.
func (r *core) injectInto(ctx context.Context, carrier propagation.TextMapCarrier) {
	there := carrier.Get("baggage")
	r.propagator.Inject(ctx, carrier)
	if !slices.Contains(r.propagator.Fields(), "baggage") {
		return
	}
	if after := carrier.Get("baggage"); after != there {
		there = joinMembers(there, after)
	}
	if all := appendMembers(there, associationOf(ctx)); all != "" {
		carrier.Set("baggage", all)
	}
}

// joinMembers is the members of a header and those of a second one that it does
// not have, as they are.
func joinMembers(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	has := map[string]bool{}
	for m := range strings.SplitSeq(a, ",") {
		has[memberKey(m)] = true
	}
	for m := range strings.SplitSeq(b, ",") {
		if !has[memberKey(m)] && len(a)+1+len(m) <= maxBaggageBytes {
			a += "," + m
		}
	}
	return a
}

func memberKey(m string) string {
	k, _, _ := strings.Cut(m, "=")
	return strings.TrimSpace(k)
}

// appendMembers adds the properties of an association to a baggage header, as
// far as the limits allow: the user's own members come first, and a member that
// is there stays as it is.
func appendMembers(header string, a *association) string {
	if a == nil {
		return header
	}
	n := 0
	has := map[string]bool{}
	if header != "" {
		for m := range strings.SplitSeq(header, ",") {
			has[memberKey(m)] = true
			n++
		}
	}
	var b strings.Builder
	b.WriteString(header)
	add := func(key, value string) {
		if value == "" || has[key] || n >= maxBaggageMembers {
			return
		}
		value = escapeMember(value)
		if b.Len()+len(key)+len(value)+2 > maxBaggageBytes {
			return
		}
		if b.Len() > 0 {
			b.WriteByte(',')
		}
		b.WriteString(key)
		b.WriteByte('=')
		b.WriteString(value)
		n++
	}
	add(bagUser, a.user)
	add(bagSession, a.session)
	add(bagTenant, a.tenant)
	add(bagFeature, a.feature)
	add(bagPromptName, a.promptName)
	add(bagPromptVersion, a.promptVersion)
	for _, k := range slices.Sorted(maps.Keys(a.tags)) {
		add(bagTagPrefix+escapeKey(k), a.tags[k])
	}
	return b.String()
}

const upperHex = "0123456789ABCDEF"

// escapeMember percent-encodes what may not stand in the value of a member.
func escapeMember(s string) string {
	return escape(s, func(c byte) bool {
		return c == 0x21 || c >= 0x23 && c <= 0x2B && c != '%' || c >= 0x2D && c <= 0x3A || c >= 0x3C && c <= 0x5B || c >= 0x5D && c <= 0x7E
	})
}

// escapeKey percent-encodes what may not stand in a key, which is a token.
func escapeKey(s string) string {
	return escape(s, func(c byte) bool { return isAlnum(c) || strings.IndexByte("!#$&'*+-.^_`|~", c) >= 0 })
}

func escape(s string, plain func(byte) bool) string {
	if run(s, 0, len(s), plain) == len(s) {
		return s
	}
	b := make([]byte, 0, len(s)+16)
	for i := range len(s) {
		if c := s[i]; plain(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

// associationOfBaggage reads the properties that came in baggage, nil where
// there are none.
func associationOfBaggage(ctx context.Context) *association {
	bag := baggage.FromContext(ctx)
	if bag.Len() == 0 {
		return nil
	}
	a := &association{}
	found := false
	for _, m := range bag.Members() {
		found = a.member(m.Key(), m.Value()) || found
	}
	if !found {
		return nil
	}
	return a
}

// member takes one member of baggage. The first of several names of a property
// counts.
func (a *association) member(key, value string) bool {
	var to *string
	switch key {
	case bagUser, "enduser.id", "langfuse_user_id":
		to = &a.user
	case bagSession, attrConversation, "langfuse_session_id":
		to = &a.session
	case bagTenant, "pitot.tenant":
		to = &a.tenant
	case bagFeature:
		to = &a.feature
	case bagPromptName, attrPromptName:
		to = &a.promptName
	case bagPromptVersion, attrPromptVersion:
		to = &a.promptVersion
	default:
		tag, ok := strings.CutPrefix(key, bagTagPrefix)
		if !ok {
			return false
		}
		if plain, err := url.PathUnescape(tag); err == nil && utf8.ValidString(plain) {
			tag = plain
		}
		if _, there := a.tags[tag]; there {
			return false
		}
		return a.tag(tag, value)
	}
	if *to != "" {
		return false
	}
	*to = clip(value, maxDimension)
	return *to != ""
}

// Inject writes trace context and the association properties of ctx into the
// headers of a request or message, for what does not go through Transport: gRPC
// metadata, queues. It is for the program's own services: unlike Transport it
// does not ask where the message goes. While the SDK is off it does nothing.
func Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	r := active.Load()
	if r == nil || ctx == nil || carrier == nil {
		return
	}
	r.injectInto(ctx, carrier)
}

// Extract returns ctx with the trace context and the association properties that
// Inject wrote. While the SDK is off it returns ctx.
func Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	r := active.Load()
	if r == nil || carrier == nil {
		return ctx
	}
	if ctx == nil {
		ctx = context.Background()
	}
	ctx = r.propagator.Extract(ctx, carrier)
	if a := associationOfBaggage(ctx); a != nil {
		ctx = context.WithValue(ctx, associationKey{}, a)
	}
	return ctx
}
