package metrics

import (
	"context"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

// TestPurgeOfATenant removes the series of a tenant's user and leaves those of
// another tenant's user of the same name.
func TestPurgeOfATenant(t *testing.T) {
	now := time.Now().UnixMilli()
	for name, c := range map[string]struct {
		doomed []Doomed
		left   []string // tenants whose series of u are left
		shared bool     // u is still in the files
		own    bool     // the user that acme alone has is
	}{
		"one tenant's":  {[]Doomed{{Label: "user", Value: "canaryuser", Tenant: "acme"}, {Label: "user", Value: "canaryown", Tenant: "acme"}}, []string{"", "beta"}, true, false},
		"the default's": {[]Doomed{{Label: "user", Value: "canaryuser"}}, []string{"acme", "beta"}, true, true},
		"everybody's":   {[]Doomed{{Label: "user", Value: "canaryuser", Everybodys: true}}, nil, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "metrics")
			log := slog.New(slog.DiscardHandler)
			db, err := tsdb.Open(dir, log, nil, tsdb.DefaultOptions(), nil)
			if err != nil {
				t.Fatal(err)
			}
			app := db.Appender(context.Background())
			for _, l := range []labels.Labels{
				labels.FromStrings(model.MetricNameLabel, "m", "user", "canaryuser"), labels.FromStrings(model.MetricNameLabel, "m", "user", "canaryuser", "tenant", "acme"),
				labels.FromStrings(model.MetricNameLabel, "m", "user", "canaryuser", "tenant", "beta"), labels.FromStrings(model.MetricNameLabel, "m", "user", "canaryown", "tenant", "acme"),
			} {
				if _, err := app.Append(0, l, now, 1); err != nil {
					t.Fatal(err)
				}
			}
			if err := app.Commit(); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			if err := Purge(t.Context(), dir, c.doomed, log); err != nil {
				t.Fatal(err)
			}
			for word, want := range map[string]bool{"canaryuser": c.shared, "canaryown": c.own} {
				if hits, _, err := residue.Find(filepath.Dir(dir), word); err != nil || len(hits) > 0 != want {
					t.Errorf("%s is in the files: %v %v", word, hits, err)
				}
			}
			if db, err = tsdb.Open(dir, log, nil, tsdb.DefaultOptions(), nil); err != nil {
				t.Fatal(err)
			}
			defer db.Close()
			q, err := db.Querier(0, now+1)
			if err != nil {
				t.Fatal(err)
			}
			defer q.Close()
			set := q.Select(t.Context(), true, nil, labels.MustNewMatcher(labels.MatchEqual, "user", "canaryuser"))
			left := map[string]bool{}
			for set.Next() {
				left[set.At().Labels().Get("tenant")] = true
			}
			for _, want := range c.left {
				if !left[want] {
					t.Errorf("the series of %q are gone", want)
				}
			}
			if len(left) != len(c.left) || set.Err() != nil {
				t.Errorf("left are those of %v, want %v (%v)", left, c.left, set.Err())
			}
		})
	}
}
