package api

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
)

// FeedbackAccess says who may judge from elsewhere: pages of the origins, with
// one of the keys. The keys are good for nothing else.
type FeedbackAccess struct {
	Origins []string // scheme://host[:port], as browsers send them
	Keys    []string
	// PerMinute bounds the judgements that come with one key.
	PerMinute int
}

// feedbackKeyHeader carries a key for feedback, as Authorization: Bearer does.
const feedbackKeyHeader = "X-Pitot-Feedback-Key"

// preflightAge is how long a browser may remember that a page is allowed.
const preflightAge = "600"

// visitor is who may only add judgements.
type visitor struct {
	rates *rates
	key   [sha256.Size]byte
	limit int
	now   func() time.Time
}

type visitorKey struct{}

func visitorOf(ctx context.Context) *visitor {
	v, _ := ctx.Value(visitorKey{}).(*visitor)
	return v
}

// admit bounds what a visitor does. He speaks for a user, not for an evaluator,
// and replaces nothing but what came with the same key.
func (v *visitor) admit(js []*events.Judgement) *Error {
	for _, j := range js {
		if j.Evaluator != "" && j.Evaluator != "user" {
			return badBody("evaluator: with a key for feedback only user is allowed", "leave evaluator out, or send the judgement from the server side")
		}
		j.Evaluator = "user"
		j.Space = hex.EncodeToString(v.key[:8])
	}
	if !v.rates.take(v.key, len(js), v.limit, v.now()) {
		return &Error{
			http.StatusTooManyRequests, CodeRateLimited, fmt.Sprintf("more than %d judgements a minute came with this key", v.limit),
			"send it again later, or raise quality.feedback.max_per_minute",
		}
	}
	return nil
}

// fromPages lets pages of allowed origins send feedback, and nothing else: what
// it does not take goes through the protection against other origins.
func (s *server) fromPages(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != base+"/feedback" || s.FeedbackAccess == nil || r.Method != http.MethodPost && r.Method != http.MethodOptions {
			next.ServeHTTP(w, r)
			return
		}
		access := s.FeedbackAccess()
		origin := r.Header.Get("Origin")
		foreign := foreignPage(r)
		w.Header().Add("Vary", "Origin")
		if foreign && !slices.Contains(access.Origins, origin) {
			next.ServeHTTP(w, r) // which refuses it
			return
		}
		if foreign {
			h := w.Header()
			h.Set("Access-Control-Allow-Origin", origin)
			if r.Method == http.MethodOptions {
				h.Set("Access-Control-Allow-Methods", http.MethodPost)
				h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type, "+feedbackKeyHeader)
				h.Set("Access-Control-Max-Age", preflightAge)
				if r.Header.Get("Access-Control-Request-Private-Network") == "true" {
					h.Set("Access-Control-Allow-Private-Network", "true")
				}
				w.WriteHeader(http.StatusNoContent)
				return
			}
		}
		key, sent := feedbackKey(r)
		switch {
		case r.Method == http.MethodPost && (foreign || sent):
			hash := sha256.Sum256([]byte(key))
			if !sent || !access.has(hash) {
				writeError(w, &Error{http.StatusUnauthorized, CodeFeedbackKey, "the key for feedback is missing or not one of this server's", "send a key of quality.feedback.keys as " + feedbackKeyHeader + " or Authorization: Bearer"})
				return
			}
			v := &visitor{rates: &s.feedbackRates, key: hash, limit: access.PerMinute, now: s.Now}
			// Past the protection: this is what it protects from, allowed for this path.
			s.mux.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), visitorKey{}, v)))
		default:
			next.ServeHTTP(w, r)
		}
	})
}

// foreignPage says whether a page of another origin sends r, or asks whether it
// may.
func foreignPage(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "cross-site", "same-site":
		return true
	case "same-origin", "none":
		return false
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return false
	}
	u, err := url.Parse(origin)
	return err != nil || u.Host != r.Host
}

// feedbackKey returns the key that r carries. An Authorization of another scheme
// is meant for a proxy in front.
func feedbackKey(r *http.Request) (key string, sent bool) {
	if v := r.Header.Get(feedbackKeyHeader); v != "" {
		return v, true
	}
	scheme, key, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") || !foreignPage(r) {
		return "", false
	}
	return strings.TrimSpace(key), true
}

// has compares in a time that does not hang on how much of a key is right.
func (a *FeedbackAccess) has(hash [sha256.Size]byte) bool {
	found := 0
	for _, k := range a.Keys {
		h := sha256.Sum256([]byte(k))
		found |= subtle.ConstantTimeCompare(h[:], hash[:])
	}
	return found == 1
}

// rates are token buckets, one a key. Only keys of the configuration get here.
type rates struct {
	mu sync.Mutex
	m  map[[sha256.Size]byte]*bucket
}

type bucket struct {
	tokens float64
	at     time.Time
}

// maxRates bounds the keys that are remembered; those of old configurations are
// forgotten with all others.
const maxRates = 1000

// take takes n tokens of a bucket of perMinute that fills within a minute.
func (r *rates) take(key [sha256.Size]byte, n, perMinute int, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	b := r.m[key]
	if b == nil {
		if r.m == nil || len(r.m) >= maxRates {
			r.m = map[[sha256.Size]byte]*bucket{}
		}
		b = &bucket{float64(perMinute), now}
		r.m[key] = b
	}
	if passed := now.Sub(b.at); passed > 0 {
		b.tokens += passed.Minutes() * float64(perMinute)
	}
	b.tokens, b.at = min(b.tokens, float64(perMinute)), now
	if b.tokens < float64(n) {
		return false
	}
	b.tokens -= float64(n)
	return true
}
