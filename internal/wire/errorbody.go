package wire

import (
	"encoding/json"
	"net/http"
	"strings"
)

// ErrorBody is an error in the shape that a client of the dialect understands,
// for errors that the gateway itself must answer with. For Bedrock it goes
// with the headers of ErrorHeader. typ is a class such as "overloaded"; where
// a dialect has its own fixed set of types, the status chooses among them.
func ErrorBody(d Dialect, status int, typ, message string) (contentType string, body []byte) {
	var v any
	switch d {
	case Anthropic:
		v = map[string]any{"type": "error", "error": map[string]string{"type": anthropicErrorType(status), "message": message}}
	case Gemini:
		v = map[string]any{"error": map[string]any{"code": status, "message": message, "status": googleStatus(status)}}
	case Bedrock, Cohere:
		v = map[string]string{"message": message}
	case Ollama:
		v = map[string]string{"error": message}
	default:
		v = map[string]any{"error": map[string]any{"message": message, "type": openAIErrorType(status), "param": nil, "code": typ}}
	}
	body, err := json.Marshal(v)
	if err != nil {
		return "text/plain; charset=utf-8", []byte(message)
	}
	return "application/json", body
}

// ErrorHeader is the headers that belong to an ErrorBody beside its content
// type: Amazon's clients read the type of an error there. It is empty for the
// other dialects.
func ErrorHeader(d Dialect, status int) http.Header {
	h := http.Header{}
	if d == Bedrock {
		h.Set("X-Amzn-Errortype", bedrockErrorType(status))
	}
	return h
}

func openAIErrorType(status int) string {
	switch {
	case status == http.StatusUnauthorized:
		return "authentication_error"
	case status == http.StatusForbidden:
		return "permission_error"
	case status == http.StatusTooManyRequests:
		return "rate_limit_error"
	case status >= 500:
		return "server_error"
	}
	return "invalid_request_error"
}

func anthropicErrorType(status int) string {
	switch status {
	case http.StatusUnauthorized:
		return "authentication_error"
	case http.StatusForbidden:
		return "permission_error"
	case http.StatusNotFound:
		return "not_found_error"
	case http.StatusRequestEntityTooLarge:
		return "request_too_large"
	case http.StatusTooManyRequests:
		return "rate_limit_error"
	case http.StatusGatewayTimeout:
		return "timeout_error"
	case http.StatusServiceUnavailable, 529:
		return "overloaded_error"
	}
	if status >= 500 {
		return "api_error"
	}
	return "invalid_request_error"
}

func googleStatus(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "INVALID_ARGUMENT"
	case http.StatusUnauthorized:
		return "UNAUTHENTICATED"
	case http.StatusForbidden:
		return "PERMISSION_DENIED"
	case http.StatusNotFound:
		return "NOT_FOUND"
	case http.StatusTooManyRequests:
		return "RESOURCE_EXHAUSTED"
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return "UNAVAILABLE"
	case http.StatusGatewayTimeout:
		return "DEADLINE_EXCEEDED"
	}
	if status >= 500 {
		return "INTERNAL"
	}
	return strings.ToUpper(strings.ReplaceAll(http.StatusText(status), " ", "_"))
}

func bedrockErrorType(status int) string {
	switch status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return "AccessDeniedException"
	case http.StatusNotFound:
		return "ResourceNotFoundException"
	case http.StatusRequestTimeout, http.StatusGatewayTimeout:
		return "ModelTimeoutException"
	case http.StatusTooManyRequests:
		return "ThrottlingException"
	case http.StatusServiceUnavailable, http.StatusBadGateway:
		return "ServiceUnavailableException"
	}
	if status >= 500 {
		return "InternalServerException"
	}
	return "ValidationException"
}
