//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"testing"
)

// TestDataDirectory sees that the configuration can say where data goes, and
// that nobody else on the machine can read it.
func TestDataDirectory(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "elsewhere")
	s := serve(t, setup{config: "storage: {dir: " + dir + "}\n"}).ready()
	for _, part := range []string{"", "journal", "events", "metrics"} {
		st, err := os.Stat(filepath.Join(dir, part))
		if err != nil {
			t.Fatal(err)
		}
		if part == "" && st.Mode().Perm() != 0o700 {
			t.Errorf("%s has mode %v, want 0700", dir, st.Mode().Perm())
		}
	}
	if _, err := os.Stat(s.data); !os.IsNotExist(err) {
		t.Errorf("the directory of the command line exists too: %v", err)
	}
	s.stop()
}
