package dashboard

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/google/go-cmp/cmp"
)

func TestTheDashboardsThatWereAskedFor(t *testing.T) {
	var ids []string
	uids := map[string]string{}
	for _, d := range Dashboards() {
		ids = append(ids, d.ID)
		uids[d.UID] = d.Title.EN
		if !strings.HasPrefix(d.UID, "pitot-") && d.UID != "nexent-llm-perf" {
			t.Errorf("%s: uid %q", d.ID, d.UID)
		}
	}
	want := []string{
		"overview", "performance", "agents", "models", "cost", "experience", "infrastructure", "slo",
		"on-call", "developer", "finance", "product",
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Error(diff)
	}
	if len(uids) != len(want) {
		t.Errorf("%d different uids of %d dashboards", len(uids), len(want))
	}
	if got := uids["nexent-llm-perf"]; got != "Nexent LLM Performance Dashboard" {
		t.Errorf("nexent-llm-perf is %q", got)
	}
}

func TestNexentsFivePanels(t *testing.T) {
	d := performance()
	var titles []string
	for _, p := range d.Rows[0].Panels {
		titles = append(titles, p.Title.EN)
	}
	want := []string{"LLM Request Duration", "Token Generation Rate", "Time to First Token (TTFT)", "Token Throughput", "LLM Error Rate"}
	if diff := cmp.Diff(want, titles); diff != "" || d.Refresh != "5s" || d.From != "now-1h" {
		t.Errorf("refresh %s, from %s, panels %s", d.Refresh, d.From, diff)
	}
}

func TestDefinitionsAreWhole(t *testing.T) {
	for _, d := range Dashboards() {
		if len(d.Rows) == 0 || len(d.Roles) == 0 || d.From == "" || d.Refresh == "" {
			t.Errorf("%s: no rows, roles, range or refresh", d.ID)
		}
		translated(t, d.ID, d.Title)
		translated(t, d.ID, d.Description)
		seen := map[string]bool{}
		for _, r := range d.Rows {
			translated(t, d.ID, r.Title)
			if len(r.Panels) == 0 {
				t.Errorf("%s: nothing in %q", d.ID, r.Title.EN)
			}
			for _, p := range r.Panels {
				where := d.ID + "/" + p.ID
				if p.ID == "" || seen[p.ID] {
					t.Errorf("%s: a panel of no or a second time of this id", where)
				}
				seen[p.ID] = true
				panelIsWhole(t, where, p)
			}
		}
	}
}

func panelIsWhole(t *testing.T, where string, p Panel) {
	t.Helper()
	kinds := []Kind{Timeseries, Stat, Table, Heatmap, Bar, Traces, TextPanel}
	if !slices.Contains(kinds, p.Kind) {
		t.Errorf("%s: kind %q", where, p.Kind)
		return
	}
	translated(t, where, p.Title)
	translated(t, where, p.Description)
	if p.Width < 1 || p.Width > columns || p.Height < 3 {
		t.Errorf("%s: %d x %d cells", where, p.Width, p.Height)
	}
	if (p.Kind == Traces) != (p.Trace != nil) || (p.Kind == TextPanel) != (p.Content != nil) {
		t.Errorf("%s: kind %s with the content of another", where, p.Kind)
	}
	if (len(p.Targets) == 0) != (p.Kind == Traces || p.Kind == TextPanel) {
		t.Errorf("%s: %d queries of a %s", where, len(p.Targets), p.Kind)
	}
	if !slices.IsSortedFunc(p.Thresholds, func(a, b Threshold) int {
		if a.Value < b.Value {
			return -1
		}
		return 1
	}) || (len(p.Thresholds) > 0) != (p.Base != "") {
		t.Errorf("%s: thresholds %v from %q", where, p.Thresholds, p.Base)
	}
	for i, target := range p.Targets {
		if target.Ref != string(rune('A'+i)) || strings.TrimSpace(target.Expr) == "" {
			t.Errorf("%s: query %q: %q", where, target.Ref, target.Expr)
		}
		if p.Kind == Table && (target.Legend.EN == "" || !target.Instant || (target.Unit == "" && p.Unit == "")) {
			t.Errorf("%s: column %s needs a title, a unit, and one value", where, target.Ref)
		}
		if target.Exemplars && target.Instant {
			t.Errorf("%s: exemplars of one instant", where)
		}
		if (target.Legend.EN == "") != (target.Legend.ZH == "") {
			t.Errorf("%s: legend in one language", where)
		}
	}
	for _, l := range p.Links {
		translated(t, where, l.Title)
	}
}

// translated wants both languages, and no English in place of Chinese but names.
func translated(t *testing.T, where string, text Text) {
	t.Helper()
	han := strings.ContainsFunc(text.ZH, func(r rune) bool { return unicode.Is(unicode.Han, r) })
	if text.EN == "" || text.ZH == "" || (!han && text.EN != text.ZH) {
		t.Errorf("%s: %q in Chinese: %q", where, text.EN, text.ZH)
	}
	if strings.ContainsFunc(text.EN, func(r rune) bool { return unicode.Is(unicode.Han, r) }) {
		t.Errorf("%s: %q is not English", where, text.EN)
	}
}

func TestEveryRoleHasItsDashboards(t *testing.T) {
	for _, role := range []Role{OnCall, Developer, Finance, Product} {
		n := 0
		for _, d := range Dashboards() {
			if slices.Contains(d.Roles, role) {
				n++
			}
		}
		if n < 3 {
			t.Errorf("%s: %d dashboards", role, n)
		}
	}
}

// TestJSONForPages pins the names that Pitot's pages read.
func TestJSONForPages(t *testing.T) {
	text, err := json.Marshal(Dashboards()[0])
	if err != nil {
		t.Fatal(err)
	}
	var d struct {
		ID, UID, From, Refresh string
		Title                  map[string]string
		Roles                  []string
		Variables              []map[string]any
		Rows                   []struct {
			Title  map[string]string
			Panels []struct {
				ID, Kind, Unit, Base string
				Width, Height        int
				Thresholds           []struct {
					Value float64
					Level string
				}
				Targets []map[string]any
				Links   []map[string]any
			}
		}
	}
	if err := json.Unmarshal(text, &d); err != nil {
		t.Fatal(err)
	}
	p := d.Rows[0].Panels[1]
	if d.Title["zh"] != "大模型总览" || p.ID != "error_ratio_now" || p.Kind != "stat" || p.Unit != "ratio" || p.Base != "ok" || p.Thresholds[1].Level != "critical" {
		t.Errorf("dashboard %+v", d)
	}
	if v := d.Variables[1]; v["name"] != "service" || v["kind"] != "label" || v["selector"] != "llm_requests_total" || v["from"] != "service" || v["multi"] != true {
		t.Errorf("variable %v", v)
	}
	for _, key := range []string{"ref", "expr", "legend"} {
		if _, ok := p.Targets[0][key]; !ok {
			t.Errorf("a target without %s: %v", key, p.Targets[0])
		}
	}
}
