package config

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/alecthomas/units"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/gateway"
)

var update = flag.Bool("update", false, "write the expected files anew")

// testLoader has a fixed environment and validators that object to BROKEN.
func testLoader() Loader {
	env := map[string]string{"TEST_KEY": "TEST-not-a-real-key", "WORD": "TEST-word", "EMPTY": ""}
	object := func(section []byte, _ string) error {
		for i, l := range strings.Split(string(section), "\n") {
			if strings.Contains(l, "BROKEN") {
				return &SectionError{Line: i + 1, Err: errors.New("BROKEN is no value")}
			}
		}
		return nil
	}
	return Loader{
		Env:      func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		Sections: map[string]func([]byte, string) error{"prometheus": object, "alertmanager": object},
	}
}

// golden compares got with a file; -update writes it.
func golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), got); d != "" {
		t.Errorf("%s differs (-want +got); run with -update if the change is meant:\n%s", file, d)
	}
}

func TestBadFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.bad.yml")
	if err != nil || len(files) < 15 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			_, err := testLoader().Load(f)
			errs, ok := errors.AsType[Errors](err)
			if !ok {
				t.Fatalf("got %v, want Errors", err)
			}
			for _, e := range errs {
				if e.Line == 0 {
					t.Errorf("no line: %v", e)
				}
			}
			golden(t, strings.TrimSuffix(f, ".bad.yml")+".err", strings.ReplaceAll(err.Error(), "testdata/", "")+"\n")
			if strings.Contains(err.Error(), "TEST-") {
				t.Error("a value from the environment is shown")
			}
		})
	}
}

func TestGoodFiles(t *testing.T) {
	files, err := filepath.Glob("testdata/*.good.yml")
	if err != nil || len(files) < 4 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	for _, f := range files {
		c, err := testLoader().Load(f)
		if err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		if filepath.Base(f) != "full.good.yml" && c.Digest() != Default().Digest() {
			t.Errorf("%s is not the default:\n%s", f, c.Effective())
		}
	}
}

func TestFull(t *testing.T) {
	c, err := testLoader().Load("testdata/full.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	f := func(name string, got, want any) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", name, d)
		}
	}
	f("ask_usage", *c.Gateway.AskUsage, false)
	f("max_body", c.Gateway.MaxBody, 16*units.MiB)
	f("max_content keeps its default", c.Gateway.MaxContent, units.MiB)
	vllm := gateway.Upstream{
		Name: "vllm-2", BaseURL: "http://127.0.0.1:8000", Headers: map[string]string{"authorization": "Bearer TEST-not-a-real-key"},
		Timeouts: gateway.Timeouts{Connect: model.Duration(5 * time.Second)},
	}
	f("merged upstream", c.Gateway.Upstreams[2], vllm)
	f("salt", string(c.Capture.Salt), "TEST-not-a-real-key")
	f("group reference", c.Capture.Patterns[0].Replace, "E-${1}")
	f("label", c.Labels["feature"], Label{From: "feature", Max: 100})
	f("tag", c.Labels["team"], Label{From: "tag:team", Max: 20})
	f("retention", c.Storage.Events.Retention, model.Duration(7*24*time.Hour))
	f("queue bytes", c.Pipeline.Queue.MaxBytes, int64(64<<20))
	f("slow", c.Pipeline.Sampling.Slow, 10*time.Second)
	f("since", c.Prices.Overrides[0].Since, "2026-01-31")
	f("min_free_disk keeps its default", c.Storage.Events.MinFreeDisk, 256*units.MiB)

	file, err := os.ReadFile("testdata/full.good.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range []Raw{c.Prometheus, c.Alertmanager, c.Budgets} {
		lines := strings.Split(string(file), "\n")
		got := strings.Split(strings.TrimSuffix(string(r.Text), "\n"), "\n")
		f("verbatim lines", got, lines[r.Line-1:r.Line-1+len(got)])
	}
	if !strings.Contains(string(c.Prometheus.Text), "# kept verbatim") || !strings.Contains(string(c.Prometheus.Text), "${1}x") {
		t.Errorf("not verbatim: %s", c.Prometheus.Text)
	}
	f("inline section", strings.TrimSpace(string(c.SLOs.Text)), "[]")
	golden(t, "testdata/full.effective.yml", string(c.Effective()))
	if bytes.Contains(c.Effective(), []byte("TEST-")) {
		t.Error("a secret is shown")
	}
}

