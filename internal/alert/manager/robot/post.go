package robot

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"github.com/prometheus/alertmanager/notify"
)

// maxAnswer bounds what is read of a robot's answer.
const maxAnswer = 64 << 10

// Encode makes JSON without escaping what only HTML needs escaped: robots count
// bytes.
func Encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// Post sends a body and decodes the answer into out. An answer that is not a
// success is an error with a reason, and the flag says whether it may pass.
func Post(ctx context.Context, client *http.Client, target string, body []byte, out any) (bool, error) {
	resp, err := notify.PostJSON(ctx, client, target, bytes.NewReader(body)) //nolint:bodyclose // Drain closes it
	if err != nil {
		if cause := context.Cause(ctx); cause != nil {
			return true, fmt.Errorf("post: %w", cause)
		}
		return true, fmt.Errorf("post: %w", notify.RedactURL(err)) // the URL is a secret
	}
	defer notify.Drain(resp)
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return true, fmt.Errorf("read answer: %w", err)
	}
	retrier := notify.Retrier{RetryCodes: []int{http.StatusTooManyRequests, http.StatusRequestTimeout}}
	if retry, err := retrier.Check(resp.StatusCode, bytes.NewReader(answer[:min(len(answer), 500)])); err != nil {
		return retry, notify.NewErrorWithReason(notify.GetFailureReasonFromStatusCode(resp.StatusCode), err)
	}
	if err := json.Unmarshal(answer, out); err != nil {
		return true, fmt.Errorf("answer is not JSON: %q", answer[:min(len(answer), 200)])
	}
	return false, nil
}

// Secret returns a value that is given inline or in a file, which is read each
// time so that it can be exchanged without a reload.
func Secret(inline, file string) (string, error) {
	if file == "" {
		return inline, nil
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return "", fmt.Errorf("read secret: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}
