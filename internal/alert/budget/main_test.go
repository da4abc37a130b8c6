package budget

import (
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/pitot-dev/pitot/internal/llm"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("PITOT_TEST_BUDGET_SAVER"); path != "" {
		saveForever(path)
	}
	goleak.VerifyTestMain(m)
}

// clock is a settable clock.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock(t time.Time) *clock { return &clock{t: t} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) set(t time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = t
}

func (c *clock) add(d time.Duration) { c.set(c.now().Add(d)) }

var noon = time.Date(2026, 6, 15, 12, 0, 0, 0, time.UTC) // a Monday

func parse(t testing.TB, text string) Config {
	t.Helper()
	c, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func newEngine(t testing.TB, text string, c *clock) *Engine {
	t.Helper()
	e, err := New(parse(t, text), Options{Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// call is one that ended well.
func call(id string, at time.Time, usd float64) *llm.Call {
	return &llm.Call{
		ID: id, Time: at, Status: llm.StatusOK, Service: "shop", Provider: "openai", RequestModel: "gpt-4o", User: "u1", Feature: "search",
		Tags:  map[string]string{"team": "a", "key": "k_1"},
		Usage: llm.Usage{InputTokens: llm.Some[int64](100), OutputTokens: llm.Some[int64](20)},
		Cost:  llm.Cost{USD: llm.Some(usd), State: llm.CostComputed},
	}
}

func spent(t testing.TB, e *Engine, name string) float64 {
	t.Helper()
	return status(t, e, name).Spent
}

func status(t testing.TB, e *Engine, name string) Status {
	t.Helper()
	for _, st := range e.Status() {
		if st.Name == name {
			return st
		}
	}
	t.Fatalf("no budget %s", name)
	return Status{}
}

func id(n int) string { return fmt.Sprintf("01J0000000000000000%07d", n) }
