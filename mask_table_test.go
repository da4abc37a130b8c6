package pitot

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var tableMacro = regexp.MustCompile(`\{([hu]?)(\d+)\}`)

// TestMaskAgreesWithTheServer reads the table of what Pitot's server masks. The
// SDK's compact form may leave some of the rarer forms to the server; how many
// is bounded here, and it must not mask what the server leaves alone.
func TestMaskAgreesWithTheServer(t *testing.T) {
	b, err := os.ReadFile("internal/redact/testdata/mask.txt")
	if err != nil {
		t.Fatal(err)
	}
	expand := func(s string) string {
		return tableMacro.ReplaceAllStringFunc(strings.ReplaceAll(s, "⏎", "\n"), func(m string) string {
			g := tableMacro.FindStringSubmatch(m)
			n, _ := strconv.Atoi(g[2])
			unit := map[string]string{"": "Fake0key", "h": "fa0ce0de", "u": "FAKE0KEY"}[g[1]]
			return strings.Repeat(unit, n/8+1)[:n]
		})
	}
	kinds := map[string]maskKind{"secrets": maskSecrets, "email": maskEmail, "phone": maskPhone, "card": maskCard}
	var kind maskKind
	cases, missed, wrong := map[maskKind]int{}, map[maskKind]int{}, 0
	for n, line := range strings.Split(string(b), "\n") {
		if name := strings.Trim(line, "[]"); strings.HasPrefix(line, "[") && !strings.Contains(line, " => ") {
			kind = kinds[name]
			continue
		}
		if kind == 0 || line == "" || line[0] == '#' {
			continue
		}
		in, want, masks := strings.Cut(line, " => ")
		if !masks {
			in = strings.TrimPrefix(line, "== ")
			want = in
		}
		in, want = expand(in), expand(want)
		cases[kind]++
		m := newMasker(kind)
		got := m.mask(in)
		if m.mask(got) != got {
			t.Errorf("mask.txt:%d: a second pass changes %q", n+1, got)
		}
		switch {
		case got == want:
		case got == in:
			missed[kind]++
			t.Logf("mask.txt:%d: left to the server: %.100q", n+1, in)
		case !masks:
			wrong++
			t.Errorf("mask.txt:%d: %.100q became %.100q", n+1, in, got)
		default:
			missed[kind]++
			t.Logf("mask.txt:%d: in %.100q\n got  %.100q\n want %.100q", n+1, in, got, want)
		}
	}
	for kind, most := range map[maskKind]int{maskSecrets: 0, maskEmail: 1, maskPhone: 3, maskCard: 0} {
		if cases[kind] < 10 || missed[kind] > most {
			t.Errorf("kind %d: %d of %d missed, at most %d may be", kind, missed[kind], cases[kind], most)
		}
	}
}
