//go:build linux

package e2e

import (
	"archive/tar"
	"compress/gzip"
	bin "encoding/binary"
	"encoding/json"
	"errors"
	"flag"
	"hash/crc32"
	"io"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// writeRelease makes the files of a release: go test ./test/e2e -run
// TestOpensDataOfReleases -args -write-release=NAME. They are never made again
// for a release that is out.
var writeRelease = flag.String("write-release", "", "write the data of this version as testdata of the release NAME")

// releaseConfig keeps data for a lifetime: that of a release grows old.
const releaseConfig = `
storage: {events: {retention: 36500d}, metrics: {retention: 36500d}}
budgets:
  - {name: all, limit: 1000000, unit: tokens, period: 366d}
`

// asked is a question with its answer, as the release gave it.
type asked struct {
	Path   string     `json:"path"`
	Query  url.Values `json:"query"`
	Answer string     `json:"answer"`
}

// TestOpensDataOfReleases restores a backup that each release made and compares
// the answers about it with those that the release gave. A backup holds every
// format that Pitot writes: its own manifest, the journal with records that are
// not delivered, accounts, silences, and what the engines write.
func TestOpensDataOfReleases(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{TruthSize: 1 << 12})
	config := upstreamConfig(up.url) + releaseConfig
	if *writeRelease != "" {
		makeRelease(t, config, *writeRelease)
	}
	archives, err := filepath.Glob("testdata/releases/*.tar.gz")
	if err != nil || len(archives) == 0 {
		t.Fatal("no release's data is in testdata/releases", err)
	}
	for _, archive := range archives {
		t.Run(filepath.Base(archive), func(t *testing.T) {
			repo, data := filepath.Join(t.TempDir(), "backup"), filepath.Join(t.TempDir(), "data")
			unpackArchive(t, archive, repo)
			if out, stderr, code := pitot(t, nil, "backup", "verify", repo); code != 0 {
				t.Fatalf("verify: %s%s", out, stderr)
			}
			if out, stderr, code := pitot(t, nil, "restore", repo, "--data", data); code != 0 {
				t.Fatalf("restore: %s%s", out, stderr)
			}
			s := serve(t, setup{config: config, data: data}).ready()
			testkit.Eventually(t, "the journal of the release is stored", func() bool { return s.ledger("gateway").InFlight == 0 })
			b, err := os.ReadFile(strings.TrimSuffix(archive, ".tar.gz") + ".json")
			if err != nil {
				t.Fatal(err)
			}
			var want []asked
			if err := json.Unmarshal(b, &want); err != nil {
				t.Fatal(err)
			}
			for _, w := range want {
				q := question{w.Path, w.Query}
				got := answers(s, []question{q})[withQuery(q.path, q.q)]
				if w.Path == silencesPath {
					got = strings.Join(silences(s), "\n")
				} else {
					w.Answer = canonical(t, w.Path, w.Answer)
				}
				if diff := cmp.Diff(w.Answer, got); diff != "" {
					t.Errorf("%s (-as the release answered +now):\n%s", withQuery(q.path, q.q), diff)
				}
			}
			s.stop()
		})
	}
}

const silencesPath = "/alertmanager/api/v2/silences"

