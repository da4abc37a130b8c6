package dashboard

import (
	"encoding/json"
	"strings"
	"testing"
)

type grafanaPanel struct {
	ID          int
	Type, Title string
	GridPos     struct{ X, Y, W, H int }
	Datasource  *struct{ Type, UID string }
	Targets     []struct {
		RefID, Expr, Format, Service, Tags, Interval string
		Datasource                                   struct{ Type, UID string }
		Range, Instant, Exemplar                     bool
	}
	FieldConfig *struct {
		Defaults struct {
			Unit  string
			Links []struct{ URL, Title string }
		}
	}
	Links   []struct{ URL, Title string }
	Options map[string]any
}

type grafanaDashboard struct {
	ID                    *int
	UID, Title, Refresh   string
	SchemaVersion         int
	Tags                  []string
	Time                  struct{ From, To string }
	Panels                []grafanaPanel
	Templating            struct{ List []map[string]any }
	Annotations           struct{ List []map[string]any }
	Editable              bool
	Links                 []map[string]any
	Version               int
	Timezone, Description string
	GraphTooltip          int
	FiscalYearStartMonth  int
	Timepicker            map[string]any
}

func TestGrafanaJSON(t *testing.T) {
	types := map[string]bool{
		"row": true, "timeseries": true, "stat": true, "table": true, "heatmap": true, "bargauge": true, "text": true,
	}
	for _, d := range Dashboards() {
		for _, lang := range []string{LangEN, LangZH} {
			text, err := render(d, Options{Lang: lang})
			if err != nil {
				t.Fatal(err)
			}
			var g grafanaDashboard
			dec := json.NewDecoder(strings.NewReader(string(text)))
			if err := dec.Decode(&g); err != nil {
				t.Fatalf("%s: %v", d.ID, err)
			}
			if g.ID != nil || g.UID != d.UID || g.Title != d.Title.In(lang) || g.SchemaVersion < 40 || len(g.Tags) == 0 ||
				g.Time.To != "now" || g.Time.From != d.From || g.Refresh != d.Refresh {
				t.Errorf("%s %s: head %+v", d.ID, lang, g)
			}
			if len(g.Templating.List) != len(d.Variables) {
				t.Errorf("%s: %d variables, want %d", d.ID, len(g.Templating.List), len(d.Variables))
			}
			ids := map[int]bool{}
			for _, p := range g.Panels {
				if !types[p.Type] || p.Title == "" || p.ID == 0 || ids[p.ID] {
					t.Errorf("%s: panel %d, %s %q: of no known type, or with the id of another", d.ID, p.ID, p.Type, p.Title)
				}
				ids[p.ID] = true
				grafanaPanelIsWhole(t, d.ID, p)
			}
			noOverlap(t, d.ID, g.Panels)
		}
	}
}

func grafanaPanelIsWhole(t *testing.T, where string, p grafanaPanel) {
	t.Helper()
	if p.Type == "row" || p.Type == "text" {
		return
	}
	if p.Datasource == nil || p.FieldConfig == nil || len(p.Targets) == 0 {
		t.Errorf("%s: %q has no data source, field configuration or target", where, p.Title)
		return
	}
	refs := map[string]bool{}
	for _, target := range p.Targets {
		if target.RefID == "" || refs[target.RefID] {
			t.Errorf("%s: %q: ref %q twice", where, p.Title, target.RefID)
		}
		refs[target.RefID] = true
		switch target.Datasource.Type {
		case "prometheus":
			if target.Datasource.UID != "${datasource}" || target.Expr == "" || target.Range == target.Instant || target.Interval != "$interval" {
				t.Errorf("%s: %q: %+v", where, p.Title, target)
			}
		case "jaeger":
			if target.Datasource.UID != "${traces}" || target.Service != "$trace_service" || target.Tags == "" {
				t.Errorf("%s: %q: %+v", where, p.Title, target)
			}
		default:
			t.Errorf("%s: %q: data source %q", where, p.Title, target.Datasource.Type)
		}
	}
	for _, l := range p.Links {
		if !strings.HasPrefix(l.URL, "${pitot}/api/pitot/v1/") || strings.Contains(l.URL, "__field") {
			t.Errorf("%s: %q links to %s", where, p.Title, l.URL)
		}
	}
	for _, l := range p.FieldConfig.Defaults.Links {
		if p.Type == "table" && strings.Contains(l.URL, "__field.labels") {
			t.Errorf("%s: %q: a table has no labels: %s", where, p.Title, l.URL)
		}
	}
}

func noOverlap(t *testing.T, where string, panels []grafanaPanel) {
	t.Helper()
	taken := map[[2]int]string{}
	for _, p := range panels {
		g := p.GridPos
		if g.X < 0 || g.W < 1 || g.H < 1 || g.X+g.W > columns {
			t.Errorf("%s: %q is outside of the grid: %+v", where, p.Title, g)
		}
		for x := g.X; x < g.X+g.W; x++ {
			for y := g.Y; y < g.Y+g.H; y++ {
				if other, ok := taken[[2]int{x, y}]; ok {
					t.Fatalf("%s: %q and %q overlap", where, p.Title, other)
				}
				taken[[2]int{x, y}] = p.Title
			}
		}
	}
}

// TestColumnsOfTables: Grafana names the columns of several queries by their
// refs; renamed ones must be those, and units must be those of renamed ones.
func TestColumnsOfTables(t *testing.T) {
	g := writer{lang: LangZH}
	o := g.panel(modelTable())
	rename := o["transformations"].([]object)[1]["options"].(object)["renameByName"].(object)
	if rename["Value #A"] != "请求数" || rename["Value #B"] != "错误率" || len(rename) != len(modelTable().Targets) {
		t.Errorf("renames %v", rename)
	}
	one := g.panel(firing(8))
	if r := one["transformations"].([]object)[1]["options"].(object)["renameByName"].(object); r["Value"] != "告警数" {
		t.Errorf("renames of one query %v", r)
	}
	o1 := o["fieldConfig"].(object)["overrides"].([]object)[1]
	if o1["matcher"].(object)["options"] != "错误率" || o1["properties"].([]object)[0]["value"] != "percentunit" {
		t.Errorf("override %v", o1)
	}
}

func TestUnknownLanguageIsAnError(t *testing.T) {
	if _, err := render(overview(), Options{Lang: "fr"}); err == nil || !strings.Contains(err.Error(), "en or zh") {
		t.Errorf("error %v does not say what there is", err)
	}
	if _, err := Export(t.TempDir(), Options{Lang: "fr"}); err == nil {
		t.Error("exported in an unknown language")
	}
}

func FuzzLayout(f *testing.F) {
	f.Add([]byte{12, 8, 12, 8, 24, 3, 0, 0, 6, 4})
	f.Fuzz(func(t *testing.T, b []byte) {
		rows := []Row{{}}
		for i := 0; i+1 < min(len(b), 80); i += 2 {
			if b[i] == 0 {
				rows = append(rows, Row{})
				continue
			}
			last := &rows[len(rows)-1]
			last.Panels = append(last.Panels, Panel{Width: 1 + int(b[i])%columns, Height: 1 + int(b[i+1])%12})
		}
		titles, at := layout(rows)
		var panels []grafanaPanel
		add := func(p position) {
			var g grafanaPanel
			g.GridPos = struct{ X, Y, W, H int }(p)
			panels = append(panels, g)
		}
		for i := range rows {
			add(titles[i])
			for _, p := range at[i] {
				add(p)
			}
		}
		noOverlap(t, "fuzz", panels)
	})
}
