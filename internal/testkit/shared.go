package testkit

import (
	"os"
	"path/filepath"
	"testing"
)

// SharedEnv is the environment variable that names the directory of shared
// test data.
const SharedEnv = "PITOT_SHARED"

// RepoRoot returns the directory of the go.mod above the test.
func RepoRoot(tb testing.TB) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatalf("find the repository: %v", err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			tb.Fatal("find the repository: no go.mod above the working directory")
		}
		dir = up
	}
}

// SharedDir returns the path of elem below the shared test data, which lie in
// ../shared/data beside the repository, or skips the test where they are
// absent.
func SharedDir(tb testing.TB, elem ...string) string {
	tb.Helper()
	root := os.Getenv(SharedEnv)
	if root == "" {
		root = filepath.Join(RepoRoot(tb), "..", "shared", "data")
	}
	path := filepath.Join(append([]string{root}, elem...)...)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("shared data not found: %v: set %s to the directory that holds it", err, SharedEnv)
	}
	return path
}
