package events

import (
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// TestNewStreamsShowSoon looks for a service before it exists, as a page that
// refreshes itself does, and then stores its first call.
func TestNewStreamsShowSoon(t *testing.T) {
	s := testStore(t)
	now := time.Now().UTC()
	f := CallFilter{Range: Range{now.Add(-time.Minute), now.Add(time.Minute)}, Service: "born-just-now"}
	look := func() int {
		t.Helper()
		page, err := s.Calls(t.Context(), CallQuery{CallFilter: f})
		if err != nil {
			t.Fatal(err)
		}
		return len(page.Calls)
	}
	store := func(c *llm.Call) {
		t.Helper()
		row, err := AppendRow(nil, llm.Record{Call: c})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Insert(t.Context(), [][]byte{row}); err != nil {
			t.Fatal(err)
		}
	}
	// The day must exist: the engine remembers nothing of one that does not.
	store(&llm.Call{ID: "01M80C6DNW0KX4K0SVBYMJF2BD", Time: now, Source: llm.SourceGateway, Service: "there-before", Status: llm.StatusOK})
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := look(); n != 0 {
		t.Fatalf("%d calls of a service that does not exist", n)
	}
	c := &llm.Call{ID: "01M80C6DNW0KX4K0SVBYMJF2BE", Time: now, Source: llm.SourceGateway, Service: f.Service, Status: llm.StatusOK}
	store(c)
	from := time.Now()
	for look() == 0 {
		if time.Since(from) > 5*time.Second { // the engine's own cache lives for ten
			t.Fatal("the first call of a new service stays invisible")
		}
	}
}
