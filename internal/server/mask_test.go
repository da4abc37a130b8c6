package server

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/redact"
)

type observed struct{ calls []llm.Call }

func (o *observed) ObserveCall(c *llm.Call) { o.calls = append(o.calls, *c) }

func testMasks(tb testing.TB, c redact.Config) *masks {
	tb.Helper()
	p, err := redact.New(c)
	if err != nil {
		tb.Fatal(err)
	}
	m, err := newMasks(p)
	if err != nil {
		tb.Fatal(err)
	}
	return m
}

func secretCall() *llm.Call {
	key := "sk-" + strings.Repeat("Fake0key", 5)
	return &llm.Call{
		Service: key, RequestModel: key, Feature: key, User: "ann@example.com", Tags: map[string]string{"owner": "bob@example.com"},
		FinishReasons: []string{key}, Input: []llm.Message{llm.Text("user", "hello")}, Params: map[string]any{"temperature": 0.5},
	}
}

// TestLabelsAreMasked sees that metrics get masked names, and that the Call
// itself stays as it was: the pipeline has yet to store it.
func TestLabelsAreMasked(t *testing.T) {
	cfg := redact.Default()
	cfg.Redact, cfg.HashUsers, cfg.Salt = redact.Kinds(), true, "a test's salt"
	m, next := testMasks(t, cfg), &observed{}
	c := secretCall()
	before, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	o := maskedObserver{next, m}
	o.ObserveCall(c)
	o.ObserveCall(&llm.Call{Service: "shop"})
	if after, err := json.Marshal(c); err != nil || string(after) != string(before) {
		t.Errorf("the call was changed to %s (%v)", after, err)
	}
	got := next.calls[0]
	for _, s := range []string{got.Service, got.RequestModel, got.Feature, got.User, got.Tags["owner"]} {
		if strings.Contains(s, "Fake0key") || strings.Contains(s, "@") || s == "" {
			t.Errorf("label %q is not masked", s)
		}
	}
	if next.calls[1].Service != "shop" || next.calls[1].Feature != "" {
		t.Errorf("the second call was observed as %+v", next.calls[1])
	}
}

func BenchmarkMaskedObserver(b *testing.B) {
	o := maskedObserver{nothing{}, testMasks(b, redact.Default())}
	c := secretCall()
	c.Service, c.RequestModel, c.Feature = "shop", "gpt-4o-mini", "search"
	b.ReportAllocs()
	for b.Loop() {
		o.ObserveCall(c)
	}
}

type nothing struct{}

func (nothing) ObserveCall(*llm.Call) {}
