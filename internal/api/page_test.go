package api

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

func TestPage(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	for name, c := range map[string]struct {
		url, language string
		texts         []string
		not           string
	}{
		"English":       {"/", "", []string{`<html lang="en">`, "Requests", "Latest calls", "Cost", ">中文<", "2 calls unpriced", "look again"}, "请求数"},
		"Chinese":       {"/", "zh-CN,zh;q=0.9,en;q=0.8", []string{`<html lang="zh-CN">`, "请求数", "最新调用", "费用", ">English<", "2 次调用无价格"}, "Latest calls"},
		"English first": {"/", "en-US,zh;q=0.9", []string{`<html lang="en">`, "Requests"}, "请求数"},
		"asked Chinese": {"/?lang=zh", "en", []string{"请求数"}, "Latest calls"},
		"asked English": {"/?lang=en", "zh", []string{"Requests"}, "请求数"},
	} {
		r := httptest.NewRequest(http.MethodGet, c.url, http.NoBody)
		r.Header.Set("Accept-Language", c.language)
		w := wantOK(t, a.do(r))
		body := w.Body.String()
		for _, text := range append(c.texts, "100", "99.00", "gpt-4o", callID, "rate_limit_exceeded", "$1.25", "310 ms", "120 → 34") {
			if !strings.Contains(body, text) {
				t.Errorf("%s: no %q", name, text)
			}
		}
		if strings.Contains(body, c.not) {
			t.Errorf("%s: there is %q", name, c.not)
		}
		if ct := w.Header().Get("Content-Type"); ct != "text/html; charset=utf-8" {
			t.Errorf("content type %q", ct)
		}
		if csp := w.Header().Get("Content-Security-Policy"); !strings.Contains(csp, "default-src 'none'") || strings.Contains(csp, "script-src") {
			t.Errorf("content security policy %q", csp)
		}
	}
}

// TestPageEscapes plants markup in all that comes from outside.
func TestPageEscapes(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	a := newAPI(t, func(o *Options) {
		o.Status = func(context.Context) Status {
			s := fullStatus()
			s.Version, s.State = evil, evil
			s.Listeners["gateway"] = evil
			s.Components = []Component{{Name: evil, State: evil, Detail: evil, Hint: evil}}
			return s
		}
	})
	a.events.full()
	a.events.summary = func(context.Context, events.CallFilter) (*events.Summary, error) {
		return &events.Summary{Errors: []events.FacetValue{{Value: evil, Count: 1}}}, nil
	}
	a.events.models = func(context.Context, events.CallFilter) ([]events.ModelStat, error) {
		return []events.ModelStat{{Provider: evil, Model: evil}}, nil
	}
	a.events.calls = func(context.Context, events.CallQuery) (events.CallPage, error) {
		c := fullCall()
		c.ID, c.Service, c.ResponseModel, c.RequestModel, c.User, c.ErrorType, c.Status = evil, evil, evil, evil, evil, evil, evil
		return events.CallPage{Calls: []*llm.Call{c}}, nil
	}
	check := func(when string) {
		body := wantOK(t, a.get("/?lang="+`zh"><script>`)).Body.String()
		if n := strings.Count(body, "alert(1)"); n < 5 && when != "failed" {
			t.Errorf("%s: the values are there %d times only", when, n)
		}
		for _, bad := range []string{"<script", "<img"} {
			if strings.Contains(strings.ToLower(body), bad) {
				t.Errorf("%s: %s in the page", when, bad)
			}
		}
	}
	check("full")
	a.events.calls = func(context.Context, events.CallQuery) (events.CallPage, error) { return events.CallPage{}, nil }
	check("no calls") // shows the gateway's address
	a.events.failing(errors.New(evil))
	check("failed")
}

// TestPageWithoutStore: the page is where one looks when nothing works.
func TestPageWithoutStore(t *testing.T) {
	a := newAPI(t)
	a.events.failing(&events.UnavailableError{Op: "sum up", Err: errors.New("connection refused")})
	body := wantOK(t, a.get("/")).Body.String()
	for _, text := range []string{"connection refused", "degraded", "look again", "None yet", "http://127.0.0.1:4401/openai/v1"} {
		if !strings.Contains(body, text) {
			t.Errorf("no %q in %s", text, body)
		}
	}
}

func TestPageOfAnEmptyStore(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	a.events.summary = func(context.Context, events.CallFilter) (*events.Summary, error) { return &events.Summary{}, nil }
	a.events.models = func(context.Context, events.CallFilter) ([]events.ModelStat, error) { return nil, nil }
	a.events.calls = func(context.Context, events.CallQuery) (events.CallPage, error) { return events.CallPage{}, nil }
	body := wantOK(t, a.get("/")).Body.String()
	if !strings.Contains(body, "None yet") || strings.Contains(body, "100.00 %") || strings.Contains(body, "NaN") {
		t.Errorf("%s", body)
	}
}

// TestPageShowsNoZeroForTheUnknown: a model without a price costs no $0.00.
func TestPageShowsNoZeroForTheUnknown(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	a.events.models = func(context.Context, events.CallFilter) ([]events.ModelStat, error) {
		return []events.ModelStat{{Provider: "vllm", Model: "in-house", Totals: events.Totals{
			Calls: 3, ByState: map[llm.CostState]events.StateTotal{llm.CostUnpriced: {Calls: 3}},
		}}}, nil
	}
	body := wantOK(t, a.do(httptest.NewRequest(http.MethodGet, "/", http.NoBody))).Body.String()
	_, line, _ := strings.Cut(body, "<td>in-house")
	line, _, _ = strings.Cut(line, "</tr>")
	if !strings.Contains(line, "unpriced") || strings.Contains(line, "$0") {
		t.Errorf("the model's line: %s", line)
	}
}
