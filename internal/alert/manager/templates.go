package manager

import (
	"embed"
	"fmt"
	htmltemplate "html/template"
	"net/url"
	texttemplate "text/template"
	"time"

	"github.com/prometheus/alertmanager/template"

	"github.com/pitot-dev/pitot/internal/alert/manager/robot"
)

//go:embed templates/*.tmpl
var templateFiles embed.FS

// newTemplate parses the Alertmanager's templates, then the shipped ones, then
// those of the operator, who can thus replace any.
func newTemplate(globs []string, external *url.URL) (*template.Template, error) {
	funcs := map[string]any{
		"pitotLinks":    robot.ParseLinks,
		"pitotSeverity": robot.Severity,
		"pitotTime":     func(t time.Time) string { return t.Local().Format("2006-01-02 15:04:05 MST") },
		"pitotFor":      lasted,
	}
	t, err := template.FromGlobs(nil, func(text *texttemplate.Template, html *htmltemplate.Template) {
		text.Funcs(funcs)
		html.Funcs(funcs)
	})
	if err != nil {
		return nil, err
	}
	names, err := templateFiles.ReadDir("templates")
	if err != nil {
		return nil, err
	}
	for _, n := range names {
		f, err := templateFiles.Open("templates/" + n.Name())
		if err != nil {
			return nil, err
		}
		err = t.Parse(f)
		_ = f.Close() // embedded
		if err != nil {
			return nil, fmt.Errorf("%s: %w", n.Name(), err)
		}
	}
	for _, g := range globs {
		if err := t.FromGlob(g); err != nil {
			return nil, fmt.Errorf("%s: %w", g, err)
		}
	}
	t.ExternalURL = external
	return t, nil
}

// lasted is how long an alert fired, to the second.
func lasted(a template.Alert) string {
	end := a.EndsAt
	if a.Status == "firing" || end.IsZero() {
		end = time.Now()
	}
	return max(0, end.Sub(a.StartsAt)).Round(time.Second).String()
}
