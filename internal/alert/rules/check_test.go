package rules

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestCheck(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "a.yaml"), goodRules)
	put(t, filepath.Join(dir, "b.yaml"), brokenRules)
	put(t, filepath.Join(dir, "c.yaml"), resource)
	r := Check([]string{dir, filepath.Join(dir, "absent.yaml")})
	want := `DIR/a.yaml: ok, 1 rules
DIR/b.yaml: FAILED, 1 rules
  line 5: group "g", rule 1, "A": could not parse expression: 1:6: parse error: unexpected end of input
DIR/c.yaml: ok, 1 rules
DIR/absent.yaml: FAILED, 0 rules
  cannot be read: no such file or directory: correct the path or create the file
`
	if d := cmp.Diff(want, strings.ReplaceAll(reportText(t, r), dir, "DIR")); d != "" {
		t.Error(d)
	}
	if r.OK() {
		t.Error("a broken file passed")
	}
}

func TestExpressionsThatSayLessThanWasMeant(t *testing.T) {
	f := func(expr, want string) {
		t.Helper()
		r := CheckContent("f", []byte("groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: "+expr+"\n"))
		if !r.OK() {
			t.Fatalf("%s: %v", expr, r.Problems)
		}
		switch {
		case want == "" && len(r.Problems) > 0:
			t.Errorf("%s: %v", expr, r.Problems)
		case want != "" && (len(r.Problems) != 1 || !strings.Contains(r.Problems[0].Reason, want) || r.Problems[0].Line != 5):
			t.Errorf("%s: %v", expr, r.Problems)
		}
	}
	f(`rate(llm_requests_total{status="error"}[5m]) / rate(llm_requests_total[5m]) > 0.05`, "always 1")
	f(`(rate(llm_requests_total{status="error"}[5m])) / (rate(llm_requests_total[5m])) > 0.05`, "always 1")
	f(`sum(rate(llm_requests_total{status="error"}[5m])) / sum(rate(llm_requests_total[5m])) > 0.05`, "")
	f(`rate(a{status="error"}[5m]) / ignoring (status) rate(a{status="total"}[5m])`, "")
	f(`rate(a_sum[5m]) / rate(a_count[5m])`, "")
	f(`rate(a{x="1"}[5m]) / rate(a{x="1"}[1h])`, "")
	f(`llm_request_duration_seconds > avg(llm_request_duration_seconds) + 2 * stddev(llm_request_duration_seconds)`, "is a histogram")
	f(`process_resident_memory_bytes > avg(process_resident_memory_bytes)`, "")
}

// TestShippedPacksPassTheirOwnCheck: the mistakes that users are warned of are
// not in the packs.
func TestShippedPacksPassTheirOwnCheck(t *testing.T) {
	for _, f := range packFiles(t, everyPack()) {
		if r := CheckContent(f.Name, f.Content); len(r.Problems) > 0 {
			t.Errorf("%s: %v", f.Name, r.Problems)
		}
	}
}