// TestEffectiveIsAConfiguration reads the effective configuration back.
func TestEffectiveIsAConfiguration(t *testing.T) {
	for _, in := range []string{"", "capture: {content: metrics, redact: []}\nlabels: {user: {}}\nstorage: {journal: {max_disk: 100MiB}}\n"} {
		c, err := Parse("a.yml", []byte(in))
		if err != nil {
			t.Fatal(err)
		}
		again, err := Parse("b.yml", c.Effective())
		if err != nil {
			t.Fatalf("%v\n%s", err, c.Effective())
		}
		if c.Digest() != again.Digest() {
			t.Errorf("%s\nbecame\n%s", c.Effective(), again.Effective())
		}
	}
}

func TestSectionsKeepTheirColumns(t *testing.T) {
	text := "alertmanager: {route: {receiver: x}} # 注\nprometheus:   {global: {}}\n"
	c, err := Parse("x.yml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := string(c.Prometheus.Text), strings.Repeat(" ", 14)+"{global: {}}\n"; got != want || c.Prometheus.Line != 2 {
		t.Errorf("got %q at line %d, want %q at 2", got, c.Prometheus.Line, want)
	}
	c, err = Parse("x.yml", []byte("{prometheus: {global: {scrape_interval: 5s}}}"))
	if err != nil || !strings.Contains(string(c.Prometheus.Text), "scrape_interval: 5s") {
		t.Errorf("got %q, %v", c.Prometheus.Text, err)
	}
}

func TestSecretFile(t *testing.T) {
	dir := t.TempDir()
	for name, content := range map[string]string{"salt": "TEST-salt\n", "empty": "\n", "pitot.yml": "capture: {hash_users: true, salt_file: salt}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c, err := Load(filepath.Join(dir, "pitot.yml"))
	if err != nil {
		t.Fatal(err)
	}
	if string(c.Capture.Salt) != "TEST-salt" {
		t.Errorf("got %q", string(c.Capture.Salt))
	}
	if bytes.Contains(c.Effective(), []byte("TEST-salt")) {
		t.Errorf("the salt is shown: %s", c.Effective())
	}
	if _, err := Parse(filepath.Join(dir, "x.yml"), []byte("capture: {salt_file: empty}")); err == nil || !strings.Contains(err.Error(), "the file is empty") {
		t.Errorf("got %v", err)
	}
	c, err = Parse(filepath.Join(dir, "x.yml"), []byte("gateway: {upstreams: [{name: a, base_url: 'http://a', tls: {ca_file: ca.pem}}]}"))
	if err != nil {
		t.Fatal(err)
	}
	if got, want := c.Gateway.Upstreams[0].TLS.CAFile, filepath.Join(dir, "ca.pem"); got != want {
		t.Errorf("relative path: got %q, want %q", got, want)
	}
}

func TestSecretIsNeverShown(t *testing.T) {
	s := Secret("TEST-secret")
	holder := struct{ S Secret }{s}
	for _, out := range []string{fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %q %s", holder, holder, holder, s, &holder), s.LogValue().String()} {
		if strings.Contains(out, "TEST") {
			t.Errorf("shown: %s", out)
		}
	}
	if b, err := s.MarshalText(); err != nil || strings.Contains(string(b), "TEST") {
		t.Errorf("%s %v", b, err)
	}
	if s.Reveal() != "TEST-secret" || Secret("").String() != "" {
		t.Error("Reveal and the empty secret")
	}
}

func TestExpand(t *testing.T) {
	env := func(n string) (string, bool) {
		v, ok := map[string]string{"A": "1", "B_2": "two", "EMPTY": ""}[n]
		return v, ok
	}
	f := func(in, want string) {
		t.Helper()
		if got, err := expand(in, env); err != nil || got != want {
			t.Errorf("%q: got %q, %v; want %q", in, got, err, want)
		}
	}
	f("", "")
	f("$A $1 ${1} ${} ${a-b} $$", "$A $1 ${1} ${} ${a-b} $$")
	f("x${A}y${B_2}z", "x1ytwoz")
	f("${NONE:-dflt} ${NONE:-} ${A:-x}", "dflt  1")
	f("${EMPTY}|${EMPTY:-x}", "|x")
	f("$${A} ${A}", "${A} 1")
	f("${NONE:-http://x:1/}", "http://x:1/")
	if _, err := expand("${NONE}", env); err == nil || !strings.Contains(err.Error(), "NONE is not set") {
		t.Errorf("got %v", err)
	}
	if _, err := expand("${A", env); err == nil {
		t.Error("no error for an open brace")
	}
}

func TestSuggest(t *testing.T) {
	f := func(word, want string, candidates ...string) {
		t.Helper()
		if got := suggest(word, candidates); got != want {
			t.Errorf("%q: got %q, want %q", word, got, want)
		}
	}
	f("contnet", "content", "max_chars", "content", "redact")
	f("Content", "content", "content")
	f("base_ulr", "base_url", "name", "base_url")
	f("url", "", "name", "dialect")
	f("maxchars", "max_chars", "max_chars", "max_items")
}

func TestNonReloadable(t *testing.T) {
	parse := func(s string) *Config {
		c, err := Parse("x.yml", []byte(s))
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	a := parse("storage: {metrics: {retention: 10d}}\nprometheus:\n  global: {}\n")
	b := parse("\n\nstorage: {dir: /data, metrics: {retention: 20d}, journal: {commit_interval: 1s}}\ncapture: {content: metrics}\nprometheus:\n  global: {}\n")
	if d := cmp.Diff([]string{"storage.dir", "storage.journal.commit_interval"}, NonReloadable(a, b)); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"capture.content", "storage.dir", "storage.metrics.retention", "storage.journal.commit_interval"}, Changed(a, b)); d != "" {
		t.Error(d)
	}
	if got := Changed(a, a); len(got) != 0 {
		t.Errorf("got %v", got)
	}
}

