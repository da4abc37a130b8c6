package gateway

import (
	"crypto/sha256"
	"encoding/hex"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/wire"
)

// Guard decides before a Call goes upstream whether it may. Its methods are on
// the path of every Call: they must be quick, never block, and be safe for
// concurrent use. A Guard that cannot decide admits.
type Guard interface {
	// Enforcing says whether anything could be refused or warned about. While it
	// is false a request is not decoded before it is sent.
	Enforcing() bool
	// Admit is asked once a Call. c has what the request says; it must not be
	// kept or changed. An admitted Call ends with Sink.Record.
	Admit(c *llm.Call) Verdict
}

// Verdict is what a Guard says.
type Verdict struct {
	Deny bool
	// Message says why, and what the caller can do.
	Message string
	// RetryAfter is when it may be tried again; 0 where that is not known.
	RetryAfter time.Duration
	// Warning goes to the client of an admitted Call in the header
	// X-Pitot-Budget-Warning.
	Warning string
}

// errorTypeBudget is the error_type of a Call that a budget refused.
const errorTypeBudget = "budget_exceeded"

// warningHeader tells the client of an admitted Call that a budget is used up.
const warningHeader = "X-Pitot-Budget-Warning"

// keyTag is the tag that the id of an API key has.
const keyTag = "key"

// admitted asks the Guard. Where it refuses, the client has its answer and the
// Call is on its way to the sink.
func (x *exchange) admitted(w http.ResponseWriter) bool {
	if x.g.guard == nil || !x.g.guard.Enforcing() {
		return true
	}
	x.decodeRequest()
	v := x.g.guard.Admit(x.call)
	if !v.Deny {
		x.warning = v.Warning
		return true
	}
	x.requestSent() // counts it as active, as Record will count it as ended
	c := x.call
	c.HTTPStatus = http.StatusTooManyRequests
	c.SetError(errorTypeBudget, v.Message)
	c.Note("refused_by_gateway")
	x.g.metrics.refused.WithLabelValues(x.u.cfg.Name).Inc()
	ct, body := wire.ErrorBody(x.route.Dialect, c.HTTPStatus, errorTypeBudget, "pitot gateway: "+v.Message)
	h := w.Header()
	maps.Copy(h, wire.ErrorHeader(x.route.Dialect, c.HTTPStatus))
	h.Set("Content-Type", ct)
	// Clients made with Stainless (OpenAI's, Anthropic's) try a 429 again unless
	// they are told that it is of no use.
	h.Set("X-Should-Retry", "false")
	if v.RetryAfter > 0 {
		h.Set("Retry-After", strconv.FormatInt(int64((v.RetryAfter+time.Second-1)/time.Second), 10))
	}
	w.WriteHeader(c.HTTPStatus)
	_, _ = w.Write(body)
	x.endAt = time.Since(x.start)
	x.g.finishers.submit(x)
	return false
}

// keyHeaders are where clients put the API key.
var keyHeaders = [...]string{"Authorization", "X-Api-Key", "Api-Key", "X-Goog-Api-Key"}

// tagKey tags a Call with the id of its API key.
func tagKey(r *http.Request, c *llm.Call) {
	id := keyID(r)
	if id == "" {
		return
	}
	if c.Tags == nil {
		c.Tags = map[string]string{}
	}
	c.Tags[keyTag] = id
}

// keyID is an id for the API key of a request: the same key has always the same
// one, and the key cannot be had from it. Empty where the request has none.
func keyID(r *http.Request) string {
	key := ""
	for _, name := range keyHeaders {
		if key = r.Header.Get(name); key != "" {
			break
		}
	}
	if key == "" {
		key = r.URL.Query().Get("key") // Gemini's
	}
	if scheme, rest, ok := strings.Cut(key, " "); ok {
		if strings.HasPrefix(scheme, "AWS4") {
			// A signature is another one each time; who signed is in Credential.
			_, rest, _ = strings.Cut(rest, "Credential=")
			rest, _, _ = strings.Cut(rest, "/")
		}
		key = strings.TrimSpace(rest)
	}
	if key == "" {
		return ""
	}
	sum := sha256.Sum256([]byte("pitot key id\x00" + key))
	return "k_" + hex.EncodeToString(sum[:6])
}
