package provider

import (
	"net/http"
	"strconv"
	"time"
)

// family is the provider whose error bodies a format uses.
type family int

const (
	familyOpenAI family = iota
	familyAnthropic
	familyGemini
	familyBedrock
	familyCohere
	familyOllama
)

// failure is an error as a provider sends it.
type failure struct {
	status  int
	typ     string // OpenAI's code, Anthropic's type, Google's status, Bedrock's exception
	class   string // OpenAI's type
	message string
}

// newFailure makes the error that the family sends for a status; typ replaces
// its usual code.
func newFailure(status int, typ string, f family) *failure {
	e := &failure{status: status, class: openAIClass(status), message: errorMessage(status)}
	switch f {
	case familyAnthropic:
		e.typ = anthropicType(status)
	case familyGemini:
		e.typ = googleStatus(status)
	case familyBedrock:
		e.typ = awsException(status)
	default:
		e.typ = openAICode(status)
	}
	if typ != "" {
		e.typ = typ
	}
	return e
}

func errorMessage(status int) string {
	switch status {
	case 400:
		return "The request could not be understood: a parameter has an invalid value."
	case 401:
		return "Incorrect API key provided."
	case 403:
		return "The key does not have access to this model."
	case 404:
		return "The model does not exist or you do not have access to it."
	case 429:
		return "Rate limit reached for requests per minute. Please try again later."
	case 503, 529:
		return "The service is overloaded. Please try again later."
	}
	return "The server had an error while processing your request."
}

func openAIClass(status int) string {
	switch {
	case status == 401:
		return "authentication_error"
	case status == 403:
		return "permission_error"
	case status == 429:
		return "requests"
	case status < 500:
		return "invalid_request_error"
	}
	return "server_error"
}

func openAICode(status int) string {
	switch status {
	case 400:
		return "invalid_value"
	case 401:
		return "invalid_api_key"
	case 403:
		return "model_not_available"
	case 404:
		return "model_not_found"
	case 413:
		return "request_too_large"
	case 429:
		return "rate_limit_exceeded"
	case 503, 529:
		return "overloaded"
	}
	return "server_error"
}

func anthropicType(status int) string {
	switch status {
	case 401:
		return "authentication_error"
	case 403:
		return "permission_error"
	case 404:
		return "not_found_error"
	case 413:
		return "request_too_large"
	case 429:
		return "rate_limit_error"
	case 503, 529:
		return "overloaded_error"
	}
	if status < 500 {
		return "invalid_request_error"
	}
	return "api_error"
}

func googleStatus(status int) string {
	switch status {
	case 400:
		return "INVALID_ARGUMENT"
	case 401:
		return "UNAUTHENTICATED"
	case 403:
		return "PERMISSION_DENIED"
	case 404:
		return "NOT_FOUND"
	case 429:
		return "RESOURCE_EXHAUSTED"
	case 503, 529:
		return "UNAVAILABLE"
	case 504:
		return "DEADLINE_EXCEEDED"
	}
	return "INTERNAL"
}

func awsException(status int) string {
	switch status {
	case 400:
		return "ValidationException"
	case 401, 403:
		return "AccessDeniedException"
	case 404:
		return "ResourceNotFoundException"
	case 408:
		return "ModelTimeoutException"
	case 424:
		return "ModelErrorException"
	case 429:
		return "ThrottlingException"
	case 503, 529:
		return "ServiceUnavailableException"
	}
	return "InternalServerException"
}

// body appends the error's JSON in the family's shape.
func (e *failure) body(j *jsonbuf, f family, requestID string) {
	switch f {
	case familyAnthropic:
		j.s(`{"type":"error","error":{"type":`).q(e.typ).s(`,"message":`).q(e.message).s(`},"request_id":`).q(requestID).s(`}`)
	case familyGemini:
		j.s(`{"error":{"code":`).i(int64(e.status)).s(`,"message":`).q(e.message).s(`,"status":`).q(e.typ).s(`}}`)
	case familyBedrock:
		j.s(`{"message":`).q(e.message).s(`}`)
	case familyCohere:
		j.s(`{"id":`).q(requestID).s(`,"message":`).q(e.message).s(`}`)
	case familyOllama:
		j.s(`{"error":`).q(e.message).s(`}`)
	default:
		j.s(`{"error":{"message":`).q(e.message).s(`,"type":`).q(e.class).s(`,"param":null,"code":`).q(e.typ).s(`}}`)
	}
}

// sendFailure answers with e instead of a result.
func (x *exchange) sendFailure(e *failure) {
	h := x.w.Header()
	f := x.format.family()
	if e.status == http.StatusTooManyRequests || e.status == http.StatusServiceUnavailable || e.status == 529 || x.ctl.RetryAfter.Known() {
		after := x.ctl.RetryAfter.Or(time.Second)
		h.Set("Retry-After", strconv.Itoa(int((after+time.Second-1)/time.Second)))
	}
	if f == familyBedrock {
		h.Set("X-Amzn-Errortype", e.typ)
	}
	if f == familyOpenAI && e.status == http.StatusTooManyRequests {
		h.Set("X-Ratelimit-Remaining-Requests", "0")
	}
	h.Set("Content-Type", "application/json")
	x.t.ErrorType, x.t.ErrorMessage = e.typ, e.message
	x.out.reset()
	e.body(&x.out, f, x.t.RequestID)
	x.sendWhole(e.status)
}
