package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/pitot-dev/pitot/internal/events"
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
	CodeNotFound      = "not_found"
	CodeMethod        = "method_not_allowed"
	CodeStoreDown     = "store_unavailable"
	CodeStoreTimeout  = "store_timeout"
	CodeBadQuery      = "bad_query"
	CodeOverloaded    = "overloaded"
	CodeInternal      = "internal"
	CodeReloadFailed  = "reload_failed"
	CodeForeignOrigin = "foreign_origin"
)

func badParameter(name, value, allowed string) *Error {
	return &Error{
		Status: http.StatusBadRequest, Code: CodeBadParameter,
		Message: fmt.Sprintf("parameter %s: %q is not valid", name, value), Hint: "allowed: " + allowed,
	}
}

func notFound(what, id, hint string) *Error {
	return &Error{Status: http.StatusNotFound, Code: CodeNotFound, Message: fmt.Sprintf("no %s %q", what, id), Hint: hint}
}

// toError gives any error its place in the catalogue.
func toError(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var rejected *events.QueryError
	switch {
	case errors.As(err, &rejected):
		return &Error{http.StatusBadRequest, CodeBadQuery, err.Error(), "query takes a LogsQL filter without pipes: https://docs.victoriametrics.com/victorialogs/logsql/#filters"}
	case errors.Is(err, context.DeadlineExceeded):
		return &Error{http.StatusGatewayTimeout, CodeStoreTimeout, err.Error(), "narrow the time range or the filter"}
	default:
		return &Error{
			http.StatusServiceUnavailable, CodeStoreDown, err.Error(),
			"the event engine may be restarting: see /api/pitot/v1/status; calls are kept in the journal meanwhile",
		}
	}
}

func writeError(w http.ResponseWriter, err error) {
	e := toError(err)
	writeJSON(w, e.Status, map[string]*Error{"error": e})
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client is gone: there is nobody to tell
}
