package api

import (
	"context"
	"testing"

	"github.com/pitot-dev/pitot/internal/probe"
)

func TestProbes(t *testing.T) {
	a := newAPI(t)
	if r := decode[ProbesReport](t, wantOK(t, a.get(base+"/probes")).Body.Bytes()); r.Probes == nil || len(r.Probes) != 0 {
		t.Errorf("without probes: %+v", r)
	}
	wantError(t, a.get(base+"/probes?colour=red"), 400, CodeBadParameter)
	wantError(t, a.post(base+"/probes/p", ""), 404, CodeNotFound)

	st := probe.Status{Name: "p", Upstream: "openai", Model: "m", State: probe.StateOK, Counts: map[string]int64{"ok": 1}}
	a = newAPI(t, func(o *Options) {
		o.Probes = func() []probe.Status { return []probe.Status{st} }
		o.Probe = func(_ context.Context, name string) (probe.Status, bool) { return st, name == "p" }
	})
	if r := decode[ProbesReport](t, wantOK(t, a.get(base+"/probes")).Body.Bytes()); len(r.Probes) != 1 || r.Probes[0].Name != "p" {
		t.Errorf("%+v", r)
	}
	if r := decode[probe.Status](t, wantOK(t, a.post(base+"/probes/p", "")).Body.Bytes()); r.State != probe.StateOK {
		t.Errorf("%+v", r)
	}
	wantError(t, a.post(base+"/probes/q", ""), 404, CodeNotFound)
}
