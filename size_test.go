package pitot_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

const helloPlain = `package main

import "fmt"

func main() { fmt.Println("hello") }
`

const helloOneLine = `package main

import (
	"context"
	"fmt"

	"github.com/pitot-dev/pitot"
)

func main() {
	shutdown, err := pitot.Setup(context.Background())
	if err != nil {
		fmt.Println(err)
	}
	defer func() { _ = shutdown(context.Background()) }()
	fmt.Println("hello")
}
`

const helloEverything = `package main

import (
	"context"
	"fmt"
	"net/http"

	"github.com/pitot-dev/pitot"
)

func main() {
	ctx := context.Background()
	shutdown, err := pitot.Setup(ctx)
	if err != nil {
		fmt.Println(err)
	}
	defer func() { _ = shutdown(ctx) }()
	http.DefaultClient = pitot.HTTPClient()
	http.Handle("/metrics", pitot.MetricsHandler())
	_, _ = pitot.Tool(ctx, "greet", func(context.Context) (string, error) { return "hello", nil })
	fmt.Println("hello")
}
`

// TestAProgramGrowsByLessThan12MB builds a hello-world with and without the SDK.
// With the one line that is promised it holds for programs with symbols and
// DWARF as well. A program that uses the rest too links the decoders of model
// calls; what counts there is the size without symbols, and the other is only
// kept from growing unnoticed.
func TestAProgramGrowsByLessThan12MB(t *testing.T) {
	if testing.Short() {
		t.Skip("builds six programs")
	}
	const mb = 1e6
	for _, tc := range []struct {
		name, source, ldflags string
		limit                 float64
	}{
		{"one line", helloOneLine, "", 12},
		{"one line, stripped", helloOneLine, "-s -w", 12},
		{"everything", helloEverything, "", 14},
		{"everything, stripped", helloEverything, "-s -w", 12},
	} {
		plain, traced := builtSize(t, helloPlain, tc.ldflags), builtSize(t, tc.source, tc.ldflags)
		grown := float64(traced-plain) / mb
		t.Logf("%s: %.1f MB, %.1f MB without the SDK", tc.name, float64(traced)/mb, float64(plain)/mb)
		if grown >= tc.limit {
			t.Errorf("%s: the SDK adds %.1f MB, less than %v MB are allowed", tc.name, grown, tc.limit)
		}
	}
}

func builtSize(t *testing.T, source, ldflags string) int64 {
	t.Helper()
	dir := t.TempDir()
	main, out := filepath.Join(dir, "main.go"), filepath.Join(dir, "hello")
	if err := os.WriteFile(main, []byte(source), 0o600); err != nil {
		t.Fatal(err)
	}
	// From here, so that the program is built with this module.
	if b, err := exec.Command("go", "build", "-ldflags", ldflags, "-o", out, main).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, b)
	}
	info, err := os.Stat(out)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}
