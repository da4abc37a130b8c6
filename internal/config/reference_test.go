package config

import (
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"testing"
)

func TestReference(t *testing.T) {
	got := Reference()
	if strings.Contains(got, "| |\n|  |") {
		t.Error("an empty row")
	}
	golden(t, "../../docs/configuration.md", got)
}

// TestReferenceIsComplete wants a description of every field.
func TestReferenceIsComplete(t *testing.T) {
	r := reference{seen: map[reflect.Type]string{}}
	def := reflect.ValueOf(Default()).Elem()
	for _, f := range fieldsOf(def.Type()) {
		r.describe(f, f.name)
		switch {
		case f.typ == rawType:
		case f.typ.Kind() == reflect.Map:
			r.rows(f.typ.Elem(), reflect.Value{}, f.name+".NAME")
		case f.typ.Kind() == reflect.Slice:
			r.rows(f.typ.Elem(), reflect.Value{}, f.name+"[]")
		default:
			r.rows(f.typ, def.FieldByIndex(f.index), f.name)
		}
	}
	for _, p := range r.undocumented {
		t.Errorf("%s has no description: give its field a doc tag, or an entry in docs", p)
	}
	text := r.b.String()
	for p := range docs {
		if !strings.Contains(text, "`"+p+"`") {
			t.Errorf("docs describes %s, which does not exist", p)
		}
	}
}

var yamlBlock = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")

// TestExamples parses every example of the configuration that users may copy.
func TestExamples(t *testing.T) {
	l := Loader{Env: func(name string) (string, bool) { return "http://127.0.0.1:1/" + name, true }}
	l.ReadFile = func(string) ([]byte, error) { return []byte("TEST-salt"), nil }
	n := 0
	for _, page := range []string{"configuration.md", "privacy.md"} {
		b, err := os.ReadFile(filepath.Join("../../docs", page))
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range yamlBlock.FindAllStringSubmatch(string(b), -1) {
			n++
			if _, err := l.Parse(page, []byte(m[1])); err != nil {
				t.Errorf("an example of %s does not parse: %v\n%s", page, err, m[1])
			}
		}
	}
	if n < 4 {
		t.Errorf("only %d examples were found", n)
	}
	example, err := os.ReadFile("../../deploy/pitot.example.yml")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := l.Parse("pitot.example.yml", example); err != nil {
		t.Error(err)
	}
	// What is commented out there must parse too.
	var b strings.Builder
	for l := range strings.Lines(string(example)) {
		if !prose.MatchString(l) {
			b.WriteString(commentedOut.ReplaceAllString(l, "$1$2"))
		}
	}
	c, err := l.Parse("pitot.example.yml, uncommented", []byte(b.String()))
	if err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	if len(c.Gateway.Upstreams) != 2 || len(c.Capture.Patterns) != 1 || len(c.Prices.Overrides) != 1 || !strings.Contains(string(c.Prometheus.Text), "\n  remote_write:") {
		t.Errorf("something was not uncommented:\n%s", b.String())
	}
}

var (
	prose        = regexp.MustCompile(`^ *#( [^ ]|$)`) // one space after the #
	commentedOut = regexp.MustCompile(`^( *)#( *[a-z-])`)
)
