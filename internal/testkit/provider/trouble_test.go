package provider

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit/dist"
)

func ask(t *testing.T, s *Server, headers ...string) (int, string) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/chat/completions",
		strings.NewReader(`{"model":"m","messages":[{"role":"user","content":"hi"}],"tools":[{"type":"function","function":{"name":"look"}}]}`))
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	b, err := io.ReadAll(w.Body)
	if err != nil {
		t.Fatal(err)
	}
	return w.Code, string(b)
}

// TestTrouble: what the models suffer from now hits requests that do not dictate
// their status.
func TestTrouble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow, errors := 0.0, []ErrorRate(nil)
		s := New(Config{
			Models:  []Model{{Name: "m", TTFT: dist.Const(1), Output: dist.Const(3)}},
			Trouble: func(string) (float64, []ErrorRate) { return slow, errors },
		})
		began := time.Now()
		if code, _ := ask(t, s); code != 200 || time.Since(began) > 2*time.Second {
			t.Errorf("without trouble: %d after %v", code, time.Since(began))
		}
		slow, began = 8, time.Now()
		if code, _ := ask(t, s); code != 200 || time.Since(began) < 8*time.Second {
			t.Errorf("slow: %d after %v", code, time.Since(began))
		}
		slow, errors = 0, []ErrorRate{{Rate: 1, Status: 500}}
		if code, _ := ask(t, s); code != 500 {
			t.Errorf("down: %d", code)
		}
		if code, _ := ask(t, s, "X-Fake-Status", "200"); code != 200 {
			t.Errorf("a request that dictates its status: %d", code)
		}
	})
}

func TestToolArguments(t *testing.T) {
	s := New(Config{Pace: func(ctx context.Context, _ time.Duration) error { return ctx.Err() }})
	code, body := ask(t, s, "X-Fake-Tool", "look", "X-Fake-Tool-Args", `%7B%22at%22:%22the%20door%22%7D`)
	if code != 200 || !strings.Contains(body, `{\"at\":\"the door\"}`) {
		t.Errorf("%d: %s", code, body)
	}
}