func TestDigest(t *testing.T) {
	key := "1"
	l := Loader{Env: func(string) (string, bool) { return key, true }}
	const text = "capture: {hash_users: true, salt: '${K}'}"
	a, err := l.Parse("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	same, err := l.Parse("y", []byte("# comment\n"+text))
	if err != nil {
		t.Fatal(err)
	}
	key = "2"
	other, err := l.Parse("x", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if a.Digest() != same.Digest() || a.Digest() == other.Digest() || len(a.Digest()) != 16 {
		t.Errorf("got %s %s %s", a.Digest(), same.Digest(), other.Digest())
	}
}

func TestSnippet(t *testing.T) {
	_, err := Parse("x.yml", []byte("capture:\n  contnet: full\n"))
	errs, ok := errors.AsType[Errors](err)
	if !ok || len(errs) != 1 {
		t.Fatal(err)
	}
	if got, want := errs[0].Snippet(), "    2 |   contnet: full\n      |   ^"; got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestMissingFile(t *testing.T) {
	if _, err := Load(filepath.Join(t.TempDir(), "none.yml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("got %v", err)
	}
}

// TestAliasBomb makes sure that a small file cannot take much time or memory.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("a: &a [x,x,x,x,x,x,x,x,x,x]\n")
	for c := 'b'; c < 'k'; c++ {
		fmt.Fprintf(&b, "%c: &%c [*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c,*%c]\n", c, c, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1, c-1)
	}
	b.WriteString("capture: {redact: *j}\n")
	if _, err := Parse("x.yml", []byte(b.String())); err == nil {
		t.Error("no error")
	}
}

// TestEveryTypeIsKnown fails where a field has a type that the decoder cannot
// fill.
func TestEveryTypeIsKnown(t *testing.T) {
	var walk func(typ reflect.Type, path string)
	walk = func(typ reflect.Type, path string) {
		if isScalar(typ) || typ == rawType || reflect.PointerTo(typ).Implements(textUnmarshalType) {
			return
		}
		switch typ.Kind() {
		case reflect.Pointer, reflect.Slice:
			walk(typ.Elem(), path+"[]")
		case reflect.Map:
			if typ.Key().Kind() != reflect.String {
				t.Errorf("%s: keys of type %s", path, typ.Key())
			}
			walk(typ.Elem(), path+".NAME")
		case reflect.Struct:
			for _, f := range fieldsOf(typ) {
				walk(f.typ, join(path, f.name))
			}
		case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		default:
			t.Errorf("%s: the decoder does not know %s", path, typ)
		}
	}
	walk(reflect.TypeFor[Config](), "")
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.yml")
	if err != nil {
		f.Fatal(err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	l := testLoader()
	l.ReadFile = func(string) ([]byte, error) { return []byte("TEST-file"), nil }
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := l.Parse("fuzz.yml", data)
		if err != nil {
			if _, ok := errors.AsType[Errors](err); !ok {
				t.Fatalf("got %T: %v", err, err)
			}
			return
		}
		c.Effective()
		if c.Digest() == "" {
			t.Error("no digest")
		}
	})
}
