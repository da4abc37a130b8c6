package api

import (
	"context"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/alert/rules"
	"github.com/pitot-dev/pitot/internal/alert/slo"
	"github.com/pitot-dev/pitot/internal/explain"
)

func TestExplain(t *testing.T) {
	var got explain.Request
	a := newAPI(t, func(o *Options) {
		o.Explain = func(_ context.Context, req explain.Request) (*explain.Explanation, error) {
			got = req
			if req.Window.Query == "broken" {
				return nil, &explain.RequestError{Param: "window", Message: "is broken"}
			}
			return &explain.Explanation{Metric: req.Metric, Summary: "nothing changed", Causes: []explain.Cause{}, Notes: []string{}, Exemplars: []explain.Exemplar{}}, nil
		}
	})
	e := decode[explain.Explanation](t, wantOK(t, a.get(base+"/explain?metric=latency&start=-2h&select=provider%3Dopenai+user!%3Du1&direction=up&causes=3")).Body.Bytes())
	if e.Summary != "nothing changed" || got.Metric != explain.LatencyP95 || got.Direction != 1 || got.MaxCauses != 3 {
		t.Errorf("%+v", got)
	}
	if w := got.Window; len(w.Ranges) != 1 || w.Ranges[0].Length() != 2*time.Hour || w.String() != "provider=openai user!=u1" {
		t.Errorf("window: %+v", w)
	}
	if b := got.Baseline; len(b.Ranges) != 0 || len(b.Terms) != 0 {
		t.Errorf("nothing was said of the baseline, and it is %+v", b)
	}
	wantOK(t, a.get(base+"/explain?metric=error_rate&select=model%3Da&baseline_start=-3h&baseline_end=-1h"))
	if b := got.Baseline; len(b.Ranges) != 1 || b.String() != "model=a" {
		t.Errorf("a baseline of another time has the window's calls, not %+v", b)
	}
	wantOK(t, a.get(base+"/explain?metric=error_rate&select=model%3Da&baseline=model%3Db"))
	if b := got.Baseline; len(b.Ranges) != 1 || b.Ranges[0] != got.Window.Ranges[0] || b.String() != "model=b" {
		t.Errorf("a baseline of other calls has the window's time, not %+v", b)
	}
	for _, bad := range []string{
		"?metric=colour", "?metric=errors&select=%3D", "?metric=errors&direction=left", "?metric=errors&causes=0", "?metric=errors&depth=4",
		"?metric=errors&baseline_start=-1h", "?metric=errors&time_zone=Mars", "?metric=errors&query=broken", "?metric=errors&x=1",
	} {
		wantError(t, a.get(base+"/explain"+bad), 400, CodeBadParameter)
	}
}

func TestSLOsAndRules(t *testing.T) {
	a := newAPI(t)
	if r := decode[SLOReport](t, wantOK(t, a.get(base+"/slos")).Body.Bytes()); r.SLOs == nil {
		t.Error("null objectives")
	}
	if r := decode[rules.Status](t, wantOK(t, a.get(base+"/rules")).Body.Bytes()); r.Packs == nil || r.Files == nil {
		t.Error("null rules")
	}
	a = newAPI(t, func(o *Options) {
		o.SLOs = func(context.Context) []slo.Status { return []slo.Status{{Name: "a", State: slo.StateBurning}} }
		o.Rules = func() rules.Status {
			return rules.Status{Packs: []rules.PackInfo{}, Files: []rules.FileStatus{}, Problems: []rules.Problem{{File: "x.yml", Line: 3, Reason: "broken"}}}
		}
	})
	if r := decode[SLOReport](t, wantOK(t, a.get(base+"/slos")).Body.Bytes()); len(r.SLOs) != 1 || r.SLOs[0].State != slo.StateBurning {
		t.Errorf("%+v", r)
	}
	if r := decode[rules.Status](t, wantOK(t, a.get(base+"/rules")).Body.Bytes()); len(r.Problems) != 1 || r.Problems[0].Line != 3 {
		t.Errorf("%+v", r)
	}
	wantError(t, a.get(base+"/slos?x=1"), 400, CodeBadParameter)
	wantError(t, a.get(base+"/rules?x=1"), 400, CodeBadParameter)
}
