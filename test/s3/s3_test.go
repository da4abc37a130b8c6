package s3

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/pitot-dev/pitot/internal/backup"
	"github.com/pitot-dev/pitot/internal/blob"
)

// bucket starts a server and returns a store in one of its buckets, with the
// number of requests that the server got. Requests fail while down is set.
func bucket(t *testing.T) (store blob.Store, requests *atomic.Int64, down *atomic.Bool) {
	t.Helper()
	backend := s3mem.New()
	if err := backend.CreateBucket("data"); err != nil {
		t.Fatal(err)
	}
	requests, down = new(atomic.Int64), new(atomic.Bool)
	fake := gofakes3.New(backend, gofakes3.WithLogger(gofakes3.DiscardLog())).Server()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		if down.Load() {
			http.Error(w, "down", http.StatusForbidden) // not one that is tried again for minutes
			return
		}
		fake.ServeHTTP(w, r)
	}))
	t.Cleanup(srv.Close)
	t.Setenv(endpointEnv, srv.URL)
	store, err := blob.Open("s3://data/pitot/here", blob.S3{Endpoint: srv.URL, AccessKey: "test", SecretKey: strings.Repeat("x", 16)})
	if err != nil {
		t.Fatal(err)
	}
	return store, requests, down
}

const endpointEnv = "AWS_ENDPOINT_URL_S3"

// endpoint is that of the server that bucket started.
func endpoint(t *testing.T) string {
	t.Helper()
	return os.Getenv(endpointEnv)
}

func TestObjects(t *testing.T) {
	s, _, _ := bucket(t)
	ctx := t.Context()
	if _, err := s.Get(ctx, "none"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Get of nothing: %v", err)
	}
	if _, err := s.Stat(ctx, "none"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("Stat of nothing: %v", err)
	}
	if err := s.Delete(ctx, "none"); err != nil {
		t.Errorf("Delete of nothing: %v", err)
	}
	// One that is sent in parts, one that is empty.
	big := bytes.Repeat([]byte("0123456789abcdef"), 40<<20/16)
	for key, content := range map[string][]byte{"a/big": big, "a/small": []byte("small"), "b/empty": nil} {
		if err := s.Put(ctx, key, bytes.NewReader(content), int64(len(content))); err != nil {
			t.Fatalf("Put(%s): %v", key, err)
		}
		r, err := s.Get(ctx, key)
		if err != nil {
			t.Fatalf("Get(%s): %v", key, err)
		}
		got, err := io.ReadAll(r)
		r.Close()
		if err != nil || !bytes.Equal(got, content) {
			t.Errorf("Get(%s): %d bytes, %v; want %d", key, len(got), err, len(content))
		}
		if i, err := s.Stat(ctx, key); err != nil || i.Size != int64(len(content)) {
			t.Errorf("Stat(%s) = %+v, %v", key, i, err)
		}
	}
	var keys []string
	for i, err := range s.List(ctx, "a/") {
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, i.Key)
	}
	if strings.Join(keys, " ") != "a/big a/small" {
		t.Errorf("List = %v", keys)
	}
	for _, err := range s.List(ctx, "") {
		if err != nil {
			t.Error(err)
		}
		break // a reader may stop early
	}
	if err := s.Put(ctx, "short", strings.NewReader("cut"), 10); err == nil {
		t.Error("a short object was stored")
	}
	if _, err := s.Stat(ctx, "short"); !errors.Is(err, blob.ErrNotFound) {
		t.Errorf("a short object is there: %v", err)
	}
	other, err := blob.Open("s3://no-such-bucket", blob.S3{Endpoint: "http://127.0.0.1:1", AccessKey: "a", SecretKey: "b"})
	if err != nil || other.String() != "s3://no-such-bucket/" {
		t.Errorf("Open = %v, %v", other, err)
	}
}

// TestBackup makes backups in a bucket, restores them, and finds damage.
func TestBackup(t *testing.T) {
	s, requests, down := bucket(t)
	ctx := t.Context()
	dir := t.TempDir()
	part := filepath.Join(dir, "events", "partitions", "20260101", "datadb", "01")
	if err := os.MkdirAll(part, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{filepath.Join(part, "values.bin"): strings.Repeat("values", 1000), filepath.Join(dir, "budgets.json"): "{}"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	repo, err := backup.Open(ctx, s, true)
	if err != nil {
		t.Fatal(err)
	}
	first, err := repo.Create(ctx, backup.Source{Dir: dir}, nil)
	if err != nil || first.Added != 2 {
		t.Fatal(first, err)
	}
	before := requests.Load()
	second, err := repo.Create(ctx, backup.Source{Dir: dir}, nil)
	if err != nil || second.Added != 0 {
		t.Fatal(second, err)
	}
	t.Logf("an incremental backup without news: %d requests", requests.Load()-before)
	to := filepath.Join(t.TempDir(), "restored")
	if err := repo.Restore(ctx, second, to, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(filepath.Join(to, "budgets.json")); err != nil || string(b) != "{}" {
		t.Errorf("restored %q, %v", b, err)
	}
	f := second.Files[0]
	if err := s.Put(ctx, "objects/"+f.SHA256[:2]+"/"+f.SHA256, strings.NewReader(strings.Repeat("!", int(f.Size))), f.Size); err != nil {
		t.Fatal(err)
	}
	if faults, err := repo.Verify(ctx, second, nil); err != nil || len(faults) != 1 {
		t.Errorf("Verify of a damaged backup: %v, %v", faults, err)
	}
	down.Store(true)
	if _, err := repo.Create(ctx, backup.Source{Dir: dir}, nil); err == nil {
		t.Error("a backup to a place that refuses succeeded")
	}
}