func makeRelease(t *testing.T, config, name string) {
	t.Helper()
	s := serve(t, setup{config: config}).ready()
	start := time.Now().Add(-time.Second).Truncate(time.Second).UTC()
	sendKnown(t, s)
	s.waitPromQL(`sum(llm_requests_total{service="before"})`, 40)
	end := time.Now().UTC().Truncate(time.Second).Add(time.Second)
	var all []asked
	const own = "/api/pitot/v1"
	r := url.Values{"start": {start.Format(time.RFC3339)}, "end": {end.Format(time.RFC3339)}, "service": {"before"}}
	repo := filepath.Join(t.TempDir(), "backup")
	if out, stderr, code := pitot(t, nil, "backup", repo, "--server", s.api); code != 0 {
		t.Fatalf("backup: %s%s", out, stderr)
	}
	if left := s.ledger("gateway").InFlight; left == 0 {
		t.Fatal("everything was stored before the backup was made: the journal in it would be empty")
	}
	for _, q := range []question{
		{own + "/facets", r},
		{"/select/logsql/query", url.Values{"start": r["start"], "end": r["end"], "query": {`{kind="log"} | fields _time, _msg, id | sort by (_time, id)`}}},
		{"/select/logsql/query", url.Values{"start": r["start"], "end": r["end"], "query": {`{kind="call"} | fields id, service, user, session, request_model, usage.output_tokens, cost.usd, status | sort by (id)`}}},
		{"/api/v1/query", url.Values{"query": {`sort_by_label(sum by (type) (llm_tokens_total{service="before"}), "type")`}, "time": {end.Format(time.RFC3339)}}},
		{silencesPath, nil},
	} {
		a := answers(s, []question{q})[withQuery(q.path, q.q)]
		if q.path == silencesPath {
			a = strings.Join(silences(s), "\n")
		}
		all = append(all, asked{q.path, q.q, a})
	}
	b, err := json.MarshalIndent(all, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	s.stop()
	if err := os.MkdirAll("testdata/releases", 0o755); err != nil {
		t.Fatal(err)
	}
	pack(t, repo, filepath.Join("testdata/releases", name+".tar.gz"))
	write(t, filepath.Join("testdata/releases", name+".json"), string(b))
}

func pack(t *testing.T, dir, archive string) {
	t.Helper()
	f, err := os.Create(archive)
	if err != nil {
		t.Fatal(err)
	}
	z := gzip.NewWriter(f)
	w := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		err = w.WriteHeader(&tar.Header{Name: filepath.ToSlash(rel), Mode: 0o600, Size: int64(len(b)), Typeflag: tar.TypeReg})
		if err == nil {
			_, err = w.Write(b)
		}
		return err
	})
	if err = errors.Join(err, w.Close(), z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

func unpackArchive(t *testing.T, archive, dir string) {
	t.Helper()
	f, err := os.Open(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		if !filepath.IsLocal(h.Name) {
			t.Fatalf("%s: %s", archive, h.Name)
		}
		name := filepath.Join(dir, filepath.FromSlash(h.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		write(t, name, string(b))
	}
}

// TestNewerFilesAreRefused starts a server on files of a later version: it must
// say so and leave them as they are.
func TestNewerFilesAreRefused(t *testing.T) {
	t.Parallel()
	repo := filepath.Join(t.TempDir(), "backup")
	archives, err := filepath.Glob("testdata/releases/*.tar.gz")
	if err != nil || len(archives) == 0 {
		t.Fatal("no release's data is in testdata/releases", err)
	}
	unpackArchive(t, archives[len(archives)-1], repo)
	for name, tt := range map[string]struct {
		file, old, later, want string
	}{
		"data":    {"pitot-data.json", `"version":1`, `"version":2`, "format 2"},
		"journal": {"journal/0*", "PITOTJNL\x01", "PITOTJNL\x02", "version"},
		"purge":   {"metrics-purge.json", "", `{"version":3,"values":{}}`, "version 3"},
	} {
		t.Run(name, func(t *testing.T) {
			data := filepath.Join(t.TempDir(), "data")
			if out, stderr, code := pitot(t, nil, "restore", repo, "--data", data); code != 0 {
				t.Fatalf("restore: %s%s", out, stderr)
			}
			later := 0
			if tt.old == "" {
				write(t, filepath.Join(data, tt.file), tt.later)
				later++
			} else {
				files, err := filepath.Glob(filepath.Join(data, filepath.FromSlash(tt.file)))
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range files {
					b, err := os.ReadFile(f)
					if err != nil {
						t.Fatal(err)
					}
					text := strings.Replace(string(b), tt.old, tt.later, 1)
					if name == "journal" {
						text = reseal(text)
					}
					if text != string(b) {
						later++
						write(t, f, text)
					}
				}
			}
			if later == 0 {
				t.Fatalf("no file %s holds %q", tt.file, tt.old)
			}
			_, stderr, code := pitot(t, nil, "serve", "--data", data, "--listen.api", "127.0.0.1:0", "--listen.gateway", "127.0.0.1:0", "--listen.otlp-grpc=", "--listen.otlp-http=")
			if code == 0 || !strings.Contains(stderr, tt.want) {
				t.Errorf("exit %d, want %q in: %s", code, tt.want, stderr)
			}
		})
	}
	// The same for backups.
	manifests, err := filepath.Glob(filepath.Join(repo, "backups", "*"))
	if err != nil || len(manifests) != 1 {
		t.Fatal(manifests, err)
	}
	b, err := os.ReadFile(manifests[0])
	if err != nil {
		t.Fatal(err)
	}
	write(t, manifests[0], strings.Replace(string(b), "pitot-backup 1 ", "pitot-backup 2 ", 1))
	if _, stderr, code := pitot(t, nil, "restore", repo, "--data", filepath.Join(t.TempDir(), "data")); code == 0 || !strings.Contains(stderr, "newer Pitot") {
		t.Errorf("restore of a newer backup: exit %d: %s", code, stderr)
	}
}

// reseal corrects the checksum of the first fragment of a journal's segment.
func reseal(segment string) string {
	b := []byte(segment)
	const head = 7 // type, length, CRC-32C
	if len(b) < head {
		return segment
	}
	n := int(bin.BigEndian.Uint16(b[1:]))
	bin.BigEndian.PutUint32(b[3:], crc32.Checksum(b[head:head+n], crc32.MakeTable(crc32.Castagnoli)))
	return string(b)
}
