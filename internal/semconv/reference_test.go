package semconv

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestReference keeps docs/telemetry-fields.md equal to the table.
func TestReference(t *testing.T) {
	path := filepath.Join(testkit.RepoRoot(t), "docs", "telemetry-fields.md")
	got := Reference()
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("docs/telemetry-fields.md is not what the table says; run the test with -update (-page +table):\n%s", d)
	}
}

// TestTable checks the table itself.
func TestTable(t *testing.T) {
	seen := map[field]bool{}
	for _, r := range table() {
		if seen[r.field] {
			t.Errorf("%s: two rows for one field", r.name)
		}
		seen[r.field] = true
		if r.name == "" || len(r.sources) == 0 {
			t.Errorf("row %d has no name or no sources", r.field)
		}
		keys := map[string]bool{}
		for _, s := range r.sources {
			if keys[s.key] {
				t.Errorf("%s: %s stands twice", r.name, s.key)
			}
			keys[s.key] = true
		}
		if r.field == fOperation && len(r.sources) >= maxOperations {
			t.Errorf("%d sources of the operation, room for %d", len(r.sources), maxOperations-1)
		}
	}
	for f := noField + 1; f < numFields; f++ {
		if !seen[f] {
			t.Errorf("field %d has no row", f)
		}
	}
	for _, p := range prefixes() {
		if p.since != "" && dialectOf(p.since) == dNone {
			t.Errorf("prefix %s: no dialect is called %q", p.key, p.since)
		}
	}
	for word := range roles() {
		if word != strings.ToLower(word) {
			t.Errorf("role %q is not in lower case", word)
		}
	}
}
