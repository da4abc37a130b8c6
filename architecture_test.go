package pitot_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/pitot-dev/pitot/"

type listedPackage struct {
	ImportPath string
	Name       string
	Doc        string
	Imports    []string
}

func listPackages(t *testing.T) []listedPackage {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Name,Doc,Imports", "./...")
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, stderr.String())
	}
	var pkgs []listedPackage
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listedPackage
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return pkgs
		} else if err != nil {
			t.Fatal(err)
		}
		pkgs = append(pkgs, p)
	}
}

var (
	tableRow = regexp.MustCompile("^\\| `([^`]+)` \\| .* \\| ?(.*) \\|$")
	quoted   = regexp.MustCompile("`([^`]+)`")
)

// importTable reads the package table of ARCHITECTURE.md. A package's row also
// covers the packages below it.
func importTable(t *testing.T) map[string][]string {
	t.Helper()
	doc, err := os.ReadFile("ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string][]string{}
	for line := range strings.Lines(string(doc)) {
		m := tableRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil || strings.HasSuffix(m[1], "/") {
			continue
		}
		table[m[1]] = []string{}
		for _, q := range quoted.FindAllStringSubmatch(m[2], -1) {
			table[m[1]] = append(table[m[1]], q[1])
		}
		if strings.TrimSpace(m[2]) == "any" {
			table[m[1]] = []string{"any"}
		}
	}
	if len(table) < 10 {
		t.Fatalf("only %d packages found in ARCHITECTURE.md: has the table changed its form?", len(table))
	}
	return table
}

func rowOf(table map[string][]string, pkg string) string {
	for p := pkg; p != ""; {
		if _, ok := table[p]; ok {
			return p
		}
		i := strings.LastIndexByte(p, '/')
		if i < 0 {
			break
		}
		p = p[:i]
	}
	return ""
}

func TestImportsFollowTheArchitecture(t *testing.T) {
	table := importTable(t)
	seen := map[string]bool{}
	for _, p := range listPackages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		if pkg == p.ImportPath || strings.HasPrefix(pkg, "test/") {
			continue // the root package and black-box tests
		}
		row := rowOf(table, pkg)
		if row == "" {
			t.Errorf("%s has no row in ARCHITECTURE.md", pkg)
			continue
		}
		seen[row] = true
		for _, imp := range p.Imports {
			dep, ours := strings.CutPrefix(imp, module)
			if !ours || rowOf(table, dep) == row || slices.Contains(table[row], "any") {
				continue
			}
			if !slices.Contains(table[row], rowOf(table, dep)) {
				t.Errorf("%s imports %s, which its row in ARCHITECTURE.md does not allow", pkg, dep)
			}
		}
	}
	for row := range table {
		if !seen[row] {
			t.Errorf("ARCHITECTURE.md has a row for %s, which does not exist", row)
		}
	}
}

// TestEnginesHaveOneImporter keeps the engines behind one package each.
func TestEnginesHaveOneImporter(t *testing.T) {
	only := map[string][]string{
		"github.com/VictoriaMetrics/":                        {"internal/engine"},
		"github.com/prometheus/prometheus/tsdb":              {"internal/metrics", "internal/journal", "internal/alert/rules"},   // the journal uses tsdb/wlog alone
		"github.com/prometheus/prometheus/promql":            {"internal/metrics", "internal/alert/rules", "internal/alert/slo"}, // unit tests of rules, and the parser
		"github.com/prometheus/prometheus/scrape":            {"internal/metrics"},
		"github.com/prometheus/prometheus/web":               {"internal/metrics"},
		"github.com/prometheus/prometheus/storage":           {"internal/metrics", "internal/alert/rules"},
		"github.com/prometheus/prometheus/rules":             {"internal/metrics", "internal/alert/rules"},
		"github.com/prometheus/alertmanager/":                {"internal/alert/manager"},
		"github.com/pitot-dev/pitot/internal/server":         {"cmd/pitot"},
		"github.com/prometheus/prometheus/promql/promqltest": {},
	}
	for _, p := range listPackages(t) {
		pkg := strings.TrimPrefix(p.ImportPath, module)
		for _, imp := range p.Imports {
			for prefix, allowed := range only {
				if strings.HasPrefix(imp, prefix) && !slices.ContainsFunc(allowed, func(a string) bool { return pkg == a || strings.HasPrefix(pkg, a+"/") }) {
					t.Errorf("%s imports %s: only %v may", pkg, imp, allowed)
				}
			}
			if pkg == "internal/journal" && strings.HasPrefix(imp, "github.com/prometheus/prometheus/tsdb") &&
				!slices.Contains([]string{"github.com/prometheus/prometheus/tsdb/wlog", "github.com/prometheus/prometheus/tsdb/fileutil"}, imp) {
				t.Errorf("internal/journal imports %s: it needs only tsdb/wlog", imp)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range listPackages(t) {
		if p.Doc == "" && p.Name != "pitot_test" && !strings.HasSuffix(p.ImportPath, "pitot-dev/pitot") {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
		base := p.ImportPath[strings.LastIndexByte(p.ImportPath, '/')+1:]
		if slices.Contains([]string{"util", "utils", "common", "types", "models", "helpers"}, base) {
			t.Errorf("%s: the name says nothing about what belongs there", p.ImportPath)
		}
	}
}

func TestFilesStaySmall(t *testing.T) {
	out, err := exec.Command("git", "ls-files", "*.go").Output()
	if err != nil {
		t.Skipf("not a git checkout: %v", err)
	}
	for name := range strings.FieldsSeq(string(out)) {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		b, err := os.ReadFile(name)
		if err != nil {
			continue // deleted, not yet committed
		}
		if n := bytes.Count(b, []byte("\n")); n > 900 {
			t.Errorf("%s has %d lines: a file is one concept, 900 lines are the limit", name, n)
		}
	}
}
