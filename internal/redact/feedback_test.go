package redact

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestFeedback(t *testing.T) {
	secret := "sk-" + strings.Repeat("x", 40)
	judgement := func() *llm.Feedback {
		return &llm.Feedback{
			ID: "01JDZXV0000000000000000001", TraceID: strings.Repeat("ab", 16), Name: "helpful", Label: "mail me@example.com", Evaluator: "user",
			User: "me@example.com", SessionID: "s-1", Service: "checkout", Model: "gpt-4o", Comment: "my key is " + secret,
			Metadata: json.RawMessage(`{"key":"` + secret + `","n":1}`), Score: llm.Some(0.5),
		}
	}
	build := func(m Mode) *Policy {
		c := Default()
		c.Content, c.Redact = m, append(c.Redact, "email")
		p, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	f := judgement()
	build(ModeFull).Feedback(f)
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	for _, private := range []string{secret, "me@example.com"} {
		if strings.Contains(string(b), private) {
			t.Errorf("%q is still in %s", private, b)
		}
	}
	if f.ID != judgement().ID || f.TraceID != judgement().TraceID || f.Service != "checkout" || f.Model != "gpt-4o" || f.SessionID != "s-1" || f.Name != "helpful" {
		t.Errorf("names were changed: %s", b)
	}
	if !json.Valid(f.Metadata) || !strings.Contains(string(f.Metadata), `"n":1`) {
		t.Errorf("metadata: %s", f.Metadata)
	}
	f = judgement()
	build(ModeMetrics).Feedback(f)
	if f.Comment != "" || f.Metadata != nil || f.Score.Or(0) != 0.5 {
		t.Errorf("metrics mode keeps %q %s %v", f.Comment, f.Metadata, f.Score)
	}
}
