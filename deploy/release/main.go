// Command release builds Pitot for all systems, reproducibly: the same source
// and version make the same files, in whatever directory and on whatever day.
//
//	go run ./deploy/release -version v1.2.3 -out dist
//
// It writes an archive a system, the bare binaries, a bill of materials a system
// (CycloneDX), the file tree of the container image and SHA256SUMS.
package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
)

// systems are those that a release is built for.
func systems() []string {
	return []string{"linux/amd64", "linux/arm64", "darwin/amd64", "darwin/arm64", "windows/amd64", "windows/arm64"}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

// release is what is built and where to.
type release struct {
	name, version, pkg, out string
	docs                    []string
	log                     io.Writer
}

func run(ctx context.Context, args []string, log io.Writer) error {
	r := release{log: log}
	flags := flag.NewFlagSet("release", flag.ContinueOnError)
	flags.StringVar(&r.version, "version", "", "version, such as v1.2.3")
	flags.StringVar(&r.out, "out", "dist", "directory for the files")
	flags.StringVar(&r.pkg, "package", "./cmd/pitot", "package to build")
	flags.StringVar(&r.name, "name", "pitot", "name of the program")
	targets := flags.String("systems", strings.Join(systems(), ","), "systems to build for, comma-separated")
	docs := flags.String("docs", "LICENSE,README.md", "files that go into the archives, comma-separated")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if r.version == "" || strings.ContainsAny(r.version, " /\\'\"") {
		return errors.New("-version is needed, such as v1.2.3")
	}
	if *docs != "" {
		r.docs = strings.Split(*docs, ",")
	}
	if err := os.MkdirAll(r.out, 0o755); err != nil { //nolint:gosec // a release is for everybody
		return err
	}
	if err := writeRootfs(r.out); err != nil {
		return err
	}
	made := []string{rootfsName}
	for system := range strings.SplitSeq(*targets, ",") {
		if system == "" { // nothing but the rest
			continue
		}
		goos, goarch, ok := strings.Cut(strings.TrimSpace(system), "/")
		if !ok {
			return fmt.Errorf("-systems: %q is not of the form os/arch", system)
		}
		names, err := r.build(ctx, goos, goarch)
		if err != nil {
			return fmt.Errorf("%s: %w", system, err)
		}
		made = append(made, names...)
	}
	return r.sums(made)
}

// build makes the files of one system and returns their names.
func (r *release) build(ctx context.Context, goos, goarch string) ([]string, error) {
	base := r.name + "_" + goos + "_" + goarch
	program := r.name
	if goos == "windows" {
		base, program = base+".exe", program+".exe"
	}
	path, err := filepath.Abs(filepath.Join(r.out, base))
	if err != nil {
		return nil, err
	}
	// What differs between machines and directories is left out: paths, the state
	// of the checkout, the linker's build id.
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w -buildid= -X main.version="+r.version, "-o", path, r.pkg) //nolint:gosec // what the caller asks for
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+goos, "GOARCH="+goarch, "GOFLAGS=-mod=readonly", "GOAMD64=v1", "GOARM64=v8.0", "GOEXPERIMENT=")
	cmd.Stderr = os.Stderr
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("build: %w", err)
	}
	if err := os.Chmod(path, 0o755); err != nil { //nolint:gosec // a program
		return nil, err
	}
	stem := strings.Join([]string{r.name, strings.TrimPrefix(r.version, "v"), goos, goarch}, "_")
	files := []archived{{program, path, 0o755}}
	for _, d := range r.docs {
		files = append(files, archived{filepath.Base(d), d, 0o644})
	}
	archive := stem + ".tar.gz"
	if goos == "windows" {
		archive = stem + ".zip"
	}
	if err := writeArchive(filepath.Join(r.out, archive), stem, files); err != nil {
		return nil, err
	}
	bill := stem + ".cdx.json"
	if err := writeBill(filepath.Join(r.out, bill), path, r.name, r.version); err != nil {
		return nil, err
	}
	fmt.Fprintln(r.log, archive)
	return []string{base, archive, bill}, nil
}

// sums writes SHA256SUMS, which sha256sum --check reads.
func (r *release) sums(names []string) error {
	slices.Sort(names)
	var b strings.Builder
	for _, name := range names {
		sum, err := sum(filepath.Join(r.out, name))
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s  %s\n", sum, name)
	}
	return os.WriteFile(filepath.Join(r.out, "SHA256SUMS"), []byte(b.String()), 0o644) //nolint:gosec // a release is for everybody
}

func sum(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}
