package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// project writes a program with a dependency that the module cache has, and
// returns its directory.
func project(t *testing.T, root string) string {
	t.Helper()
	goMod, err := os.ReadFile(filepath.Join(root, "../../go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	var kong string
	for line := range strings.Lines(string(goMod)) {
		if strings.Contains(line, "github.com/alecthomas/kong ") {
			kong = strings.TrimSpace(line)
		}
	}
	sums, err := os.ReadFile(filepath.Join(root, "../../go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/prog\n\ngo 1.26.0\n\nrequire " + kong + "\n", "go.sum": string(sums), "README.md": "read me\n",
		"main.go": "package main\n\nimport (\n\t\"fmt\"\n\n\t\"github.com/alecthomas/kong\"\n)\n\nvar version string\n\nfunc main() { fmt.Println(version, kong.Name(\"x\") != nil) }\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestReleasesAreReproducible builds in two directories and compares.
func TestReleasesAreReproducible(t *testing.T) {
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var first string
	for range 2 {
		dir := project(t, here)
		t.Chdir(dir)
		out := filepath.Join(dir, "dist")
		system := runtime.GOOS + "/" + runtime.GOARCH
		if err := run(t.Context(), []string{"-version", "v1.2.3", "-out", out, "-package", ".", "-name", "prog", "-docs", "README.md", "-systems", system + ",windows/amd64"}, io.Discard); err != nil {
			t.Fatal(err)
		}
		sums, err := os.ReadFile(filepath.Join(out, "SHA256SUMS"))
		if err != nil {
			t.Fatal(err)
		}
		if first == "" {
			first = string(sums)
			checkFiles(t, out)
		} else if diff := cmp.Diff(first, string(sums)); diff != "" {
			t.Errorf("another directory, other files (-first +second):\n%s", diff)
		}
	}
}

func checkFiles(t *testing.T, out string) {
	t.Helper()
	entries, err := os.ReadDir(out)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	here := runtime.GOOS + "_" + runtime.GOARCH
	want := []string{"SHA256SUMS", "prog_1.2.3_" + here + ".cdx.json", "prog_1.2.3_" + here + ".tar.gz", "prog_1.2.3_windows_amd64.cdx.json", "prog_1.2.3_windows_amd64.zip", "prog_" + here, "prog_windows_amd64.exe", "rootfs.tar"}
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	text, err := exec.Command(filepath.Join(out, "prog_"+here)).Output() //nolint:noctx // it ends at once
	if err != nil || string(text) != "v1.2.3 true\n" {
		t.Errorf("the program prints %q, %v", text, err)
	}
	z, err := zip.OpenReader(filepath.Join(out, "prog_1.2.3_windows_amd64.zip"))
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if len(z.File) != 2 || z.File[0].Name != "prog_1.2.3_windows_amd64/prog.exe" {
		t.Errorf("zip %v", z.File)
	}
	checkTar(t, filepath.Join(out, "prog_1.2.3_"+here+".tar.gz"))
	checkBill(t, filepath.Join(out, "prog_1.2.3_"+here+".cdx.json"))
}

func checkTar(t *testing.T, path string) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	g, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	modes := map[string]int64{}
	for r := tar.NewReader(g); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		modes[filepath.Base(h.Name)] = h.Mode
	}
	if diff := cmp.Diff(map[string]int64{"prog": 0o755, "README.md": 0o644}, modes); diff != "" {
		t.Errorf("tar (-want +got):\n%s", diff)
	}
}

func checkBill(t *testing.T, path string) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got bill
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range got.Components {
		names = append(names, c.Name)
		if !strings.HasPrefix(c.PURL, "pkg:golang/"+c.Name+"@") {
			t.Errorf("purl %s of %s", c.PURL, c.Name)
		}
	}
	if diff := cmp.Diff([]string{"std", "github.com/alecthomas/kong"}, names); diff != "" || got.Metadata.Component.Name != "prog" || len(got.Dependencies[0].DependsOn) != 2 {
		t.Errorf("bill %+v (-want +got):\n%s", got, diff)
	}
}

func TestReleaseRefuses(t *testing.T) {
	for _, args := range [][]string{{}, {"-version", "a b"}, {"-version", "v1", "-systems", "linux", "-out", t.TempDir()}} {
		if err := run(t.Context(), args, io.Discard); err == nil {
			t.Errorf("%v is taken", args)
		}
	}
}
