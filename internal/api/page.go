package api

import (
	"bytes"
	"cmp"
	"context"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

//go:embed page.html openapi.yaml
var files embed.FS

var pageTemplate = template.Must(template.New("page.html").Funcs(template.FuncMap{
	"seconds": func(f float64) string {
		if f < 1 {
			return fmt.Sprintf("%.0f ms", f*1e3)
		}
		return fmt.Sprintf("%.2f s", f)
	},
	"percent": func(f float64) string { return fmt.Sprintf("%.2f %%", f*100) },
	"usd": func(f float64) string {
		if f != 0 && f < 0.01 {
			return fmt.Sprintf("$%.5f", f)
		}
		return fmt.Sprintf("$%.2f", f)
	},
	// A sum without a priced call in it is no $0, and one without tokens no 0.
	"unpriced": func(t events.Totals) bool { return t.Calls > 0 && t.ByState[llm.CostUnpriced].Calls == t.Calls },
	"tokens": func(n int64) string {
		if n == 0 {
			return "–"
		}
		return strconv.FormatInt(n, 10)
	},
	"opt":  durationText,
	"dur":  func(d time.Duration) string { return durationText(llm.Some(d)) },
	"toks": tokenText,
	"cost": func(c llm.Cost) string {
		if usd, ok := c.USD.Get(); ok {
			return fmt.Sprintf("$%.5f", usd)
		}
		return "unpriced"
	},
}).ParseFS(files, "page.html"))

func durationText(d llm.Opt[time.Duration]) string {
	v, ok := d.Get()
	if !ok {
		return "–"
	}
	if v < time.Second {
		return fmt.Sprintf("%.0f ms", v.Seconds()*1e3)
	}
	return fmt.Sprintf("%.2f s", v.Seconds())
}

func tokenText(u llm.Usage) string {
	text := func(n llm.Opt[int64]) string {
		if v, ok := n.Get(); ok {
			return strconv.FormatInt(v, 10)
		}
		return "–"
	}
	return text(u.InputTokens) + " → " + text(u.OutputTokens)
}

type pageData struct {
	ZH       bool
	Error    string
	Status   Status
	Summary  *events.Summary
	Unpriced int64
	Models   []events.ModelStat
	Calls    []*llm.Call
	Gateway  string
}

// T returns the text in the page's language.
func (d pageData) T(en, zh string) string {
	if d.ZH {
		return zh
	}
	return en
}

// pageTimeout is how long the page waits for the store before it shows what it
// has: it must load when the store does not answer, to say so.
const pageTimeout = 5 * time.Second

// page serves the plain summary: what happened in the last hour, by model, the
// latest calls, and where to look further.
func (s *server) page(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), pageTimeout)
	defer cancel()
	d := pageData{ZH: wantsChinese(r), Status: s.Status(ctx)}
	d.Gateway = d.Status.Listeners["gateway"]
	if err := s.fillPage(ctx, &d); err != nil {
		d.Error = err.Error()
	}
	var b bytes.Buffer
	if err := pageTemplate.Execute(&b, d); err != nil {
		s.fail(w, r, fmt.Errorf("summary page: %w", err))
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'")
	_, _ = w.Write(b.Bytes())
}

func (s *server) fillPage(ctx context.Context, d *pageData) (err error) {
	now := s.Now()
	f := events.CallFilter{Range: events.Range{Start: now.Add(-hour), End: now}}
	if d.Summary, err = s.Events.Summary(ctx, f); err != nil {
		return err
	}
	d.Unpriced = d.Summary.Totals.ByState[llm.CostUnpriced].Calls
	if d.Models, err = s.Events.Models(ctx, f); err != nil {
		return err
	}
	slices.SortStableFunc(d.Models, func(a, b events.ModelStat) int { return cmp.Compare(b.Totals.Calls, a.Totals.Calls) })
	page, err := s.Events.Calls(ctx, events.CallQuery{CallFilter: f, Limit: 20})
	d.Calls = page.Calls
	return err
}

func wantsChinese(r *http.Request) bool {
	if l := r.URL.Query().Get("lang"); l != "" {
		return strings.HasPrefix(l, "zh")
	}
	first, _, _ := strings.Cut(r.Header.Get("Accept-Language"), ",")
	return strings.HasPrefix(strings.TrimSpace(strings.ToLower(first)), "zh")
}

func serveOpenAPI(w http.ResponseWriter, _ *http.Request) {
	b, _ := files.ReadFile("openapi.yaml") // embedded: it is there
	w.Header().Set("Content-Type", "application/yaml")
	_, _ = w.Write(b)
}
