package redact

import (
	"bufio"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// fakeKey returns n characters that have the shape of a key and are visibly
// none.
func fakeKey(n int) string { return strings.Repeat("Fake0key", n/8+1)[:n] }

var macro = regexp.MustCompile(`\{([hu]?)(\d+)\}`)

// expand replaces the macros of the text tables.
func expand(s string) string {
	s = strings.ReplaceAll(s, "⏎", "\n")
	return macro.ReplaceAllStringFunc(s, func(m string) string {
		g := macro.FindStringSubmatch(m)
		n, err := strconv.Atoi(g[2])
		if err != nil {
			return m
		}
		switch g[1] {
		case "h":
			return strings.Repeat("fa0ce0de", n/8+1)[:n]
		case "u":
			return strings.Repeat("FAKE0KEY", n/8+1)[:n]
		}
		return fakeKey(n)
	})
}

func policyFor(t testing.TB, mode Mode, kinds ...string) *Policy {
	t.Helper()
	if len(kinds) == 1 && kinds[0] == "all" {
		kinds = Kinds()
	}
	p, err := New(Config{Content: mode, Redact: kinds})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// tableCase is one line of testdata/mask.txt.
type tableCase struct {
	line     int
	kinds    []string
	in, want string
}

func maskTable(t testing.TB) []tableCase {
	t.Helper()
	f, err := os.Open("testdata/mask.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	var cases []tableCase
	var kinds []string
	sc := bufio.NewScanner(f)
	for n := 1; sc.Scan(); n++ {
		line := sc.Text()
		switch {
		case line == "" || line[0] == '#':
		case regexp.MustCompile(`^\[[a-z_ ]+\]$`).MatchString(line):
			kinds = strings.Fields(strings.Trim(line, "[]"))
		case strings.HasPrefix(line, "== "):
			in := expand(line[3:])
			cases = append(cases, tableCase{n, kinds, in, in})
		default:
			in, want, ok := strings.Cut(line, " => ")
			if !ok {
				t.Fatalf("testdata/mask.txt:%d: no =>", n)
			}
			cases = append(cases, tableCase{n, kinds, expand(in), expand(want)})
		}
	}
	if err := sc.Err(); err != nil || len(cases) < 100 {
		t.Fatalf("testdata/mask.txt: %d cases, %v", len(cases), err)
	}
	return cases
}

func TestMaskTable(t *testing.T) {
	for _, c := range maskTable(t) {
		p := policyFor(t, ModeFull, c.kinds...)
		got := p.Text(c.in)
		if got != c.want {
			t.Errorf("mask.txt:%d:\n in   %q\n got  %q\n want %q", c.line, c.in, got, c.want)
		}
		if again := p.Text(got); again != got {
			t.Errorf("mask.txt:%d: a second pass changes %q to %q", c.line, got, again)
		}
	}
}

// TestMaskWithinText embeds every case in others' neighbourhoods.
func TestMaskWithinText(t *testing.T) {
	for _, c := range maskTable(t) {
		p := policyFor(t, ModeFull, c.kinds...)
		for _, around := range [][2]string{{"早上好。", "。再见"}, {"\n", "\n"}, {"(", ")"}, {"lorem ipsum; ", " dolor"}} {
			in, want := around[0]+c.in+around[1], around[0]+c.want+around[1]
			if strings.Contains(c.want, "[REDACTED:secret]") && (strings.Contains(c.in, "PRIVATE") || strings.Contains(strings.ToLower(c.in), "cookie") ||
				strings.Contains(c.in, "correcthorse") || strings.Contains(c.in, "pass") || strings.Contains(c.in, "密码")) {
				continue // these reach to the end of the line or text by design
			}
			if got := p.Text(in); got != want {
				t.Errorf("mask.txt:%d:\n in   %q\n got  %q\n want %q", c.line, in, got, want)
			}
		}
	}
}

func TestMaskOnlyWhatIsOn(t *testing.T) {
	p := policyFor(t, ModeFull)
	for _, c := range maskTable(t) {
		if got := p.Text(c.in); got != c.in {
			t.Errorf("mask.txt:%d: with no detector on, %q became %q", c.line, c.in, got)
		}
	}
}

func TestPatterns(t *testing.T) {
	p, err := New(Config{Patterns: []Pattern{
		{Name: "employee", Regex: `\bE-\d{6}\b`},
		{Name: "ticket", Regex: `\b(JIRA)-\d+`, Replace: "$1-n"},
	}})
	if err != nil {
		t.Fatal(err)
	}
	got := p.Text("E-123456 wrote JIRA-77")
	if want := "[REDACTED:employee] wrote JIRA-n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func FuzzMask(f *testing.F) {
	for _, c := range maskTable(f) {
		f.Add(c.in)
	}
	p := policyFor(f, ModeFull, "all")
	f.Fuzz(func(t *testing.T, s string) {
		once := p.Text(s)
		if twice := p.Text(once); twice != once {
			t.Errorf("not idempotent:\n in    %q\n once  %q\n twice %q", s, once, twice)
		}
	})
}

// TestPrefixesWithoutKeys feeds long texts in which detectors start everywhere
// and find nothing; a cost that grows with the square shows as a test that
// takes minutes.
func TestPrefixesWithoutKeys(t *testing.T) {
	p := policyFor(t, ModeFull, "all")
	for _, unit := range []string{"sk-", "hf_", "-eyJ", "://", "1-", "::", "4111 ", "@a.", "-----BEGIN ", "api key ", "bearer "} {
		s := strings.Repeat(unit, 1<<18/len(unit))
		if out := p.Text(s); out != s {
			t.Errorf("%q: something was masked", unit)
		}
	}
}
