package server

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestNoRowComesWhileADayIsDropped: a row of another tenant that came after the
// look who has rows of a day went with it, and the engine takes rows of a day that
// it has let go of and keeps none.
func TestNoRowComesWhileADayIsDropped(t *testing.T) {
	dir := t.TempDir()
	at := time.Now().UTC().AddDate(0, 0, -5).Truncate(24 * time.Hour)
	day := at.Format(events.DayLayout)
	partition := filepath.Join(dir, "events", "partitions", day)
	if err := os.MkdirAll(partition, 0o700); err != nil {
		t.Fatal(err)
	}
	var store *events.Store
	var inserting sync.Once
	var arrived, lost atomic.Bool
	done := make(chan error, 1)
	insert := func() { // a late row of acme
		row, err := events.AppendRow(nil, llm.Record{Call: &llm.Call{ID: "late", Tenant: "acme", Time: at.Add(time.Hour), Source: llm.SourceOTLP}})
		if err == nil {
			err = store.Insert(t.Context(), [][]byte{row})
		}
		done <- err
	}
	looked := false
	engine := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any
		switch {
		case strings.HasSuffix(r.URL.Path, "/partition/list"):
			answer = []string{day}
		case strings.HasSuffix(r.URL.Path, "/tenant_ids"):
			looked = true
			answer = []map[string]int{{"account_id": 0, "project_id": 0}}
		case strings.HasSuffix(r.URL.Path, "/partition/detach"):
			inserting.Do(func() { go insert() })
			testkit.Eventually(t, "the row has arrived or waits", func() bool { return arrived.Load() || testkit.Blocked("events.(*Store).insert") })
		case strings.HasPrefix(r.URL.Path, "/insert/"):
			if _, err := os.Stat(partition); err == nil && looked {
				lost.Store(true)
			}
			arrived.Store(true)
		}
		if answer != nil {
			_ = json.NewEncoder(w).Encode(answer)
		}
	}))
	defer engine.Close()
	var err error
	if store, err = events.New(events.Endpoint{InsertURL: engine.URL}, events.Options{}); err != nil {
		t.Fatal(err)
	}
	s := &Server{opts: Options{DataDir: dir}, events: store}
	days, err := s.dropWholeDays(t.Context(), events.Cleaning{Range: events.Range{End: at.AddDate(0, 0, 2)}})
	if err != nil || len(days) != 1 {
		t.Fatal(fmt.Sprint(days), err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if lost.Load() {
		t.Error("the engine got a row of the day before the day was gone")
	}
	if !arrived.Load() {
		t.Error("the late row did not come afterwards")
	}
	if left, err := os.ReadDir(filepath.Dir(partition)); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}
