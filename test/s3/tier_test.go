package s3

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/tier"
)

// engine holds days as directories.
type engine struct{ dir, aside string }

func (e engine) path(day string) string { return filepath.Join(e.dir, "partitions", day) }

func (e engine) Days(context.Context) (days []string, err error) {
	entries, err := os.ReadDir(filepath.Join(e.dir, "partitions"))
	for _, d := range entries {
		if _, err := os.Stat(filepath.Join(e.path(d.Name()), "detached")); err != nil {
			days = append(days, d.Name())
		}
	}
	return days, err
}

func (e engine) SnapshotDay(_ context.Context, day string) (string, error) {
	to := filepath.Join(e.aside, day)
	return to, os.CopyFS(to, os.DirFS(e.path(day)))
}

func (e engine) DetachDay(_ context.Context, day string) error {
	return os.WriteFile(filepath.Join(e.path(day), "detached"), nil, 0o600)
}

func (e engine) AttachDay(_ context.Context, day string) error {
	_, err := os.Stat(filepath.Join(e.path(day), "rows"))
	return err
}

func (e engine) WriteDay(_ context.Context, day string, w io.Writer) error {
	b, err := os.ReadFile(filepath.Join(e.path(day), "rows"))
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func (engine) AddToDay(context.Context, string, io.Reader) error {
	return errors.New("no day is put together here")
}

func (engine) SetHot(time.Time) {}

// TestTier moves days into a bucket and brings them back, and keeps them while
// the bucket refuses.
func TestTier(t *testing.T) {
	_, _, down := bucket(t)
	e := engine{t.TempDir(), t.TempDir()}
	now := time.Now().UTC()
	day := func(ago int) string { return now.AddDate(0, 0, -ago).Format("20060102") }
	for i := range 6 {
		if err := os.MkdirAll(e.path(day(i)), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(e.path(day(i)), "rows"), []byte(day(i)+strings.Repeat("!", 100_000)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := tier.DefaultConfig()
	c.Location, c.Endpoint, c.AccessKey, c.SecretKey = "s3://data/cold", endpoint(t), "test", strings.Repeat("x", 16)
	m, err := tier.New(tier.Options{Config: c, Dir: e.dir, Hot: 48 * time.Hour, Engine: e, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	down.Store(true)
	if err := m.Round(t.Context()); err == nil {
		t.Error("a round without a bucket succeeded")
	}
	if days, err := e.Days(t.Context()); err != nil || len(days) != 6 {
		t.Errorf("days %v, %v", days, err)
	}
	down.Store(false)
	if err := m.Round(t.Context()); err != nil {
		t.Fatal(err)
	}
	if days, err := e.Days(t.Context()); err != nil || len(days) != 3 {
		t.Errorf("days %v, %v", days, err)
	}
	if missing := m.Want(t.Context(), now.AddDate(0, 0, -5), now); len(missing) > 0 {
		t.Errorf("missing %v", missing)
	}
	for i := range 6 {
		if b, err := os.ReadFile(filepath.Join(e.path(day(i)), "rows")); err != nil || !strings.HasPrefix(string(b), day(i)) || len(b) != 100_008 {
			t.Errorf("day %d ago: %d bytes, %v", i, len(b), err)
		}
	}
}
