package testkit

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// updateFlag is the name of the flag that rewrites golden files.
const updateFlag = "update"

// GoldenFlag defines the -update flag. A test package calls it once, as a
// package variable: `var update = testkit.GoldenFlag()`.
func GoldenFlag() *bool {
	return flag.Bool(updateFlag, false, "rewrite the golden files under testdata")
}

// Golden compares got with testdata/name, or writes it there where update is
// true.
func Golden(tb testing.TB, update bool, name string, got []byte) {
	tb.Helper()
	path := filepath.Join("testdata", name)
	if update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, got, 0o644); err != nil {
			tb.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("golden file: %v: run the test with -%s to write it", err, updateFlag)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		tb.Errorf("%s differs (-want +got); if that is meant, run the test with -%s:\n%s", path, updateFlag, d)
	}
}
