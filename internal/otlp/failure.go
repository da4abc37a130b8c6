package otlp

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
)

// failure is an answer that is not success. Its message says what to do.
type failure struct {
	status  int // of HTTP; the gRPC code follows from it
	message string
	retry   time.Duration // not 0: the same message may be taken after this time
}

// Error implements error.
func (f *failure) Error() string { return f.message }

func fail(status int, message string) *failure { return &failure{status: status, message: message} }

// statusGone is what is counted for a request whose sender went away before it
// was answered.
const statusGone = 499

// code is the gRPC code of the failure. The protocol's list of codes that
// senders may retry is kept: they do so exactly where retry is set.
func (f *failure) code() codes.Code {
	switch f.status {
	case http.StatusBadRequest:
		return codes.InvalidArgument
	case http.StatusRequestEntityTooLarge, http.StatusTooManyRequests:
		return codes.ResourceExhausted // retried only with RetryInfo
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusNotFound, http.StatusNotImplemented, http.StatusMethodNotAllowed, http.StatusUnsupportedMediaType:
		return codes.Unimplemented
	case http.StatusRequestTimeout:
		return codes.DeadlineExceeded
	case statusGone:
		return codes.Canceled
	default:
		return codes.Internal
	}
}

// proto is the failure as google.rpc.Status.
func (f *failure) proto() *spb.Status {
	st := &spb.Status{Code: int32(f.code()), Message: f.message}
	if f.retry > 0 {
		info, err := anypb.New(&errdetails.RetryInfo{RetryDelay: durationpb.New(f.retry)})
		if err == nil { // it cannot fail, and the answer is useful without
			st.Details = append(st.Details, info)
		}
	}
	return st
}

// retryable is how sinks say that the same records may be taken later.
type retryable interface {
	error
	Retryable() bool
	RetryAfter() time.Duration
}

// failureOf turns the error of a sink, or of reading, into an answer.
func failureOf(ctx context.Context, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if r, ok := errors.AsType[retryable](err); ok && r.Retryable() {
		return &failure{status: http.StatusServiceUnavailable, message: r.Error(), retry: max(r.RetryAfter(), time.Second)}
	}
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		// The sender's deadline: it will have to send it again.
		return &failure{status: http.StatusServiceUnavailable, message: "not stored in time, try again", retry: time.Second}
	case errors.Is(err, context.Canceled) || ctx.Err() != nil:
		return fail(statusGone, "the sender went away")
	}
	return fail(http.StatusInternalServerError, "not stored: "+err.Error())
}

// clip cuts text from outside to n bytes, and makes it valid UTF-8.
func clip(s string, n int) string {
	if len(s) > n {
		for n > 0 && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n] + "..."
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
