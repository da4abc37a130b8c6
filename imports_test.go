package pitot_test

import (
	"os/exec"
	"strings"
	"testing"
)

// TestTheSDKIsSmall: what a program pulls in with this package is the standard
// library, OpenTelemetry and two packages of ours. The official exporters alone
// would make it 14 MB larger: docs/decisions/0004-sdk-writes-otlp.md.
func TestTheSDKIsSmall(t *testing.T) {
	const here = "github.com/pitot-dev/pitot"
	direct := goList(t, `{{join .Imports "\n"}}`, ".")
	for _, imp := range direct {
		first, _, _ := strings.Cut(imp, "/")
		switch {
		case !strings.Contains(first, "."): // the standard library
		case imp == here+"/internal/llm", imp == here+"/internal/wire":
		case imp == "go.opentelemetry.io/otel" || strings.HasPrefix(imp, "go.opentelemetry.io/otel/"):
		default:
			t.Errorf("the root package imports %s", imp)
		}
	}
	for _, dep := range goList(t, `{{if not .Standard}}{{.ImportPath}}{{end}}`, "-deps", ".") {
		if strings.HasPrefix(dep, here+"/") && dep != here+"/internal/llm" && dep != here+"/internal/wire" {
			t.Errorf("the root package depends on %s", dep)
		}
		for _, heavy := range []string{"google.golang.org/", "github.com/prometheus/", "go.opentelemetry.io/otel/exporters/", "go.opentelemetry.io/proto/", "go.opentelemetry.io/collector/"} {
			if strings.HasPrefix(dep, heavy) {
				t.Errorf("the root package depends on %s", dep)
			}
		}
	}
}

func goList(t *testing.T, format string, args ...string) []string {
	t.Helper()
	out, err := exec.Command("go", append([]string{"list", "-f", format}, args...)...).Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	return strings.Fields(string(out))
}
