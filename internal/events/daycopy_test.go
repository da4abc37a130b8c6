package events

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

// rowsOfDay are the rows of a day by their keys, sorted.
func rowsOfDay(t *testing.T, s *Store, day string) (keys []string, file []byte) {
	t.Helper()
	var b bytes.Buffer
	if err := s.WriteDay(t.Context(), day, &b); err != nil {
		t.Fatal(err)
	}
	for line := range bytes.Lines(b.Bytes()) {
		var c copiedRow
		if err := json.Unmarshal(line, &c); err != nil {
			t.Fatal(err)
		}
		// The engine reads decimal fractions to within the last digit.
		maps.DeleteFunc(c.Fields, func(_, v string) bool { return strings.Contains(v, ".") })
		key, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, string(key))
	}
	slices.Sort(keys)
	return keys, b.Bytes()
}

func TestADayIsCopiedAsItIs(t *testing.T) {
	s, _ := ownEngine(t)
	s.tenants = []string{"acme"}
	r := rand.New(rand.NewPCG(21, 22))
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(-60 * time.Hour).Truncate(time.Microsecond)
	var recs []llm.Record
	const n = 300      // with their spans and content more than a batch
	for i := range n { // in several hours
		c := spokenCall(r, at.Add(time.Duration(i)*25*time.Second), "copied", "words")
		c.Tenant = []string{"", "acme"}[i%2]
		span := spokenSpan(r, c.Time.Add(time.Second), c, "words")
		span.Tenant = c.Tenant
		recs = append(recs, llm.Record{Call: c}, llm.Record{Span: span})
	}
	insertAs(t, s, apart, recs...)
	if _, err := s.rollupAll(t.Context()); err != nil {
		t.Fatal(err)
	}
	day := at.Format(DayLayout)
	before, file := rowsOfDay(t, s, day)
	// The rollups are in it, too, and the content.
	if len(before) < 3*n {
		t.Fatalf("%d rows of the day", len(before))
	}
	whole, err := s.Call(t.Context(), recs[0].Call.ID)
	if err != nil {
		t.Fatal(err)
	}
	// All are there: nothing is added.
	if err := s.AddToDay(t.Context(), day, bytes.NewReader(file)); err != nil {
		t.Fatal(err)
	}
	if now, _ := rowsOfDay(t, s, day); !slices.Equal(now, before) {
		t.Fatalf("%d rows, want the %d of before", len(now), len(before))
	}
	// Some are missing, of both tenants; a second time changes nothing.
	for tenant, kinds := range map[string][]string{"": {"call"}, "acme": {"span", "rollup"}} {
		n, err := s.Clean(llm.WithTenant(t.Context(), tenant), Cleaning{Range: Range{End: at.Add(24 * time.Hour).Truncate(24 * time.Hour)}, Kinds: kinds})
		if err != nil || len(n) == 0 {
			t.Fatal(n, err)
		}
	}
	if now, _ := rowsOfDay(t, s, day); len(now) >= len(before) {
		t.Fatal("nothing was removed")
	}
	s.SetHot(at.Add(48 * time.Hour))
	var added []string
	for i := range 2 {
		if err := s.AddToDay(t.Context(), day, bytes.NewReader(file)); err != nil {
			t.Fatal(err)
		}
		now, _ := rowsOfDay(t, s, day)
		for _, row := range before {
			if _, ok := slices.BinarySearch(now, row); !ok {
				t.Fatalf("missing: %s", row)
			}
		}
		if i > 0 && !slices.Equal(added, now) {
			t.Errorf("%d rows, then %d", len(added), len(now))
		}
		added = now
	}
	// The totals are those of what is there now, though the day takes no rows.
	whole24 := Range{at.Truncate(24 * time.Hour), at.Truncate(24 * time.Hour).Add(24 * time.Hour)}
	for _, tenant := range []string{"", "acme"} {
		costs, err := s.Costs(llm.WithTenant(t.Context(), tenant), CostQuery{CallFilter: CallFilter{Range: whole24}, By: []string{"service"}, Limit: 10})
		if err != nil || len(costs) != 1 || costs[0].Totals.Calls != n/2 {
			t.Errorf("totals of tenant %q: %+v, %v", tenant, costs, err)
		}
	}
	again, err := s.Call(t.Context(), recs[0].Call.ID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(whole, again, cmp.Exporter(func(reflect.Type) bool { return true }), cmpopts.EquateApprox(1e-9, 0)); diff != "" {
		t.Errorf("the call (-before +now):\n%s", diff)
	}
	if err := s.AddToDay(t.Context(), day, bytes.NewReader([]byte("garbage\n"))); err == nil {
		t.Error("garbage was taken for rows")
	}
}

// TestNoRowIsOnItsWayToAColdDay: when SetHot has returned, an insert that began
// before it is done, and one that begins later is refused.
func TestNoRowIsOnItsWayToAColdDay(t *testing.T) {
	s := testStore(t)
	r := rand.New(rand.NewPCG(23, 24))
	at := time.Now().UTC().Truncate(24 * time.Hour).Add(-60 * time.Hour)
	s.hotGate.RLock() // an insert is under way
	done := make(chan struct{})
	go func() {
		s.SetHot(at.Add(time.Second))
		close(done)
	}()
	testkit.Eventually(t, "SetHot waits", func() bool {
		free := s.hotGate.TryRLock()
		if free {
			s.hotGate.RUnlock()
		}
		return !free
	})
	select {
	case <-done:
		t.Error("SetHot did not wait for the insert")
	default:
	}
	s.hotGate.RUnlock()
	<-done
	row, err := AppendRow(nil, llm.Record{Call: randomCall(r, at, "cold")})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Insert(t.Context(), [][]byte{row}); err == nil {
		t.Error("a row of a cold day was taken")
	}
	if err := s.insertAt(t.Context(), at, row); err == nil {
		t.Error("a rollup of a cold day was taken")
	}
}
