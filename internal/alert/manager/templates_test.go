package manager

import (
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
)

func TestChineseTemplatesTakeChineseTexts(t *testing.T) {
	tmpl := testTemplate(t)
	a := firing("X")
	a.Annotations = map[string]string{"summary": "too slow", "summary_zh": "太慢", "description": "only english", "explanation": "because", "explanation_zh": "原因是"}
	one := convert(a, time.Now(), time.Minute)
	data := notify.GetTemplateData(sampleContext(t.Context(), "ops", one, time.Now()), tmpl, []*alert.Alert{one}, slog.New(slog.DiscardHandler))
	for _, name := range []string{"text", "markdown"} {
		for lang, want := range map[string][]string{"zh": {"太慢", "only english", "原因是"}, "en": {"too slow", "only english", "because"}} {
			out, err := tmpl.ExecuteTextString(`{{ template "pitot.`+lang+`.`+name+`" . }}`, data)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range want {
				if !strings.Contains(out, w) {
					t.Errorf("%s %s: %q is not in %s", lang, name, w, out)
				}
			}
			if lang == "zh" && strings.Contains(out, "too slow") {
				t.Errorf("English in Chinese: %s", out)
			}
		}
	}
}

func testTemplate(t *testing.T, globs ...string) *template.Template {
	t.Helper()
	tmpl, err := newTemplate(globs, &url.URL{Scheme: "http", Host: "pitot.example:4400"})
	if err != nil {
		t.Fatal(err)
	}
	return tmpl
}

func TestTemplates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which fixes the time
		tmpl := testTemplate(t)
		now := time.Now()
		one, two := convert(firing("HighErrorRate", "provider", "openai"), now, time.Minute), convert(resolved("HighErrorRate", "provider", "anthropic"), now, time.Minute)
		delete(two.Annotations, "explanation")
		began := one.StartsAt.Local().Format("2006-01-02 15:04:05 MST")
		for _, lang := range []string{"en", "zh"} {
			var b strings.Builder
			for _, alerts := range [][]*alert.Alert{{one, two}, {two}} {
				ctx := sampleContext(t.Context(), "ops", one, now)
				data := notify.GetTemplateData(ctx, tmpl, alerts, slog.New(slog.DiscardHandler))
				for _, name := range []string{"title", "text", "markdown"} {
					out, err := tmpl.ExecuteTextString(`{{ template "pitot.`+lang+`.`+name+`" . }}`, data)
					if err != nil {
						t.Fatal(err)
					}
					if _, err := tmpl.ExecuteHTMLString(`{{ template "pitot.`+lang+`.`+name+`" . }}`, data); err != nil {
						t.Fatalf("as HTML: %v", err)
					}
					b.WriteString("== " + name + "\n" + strings.ReplaceAll(out, began, "TIME") + "\n")
				}
			}
			golden(t, "templates."+lang+".txt", b.String())
		}
	})
}

func TestTemplatesCanBeReplaced(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "own.tmpl"), []byte(`{{ define "pitot.en.title" }}mine{{ end }}{{ define "slack.default.title" }}{{ template "pitot.zh.title" . }}{{ end }}`), 0o600); err != nil {
		t.Fatal(err)
	}
	tmpl := testTemplate(t, filepath.Join(dir, "*.tmpl"))
	now := time.Now()
	a := convert(firing("X"), now, time.Minute)
	data := notify.GetTemplateData(sampleContext(t.Context(), "ops", a, now), tmpl, []*alert.Alert{a}, slog.New(slog.DiscardHandler))
	for in, want := range map[string]string{`{{ template "pitot.en.title" . }}`: "mine", `{{ template "slack.default.title" . }}`: "[告警 1] 严重 X service=checkout"} {
		if got, err := tmpl.ExecuteTextString(in, data); err != nil || got != want {
			t.Errorf("%q %v", got, err)
		}
	}
}

func BenchmarkCheck(b *testing.B) {
	tmpl, err := newTemplate(nil, &url.URL{Scheme: "http", Host: "pitot.example"})
	if err != nil {
		b.Fatal(err)
	}
	l, err := load(Config{Section: []byte(fast + "receivers: [{name: all, slack_configs: [{api_url: 'http://x.example', channel: c}]}]\n")}, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	now := time.Now()
	a := convert(firing("X"), now, time.Minute)
	check := checker(split(l.config.Receivers[0])[0].receiver, tmpl, slog.New(slog.DiscardHandler))
	ctx := sampleContext(b.Context(), "all", a, now)
	b.ReportAllocs()
	for b.Loop() {
		if _, cause, err := check(ctx, []*alert.Alert{a}); cause != nil || err != nil {
			b.Fatal(cause, err)
		}
	}
}
