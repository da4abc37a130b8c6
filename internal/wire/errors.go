package wire

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// classOf is the error type for an HTTP status when the provider gives none.
func classOf(status int) string {
	switch status {
	case 400, 422:
		return "invalid_request"
	case 401:
		return "authentication_error"
	case 403:
		return "permission_denied"
	case 404:
		return "not_found"
	case 402:
		return "payment_required"
	case 408, 504:
		return "timeout"
	case 409:
		return "conflict"
	case 413:
		return "request_too_large"
	case 429:
		return "rate_limit_exceeded"
	case 500:
		return "server_error"
	case 502:
		return "bad_gateway"
	case 503, 529:
		return "overloaded"
	}
	switch {
	case status >= 500:
		return "server_error"
	case status >= 400:
		return "invalid_request"
	}
	return "error"
}

// errorType keeps a provider's code or type where it is identifier-like, so
// that the label stays of low cardinality, and else falls back to the class.
func errorType(typ string, status int) string {
	if isIdentifier(typ) && !isNumber(typ) {
		return typ
	}
	return classOf(status)
}

// isIdentifier reports whether s is like a code: ^[A-Za-z0-9_.:-]{1,64}$.
func isIdentifier(s string) bool {
	if len(s) == 0 || len(s) > 64 {
		return false
	}
	for i := range len(s) {
		b := s[i]
		switch {
		case b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z', b >= '0' && b <= '9':
		case b == '_', b == '.', b == ':', b == '-':
		default:
			return false
		}
	}
	return true
}

// isNumber reports whether s is all digits: an HTTP status in disguise.
func isNumber(s string) bool {
	return strings.Trim(s, "0123456789") == ""
}

// closeError records why a response ended early.
func closeError(c *llm.Call, err error) {
	if errors.Is(err, context.Canceled) {
		// The caller left: nothing of the provider's failed.
		c.Note("client_gone")
		return
	}
	var ne net.Error
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) || errors.As(err, &ne) && ne.Timeout() {
		c.SetError("timeout", err.Error())
		return
	}
	c.SetError("connection_error", err.Error())
}

// plainError is the message of an error body that is not JSON: a proxy's page.
func plainError(body []byte) string {
	b := bytes.TrimSpace(body)
	if len(b) > 0 && b[0] == '<' {
		if i := bytes.Index(b, []byte("<title>")); i >= 0 {
			if j := bytes.Index(b[i:], []byte("</title>")); j > 0 {
				return strings.TrimSpace(string(b[i+len("<title>") : i+j]))
			}
		}
		return ""
	}
	return string(b[:min(len(b), llm.MaxErrorMessage)])
}

// headersBefore takes what response headers say independently of the body.
func headersBefore(rt Route, h http.Header, c *llm.Call) {
	if rt.Dialect == Azure && c.Region == "" {
		c.Region = h.Get("X-Ms-Region")
	}
}
