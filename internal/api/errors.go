package api

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/pipeline"
)

// Error is an error that the API answers. The codes are stable: clients branch
// on them.
type Error struct {
	Status  int    `json:"-"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"` // what to do about it
}

// Error returns the message.
func (e *Error) Error() string { return e.Message }

// The catalogue of codes.
const (
	CodeBadParameter  = "bad_parameter"
	CodeBadBody       = "bad_body"
	CodeBadQuery      = "bad_query"
	CodeNotFound      = "not_found"
	CodeTooManyRows   = "too_many_rows"
	CodeMethod        = "method_not_allowed"
	CodeForeignOrigin = "foreign_origin"
	CodeReloadFailed  = "reload_failed"
	CodeOverloaded    = "overloaded"
	CodeFeedbackKey   = "bad_feedback_key"
	CodeRateLimited   = "rate_limited"
	CodeBusy          = "busy"
	CodeStoreDown     = "store_unavailable"
	CodeStoreTimeout  = "store_timeout"
	CodeOutside       = "outside_stores"
	CodeInternal      = "internal"
)

func badParameter(name, value, allowed string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: CodeBadParameter,
		Message: fmt.Sprintf("parameter %s: %q is not valid", name, cut(value)), Hint: "allowed: " + allowed,
	}
}

func badBody(message, hint string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: CodeBadBody, Message: message, Hint: hint}
}

func notFound(what, id, hint string) *Error {
	return &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: fmt.Sprintf("no %s %q", what, cut(id)), Hint: hint}
}

// maxEcho is the most of a client's value that an error repeats.
const maxEcho = 200

func cut(s string) string {
	if len(s) <= maxEcho {
		return s
	}
	return strings.ToValidUTF8(s[:maxEcho], "") + "…"
}

// toError gives any error its place in the catalogue.
func toError(err error) *Error {
	if e, ok := errors.AsType[*Error](err); ok {
		return e
	}
	if q, ok := errors.AsType[*events.QueryError](err); ok {
		if q.Param == "query" {
			return &Error{http.StatusBadRequest, CodeBadQuery, q.Error(), "allowed: a LogsQL filter without pipes: https://docs.victoriametrics.com/victorialogs/logsql/#filters"}
		}
		return &Error{http.StatusBadRequest, CodeBadParameter, "parameter " + q.Error(), "allowed values are in GET /api/pitot/v1/openapi.yaml"}
	}
	if o, ok := errors.AsType[*pipeline.OverloadError](err); ok {
		return &Error{http.StatusServiceUnavailable, CodeOverloaded, o.Error(), fmt.Sprintf("send it again in %v", o.Delay)}
	}
	_, down := errors.AsType[*events.UnavailableError](err)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{http.StatusGatewayTimeout, CodeStoreTimeout, err.Error(), "narrow the time range or the filter"}
	case down, errors.Is(err, context.Canceled):
		return &Error{
			http.StatusServiceUnavailable, CodeStoreDown, err.Error(),
			"the event engine may be restarting: see /api/pitot/v1/status; calls are kept in the journal meanwhile",
		}
	default:
		return &Error{http.StatusInternalServerError, CodeInternal, err.Error(), "see the server's log, and report it"}
	}
}

// fail answers err. Errors that are the server's own are logged: nobody else
// will see them.
func (s *server) fail(w http.ResponseWriter, r *http.Request, err error) {
	e := toError(err)
	if e.Status == http.StatusInternalServerError {
		s.Logger.Error("request failed", "path", r.URL.Path, "err", err)
	}
	writeError(w, e)
}

func writeError(w http.ResponseWriter, e *Error) {
	s, err := encode(map[string]*Error{"error": e})
	if err != nil { // strings always encode
		s = []byte("{}\n")
	}
	writeBytes(w, e.Status, s)
}

// encode is JSON without the escaping that is meant for script elements.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode the answer: %w", err)
	}
	return b.Bytes(), nil
}

func writeBytes(w http.ResponseWriter, status int, b []byte) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write(b) // where the client is gone there is nobody to tell
}
