package metrics

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestReferenceIsUpToDate(t *testing.T) {
	golden(t, filepath.Join(repoRoot(t), "docs", "metrics.md"), Reference())
}

func TestFamiliesAreWellFormed(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range Families() {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
		if !strings.HasSuffix(f.Help, ".") {
			t.Errorf("%s: the help is no sentence: %q", f.Name, f.Help)
		}
		if (f.Type == TypeHistogram) != (len(f.Buckets) > 0) {
			t.Errorf("%s: %s with %d buckets", f.Name, f.Type, len(f.Buckets))
		}
		for i := 1; i < len(f.Buckets); i++ {
			if f.Buckets[i] <= f.Buckets[i-1] {
				t.Errorf("%s: bucket %v does not follow %v", f.Name, f.Buckets[i], f.Buckets[i-1])
			}
		}
		if f.Type == TypeCounter && !strings.HasSuffix(f.Name, "_total") && !f.StoreOnly {
			t.Errorf("%s: a counter ends in _total", f.Name)
		}
	}
	// The own label of a family is what its cells are told apart by.
	table := families()
	for id := range table {
		if own, ok := ownLabel(familyID(id)); ok && table[id].Labels[len(table[id].Labels)-1] != own {
			t.Errorf("%s: the last label is %v, its cells use %s", table[id].Name, table[id].Labels, own)
		}
	}
}
