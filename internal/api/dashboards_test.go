package api

import (
	"strings"
	"testing"
)

func TestDashboards(t *testing.T) {
	a := newAPI(t)
	if got := strings.TrimSpace(wantOK(t, a.get(base+"/dashboards")).Body.String()); got != `{"dashboards":[]}` {
		t.Errorf("without any: %s", got)
	}
	a = newAPI(t, func(o *Options) { o.Dashboards = func() any { return []map[string]string{{"uid": "a"}} } })
	if got := strings.TrimSpace(wantOK(t, a.get(base+"/dashboards")).Body.String()); got != `{"dashboards":[{"uid":"a"}]}` {
		t.Errorf("%s", got)
	}
	wantError(t, a.get(base+"/dashboards?x=1"), 400, CodeBadParameter)
}
