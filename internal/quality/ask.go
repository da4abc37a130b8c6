package quality

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/purse"
)

// dialectAnthropic is the one dialect that is not asked like OpenAI.
const dialectAnthropic = "anthropic"

// maxReply bounds what is read of an answer.
const maxReply = 1 << 20

// statusError is an answer that is none.
type statusError struct {
	code  int
	text  string
	after time.Duration
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.code, e.text) }

// retryable says whether the same question may be answered later.
func retryable(err error) bool {
	if s, ok := errors.AsType[*statusError](err); ok {
		return s.code == http.StatusTooManyRequests || s.code == http.StatusRequestTimeout || s.code >= 500
	}
	return !errors.Is(err, errNoUpstream) && !errors.Is(err, purse.ErrPaused) && !errors.Is(err, purse.ErrFirst)
}

var errNoUpstream = errors.New("the gateway has no such upstream")

const (
	firstWait = 200 * time.Millisecond
	minWait   = 500 * time.Millisecond
	maxWait   = 30 * time.Second
)

// judge asks until there is a verdict, the attempts are used up, or the budget
// is. Each attempt is a call of its own, and costs.
func (q *Quality) judge(ctx context.Context, j *Judge, c *llm.Call) (verdict, error) {
	wait := minWait
	for attempt := 0; ; attempt++ {
		v, err := q.attempt(ctx, j, c)
		for began := q.o.Now(); errors.Is(err, purse.ErrFirst) && q.o.Now().Sub(began) < time.Duration(j.Timeout); {
			if !sleep(ctx, firstWait) {
				return v, err
			}
			v, err = q.attempt(ctx, j, c)
		}
		if err == nil || !retryable(err) || attempt >= *j.Retries || ctx.Err() != nil {
			return v, err
		}
		d := wait/2 + rand.N(wait/2)
		if s, ok := errors.AsType[*statusError](err); ok && s.after > d {
			d = min(s.after, maxWait)
		}
		wait = min(2*wait, maxWait)
		if !sleep(ctx, d) {
			return verdict{}, err
		}
	}
}

// sleep waits, and reports false when ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (q *Quality) attempt(ctx context.Context, j *Judge, c *llm.Call) (verdict, error) {
	dialect, ok := q.o.Upstreams(j.Upstream)
	if !ok {
		return verdict{}, fmt.Errorf("%w: %q: name one of gateway.upstreams", errNoUpstream, j.Upstream)
	}
	if err := q.purse.Begin(j.Name, q.o.Now()); err != nil {
		return verdict{}, err
	}
	nonce := newNonce()
	system, user, err := j.prompt(materialOf(c, q.o.Mask), nonce)
	if err != nil {
		return verdict{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, time.Duration(j.Timeout))
	defer cancel()
	text, err := q.ask(ctx, j, dialect, system, user, c.ID)
	if err != nil {
		return verdict{}, err
	}
	return parseVerdict(text, nonce, j.Scale)
}

func newNonce() string {
	var b [8]byte
	_, _ = crand.Read(b[:]) // never fails
	return "judge-" + hex.EncodeToString(b[:])
}

// request writes the body in the dialect of the upstream.
func (j *Judge) request(dialect, system, user string) (path string, body []byte, err error) {
	m := map[string]any{"model": j.Model, "max_tokens": j.MaxTokens, "stream": false}
	message := func(role, text string) map[string]any { return map[string]any{"role": role, "content": text} }
	if dialect == dialectAnthropic {
		path = "/v1/messages"
		m["system"], m["messages"] = system, []any{message("user", user)}
	} else {
		path = "/v1/chat/completions"
		m["messages"] = []any{message("system", system), message("user", user)}
	}
	for k, v := range j.Parameters {
		if v == "null" {
			delete(m, k)
			continue
		}
		m[k] = json.RawMessage(v)
	}
	if j.Path != "" {
		path = j.Path
	}
	body, err = json.Marshal(m)
	return path, body, err
}

// ask makes one call through the gateway and returns the text of the answer.
func (q *Quality) ask(ctx context.Context, j *Judge, dialect, system, user, judged string) (string, error) {
	path, body, err := j.request(dialect, system, user)
	if err != nil {
		return "", fmt.Errorf("write the request to the judge: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, q.gateway+"/"+j.Upstream+path, bytes.NewReader(body))
	if err != nil {
		return "", fmt.Errorf("ask the judge: %w", err)
	}
	for k, v := range j.Headers {
		req.Header.Set(k, v)
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-Pitot-Service", ServiceName)
	req.Header.Set("X-Pitot-Tag-"+TagName, j.Name)
	req.Header.Set("X-Pitot-Tag-Judged", judged)
	if dialect == dialectAnthropic && req.Header.Get("Anthropic-Version") == "" {
		req.Header.Set("Anthropic-Version", "2023-06-01")
	}
	resp, err := q.o.Client.Do(req)
	if err != nil {
		return "", fmt.Errorf("ask the judge: %w", err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return "", fmt.Errorf("read the judge's answer: %w", err)
	}
	if resp.StatusCode/100 != 2 {
		e := &statusError{code: resp.StatusCode, text: prefix(strings.ToValidUTF8(string(b), ""), 300)}
		if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
			e.after = time.Duration(s) * time.Second
		}
		return "", e
	}
	return replyText(b)
}

// replyText reads the text of an answer of OpenAI's or Anthropic's form.
func replyText(b []byte) (string, error) {
	var r struct {
		Choices []struct {
			Message struct {
				Content json.RawMessage `json:"content"`
			} `json:"message"`
		} `json:"choices"`
		Content json.RawMessage `json:"content"`
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return "", fmt.Errorf("the judge's answer is no JSON: %w", err)
	}
	raw := r.Content
	if len(r.Choices) > 0 {
		raw = r.Choices[0].Message.Content
	}
	var text string
	if json.Unmarshal(raw, &text) == nil {
		return text, nil
	}
	var parts []struct {
		Type string `json:"type"`
		Text string `json:"text"`
	}
	if json.Unmarshal(raw, &parts) != nil {
		return "", errNoScore
	}
	var out strings.Builder
	for _, p := range parts {
		if p.Type == "text" {
			out.WriteString(p.Text)
		}
	}
	return out.String(), nil
}
