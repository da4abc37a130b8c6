package gateway

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"net/http"
	"net/textproto"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

const pitotPrefix = "X-Pitot-"

// hopByHop are the headers that belong to one connection (RFC 9110 §7.6.1).
var hopByHop = map[string]bool{
	"Connection": true, "Proxy-Connection": true, "Keep-Alive": true, "Proxy-Authenticate": true,
	"Proxy-Authorization": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// connectionTokens returns the header names that a Connection header lists.
func connectionTokens(h http.Header) []string {
	var out []string
	for _, v := range h["Connection"] {
		for t := range strings.SplitSeq(v, ",") {
			if t = textproto.TrimString(t); t != "" {
				out = append(out, http.CanonicalHeaderKey(t))
			}
		}
	}
	return out
}

// copyHeaders copies end-to-end headers. The value slices are shared: neither
// side changes them.
func copyHeaders(dst, src http.Header) {
	listed := connectionTokens(src)
next:
	for k, v := range src {
		if hopByHop[k] || strings.HasPrefix(k, pitotPrefix) {
			continue
		}
		for _, l := range listed {
			if l == k {
				continue next
			}
		}
		dst[k] = v
	}
}

// dimensions fills the Call from the headers with which a client names its
// dimensions: X-Pitot-Service, -Environment, -User, -Session, -Feature,
// -Prompt, -Prompt-Version and -Tag-<name>.
func dimensions(h http.Header, c *llm.Call) {
	for k, v := range h {
		if len(v) == 0 || !strings.HasPrefix(k, pitotPrefix) {
			continue
		}
		val := v[0]
		if len(val) > maxDimension {
			val = strings.ToValidUTF8(val[:maxDimension], "")
			c.MarkTruncated("headers")
		}
		switch name := k[len(pitotPrefix):]; name {
		case "Service":
			c.Service = val
		case "Environment":
			c.Environment = val
		case "User":
			c.User = val
		case "Session":
			c.Session = val
		case "Feature":
			c.Feature = val
		case "Prompt":
			c.PromptName = val
		case "Prompt-Version":
			c.PromptVersion = val
		default:
			tag, ok := strings.CutPrefix(name, "Tag-")
			if !ok || tag == "" || len(c.Tags) >= maxTags {
				continue
			}
			if c.Tags == nil {
				c.Tags = map[string]string{}
			}
			c.Tags[strings.ToLower(tag)] = val
		}
	}
}

// fromBaggage fills what the headers above do not say from W3C Baggage: with it
// an instrumented application passes on for whom it calls. Names are those of
// OpenTelemetry, of Langfuse's SDKs and of Pitot's own.
func fromBaggage(h http.Header, c *llm.Call) {
	for _, line := range h["Baggage"] {
		if len(line) > maxBaggage {
			continue
		}
		for member := range strings.SplitSeq(line, ",") {
			member, _, _ = strings.Cut(member, ";") // properties
			name, value, ok := strings.Cut(member, "=")
			if !ok {
				continue
			}
			value, err := url.PathUnescape(strings.TrimSpace(value))
			if err == nil && value != "" && len(value) <= maxDimension && utf8.ValidString(value) {
				baggageMember(c, strings.TrimSpace(name), value)
			}
		}
	}
}

// ownBaggage says that a member of baggage is for Pitot: it says for whom a call
// is made, which is nobody's business behind the gateway.
func ownBaggage(member string) bool {
	member, _, _ = strings.Cut(member, "=")
	switch name := strings.TrimSpace(member); name {
	case "user.id", "enduser.id", "langfuse_user_id", "session.id", "gen_ai.conversation.id", "langfuse_session_id",
		"gen_ai.prompt.name", "gen_ai.prompt.version", "tenant.id":
		return true
	default:
		return strings.HasPrefix(name, "pitot.")
	}
}

// stripBaggage takes the members for Pitot out of the baggage that goes upstream.
// What is left stays as it was, byte by byte.
func stripBaggage(h http.Header) {
	lines := h["Baggage"]
	if !slices.ContainsFunc(lines, func(l string) bool { return slices.ContainsFunc(strings.Split(l, ","), ownBaggage) }) {
		return
	}
	var kept []string
	for _, l := range lines {
		members := slices.DeleteFunc(strings.Split(l, ","), ownBaggage)
		if len(members) > 0 {
			kept = append(kept, strings.Join(members, ","))
		}
	}
	if len(kept) == 0 {
		delete(h, "Baggage")
		return
	}
	h["Baggage"] = kept
}

// baggageMember takes one member of baggage, where nothing else said it.
func baggageMember(c *llm.Call, name, value string) {
	var to *string
	switch name {
	case "user.id", "enduser.id", "langfuse_user_id":
		to = &c.User
	case "session.id", "gen_ai.conversation.id", "langfuse_session_id":
		to = &c.Session
	case "pitot.feature":
		to = &c.Feature
	case "pitot.prompt.name", "gen_ai.prompt.name":
		to = &c.PromptName
	case "pitot.prompt.version", "gen_ai.prompt.version":
		to = &c.PromptVersion
	case "tenant.id", "pitot.tenant":
		if _, said := c.Attributes["tenant.id"]; !said {
			if c.Attributes == nil {
				c.Attributes = map[string]any{}
			}
			c.Attributes["tenant.id"] = value
		}
		return
	default:
		tag, ok := strings.CutPrefix(name, "pitot.tag.")
		if !ok {
			return
		}
		if plain, err := url.PathUnescape(tag); err == nil && utf8.ValidString(plain) {
			tag = plain
		}
		if _, said := c.Tags[tag]; said || tag == "" || len(tag) > maxTagKey || len(c.Tags) >= maxTags {
			return
		}
		if c.Tags == nil {
			c.Tags = map[string]string{}
		}
		c.Tags[tag] = value
		return
	}
	if *to == "" {
		*to = value
	}
}

const (
	// maxBaggage is the longest that the specification asks for.
	maxBaggage   = 8192
	maxDimension = 256 // bytes of one dimension's value
	maxTags      = 32
	maxTagKey    = 64
)

// joinTrace gives the Call its ids: the caller's trace where traceparent has
// one, else a new one. It reports whether the caller sent a valid traceparent
// and its flags.
func joinTrace(h http.Header, c *llm.Call) (flags string, joined bool) {
	c.SpanID = randomHex8()
	if v := h["Traceparent"]; len(v) == 1 {
		if trace, parent, f, ok := parseTraceparent(v[0]); ok {
			c.TraceID, c.ParentSpanID = trace, parent
			return f, true
		}
	}
	c.TraceID = randomHex8() + randomHex8()
	return "", false
}

// parseTraceparent reads W3C Trace Context, level 1 and later versions.
func parseTraceparent(s string) (trace, parent, flags string, ok bool) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || (len(s) > 55 && (s[:2] == "00" || s[55] != '-')) {
		return "", "", "", false
	}
	trace, parent, flags = s[3:35], s[36:52], s[53:55]
	if s[:2] == "ff" || !isHex(s[:2]) || !isHex(trace) || !isHex(parent) || !isHex(flags) ||
		strings.Trim(trace, "0") == "" || strings.Trim(parent, "0") == "" {
		return "", "", "", false
	}
	return trace, parent, flags, true
}

func isHex(s string) bool {
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// randomHex8 returns 8 random bytes, never all zero, in hex. The ids need to be
// unique, not secret.
func randomHex8() string {
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], rand.Uint64()|1)
	return hex.EncodeToString(b[:])
}

// newCallID returns a ULID for a Call that starts at t.
func newCallID(t time.Time) string {
	var id ulid.ULID
	_ = id.SetTime(uint64(t.UnixMilli())) // fails only after the year 10889
	binary.BigEndian.PutUint16(id[6:], uint16(rand.Uint32()))
	binary.BigEndian.PutUint64(id[8:], rand.Uint64())
	return id.String()
}
