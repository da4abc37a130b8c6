package metrics

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

// TestPurgeLeavesNoByte removes a user's series from a store with blocks, with
// out-of-order samples and with a write-ahead log.
func TestPurgeLeavesNoByte(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "metrics")
	log := slog.New(slog.DiscardHandler)
	o := tsdb.DefaultOptions()
	o.OutOfOrderTimeWindow = time.Hour.Milliseconds()
	db, err := tsdb.Open(dir, log, nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now().UnixMilli()
	add := func(user string, at int64, v float64) {
		t.Helper()
		app := db.Appender(context.Background())
		if _, err := app.Append(0, labels.FromStrings(model.MetricNameLabel, "m", "user", user), at, v); err != nil {
			t.Fatal(err)
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	hour := time.Hour.Milliseconds()
	for i := range int64(8) { // of days before: these become blocks
		for _, user := range []string{"canaryuser", "other"} {
			add(user, now-48*hour+i*hour, float64(i))
		}
	}
	if err := db.CompactHead(tsdb.NewRangeHead(db.Head(), db.Head().MinTime(), db.Head().MaxTime())); err != nil {
		t.Fatal(err)
	}
	for _, user := range []string{"canaryuser", "other"} {
		add(user, now, 100)
		add(user, now-hour/2, 50) // out of order
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if hits, _, err := residue.Find(dir, "canaryuser"); err != nil || len(hits) < 2 {
		t.Fatalf("the user is not in blocks and log: %v %v", hits, err)
	}
	if err := Purge(t.Context(), dir, []Doomed{{Label: "user", Value: "canaryuser", Everybodys: true}}, log); err != nil {
		t.Fatal(err)
	}
	hits, _, err := residue.Find(filepath.Dir(dir), "canaryuser")
	if err != nil || len(hits) > 0 {
		t.Errorf("left: %v %v", hits, err)
	}
	db, err = tsdb.Open(dir, log, nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	q, err := db.Querier(0, now+1)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	set := q.Select(t.Context(), false, nil, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, "m"))
	samples := 0
	for set.Next() {
		if got := set.At().Labels().Get("user"); got != "other" {
			t.Errorf("series of %q", got)
		}
		it := set.At().Iterator(nil)
		for it.Next() != 0 {
			samples++
		}
	}
	if samples != 10 || set.Err() != nil {
		t.Errorf("%d samples of the other user are left, want 10: %v", samples, set.Err())
	}
}

// TestCutPurgeIsFinished ends the process before and after each of the two renames
// that put the new store in place.
func TestCutPurgeIsFinished(t *testing.T) {
	for _, cut := range []string{"before the renames", "between the renames", "after the renames"} {
		dir := filepath.Join(t.TempDir(), "metrics")
		log := slog.New(slog.DiscardHandler)
		fill := func(dir string, users ...string) {
			t.Helper()
			db, err := tsdb.Open(dir, log, nil, tsdb.DefaultOptions(), nil)
			if err != nil {
				t.Fatal(err)
			}
			app := db.Appender(t.Context())
			for _, user := range users {
				if _, err := app.Append(0, labels.FromStrings(model.MetricNameLabel, "m", "user", user), time.Now().UnixMilli(), 1); err != nil {
					t.Fatal(err)
				}
			}
			if err := errors.Join(app.Commit(), db.Close()); err != nil {
				t.Fatal(err)
			}
		}
		switch cut {
		case "before the renames":
			fill(dir, "canaryuser", "other")
			fill(dir+".purged", "other")
		case "between the renames":
			fill(dir+".before-purge", "canaryuser", "other")
			fill(dir+".purged", "other")
		case "after the renames":
			fill(dir+".before-purge", "canaryuser", "other")
			fill(dir, "other")
		}
		if err := Purge(t.Context(), dir, []Doomed{{Label: "user", Value: "canaryuser", Everybodys: true}}, log); err != nil {
			t.Fatal(cut, err)
		}
		if hits, _, err := residue.Find(filepath.Dir(dir), "canaryuser"); err != nil || len(hits) > 0 {
			t.Errorf("%s: left: %v %v", cut, hits, err)
		}
		if hits, _, err := residue.Find(dir, "other"); err != nil || len(hits) == 0 {
			t.Errorf("%s: the others' series are lost: %v", cut, err)
		}
	}
}
