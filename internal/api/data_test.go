package api

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
)

// fakeData remembers what it was asked.
type fakeData struct {
	clean   events.Cleaning
	erasure events.Erasure
	dry     bool
	metrics bool
	tenant  string
	all     bool
}

func (f *fakeData) Snapshot(context.Context) (*SnapshotReport, error) {
	return &SnapshotReport{ID: "s1", Dir: "/data/snapshots/s1", Created: now, Expires: now.Add(time.Hour), Version: "1", DataDir: "/data", Days: 3, HeldSeconds: 0.02}, nil
}

func (f *fakeData) ReleaseSnapshot(id string) (bool, error) { return id == callID, nil }

func (f *fakeData) Stats(ctx context.Context, r events.Range, all bool) (*DataReport, error) {
	f.tenant, f.all = llm.TenantOf(ctx), all
	return &DataReport{
		Time: now, Rows: []events.DataStat{{Day: r.End, Kind: "call", Service: "s", Rows: 1, Bytes: 2}},
		Days: []DataDay{{Day: now, Tier: "hot", Bytes: 3}}, Stores: map[string]int64{"events": 4}, Note: "n",
	}, nil
}

func (f *fakeData) Clean(ctx context.Context, c events.Cleaning, metrics, dry bool) (*CleanReport, error) {
	f.clean, f.metrics, f.dry, f.tenant = c, metrics, dry, llm.TenantOf(ctx)
	return &CleanReport{DryRun: dry, End: c.End, Rows: map[string]int64{"call": 5}, Days: []string{"20260101"}, Metrics: metrics}, nil
}

func (f *fakeData) Erase(ctx context.Context, e events.Erasure, dry bool) (*EraseReport, error) {
	f.erasure, f.dry, f.tenant = e, dry, llm.TenantOf(ctx)
	if _, _, err := e.Field(); err != nil {
		return nil, err
	}
	return &EraseReport{DryRun: dry, Time: now, Rows: map[string]int64{"call": 1}, Done: []string{"d"}, NotReached: []string{"n"}}, nil
}

func TestDataEndpoints(t *testing.T) {
	f := &fakeData{}
	a := newAPI(t, func(o *Options) { o.Data = f })
	wantOK(t, a.post("/api/pitot/v1/admin/snapshots", ""))
	remove := func(id string) *httptest.ResponseRecorder {
		return a.do(httptest.NewRequest(http.MethodDelete, "/api/pitot/v1/admin/snapshots/"+id, http.NoBody))
	}
	wantOK(t, remove(callID))
	if w := remove("other"); w.Code != http.StatusNotFound {
		t.Errorf("a snapshot that is none: %d", w.Code)
	}
	wantOK(t, a.get("/api/pitot/v1/admin/data"))
	if w := a.get("/api/pitot/v1/admin/data?nonsense=1"); w.Code != http.StatusBadRequest {
		t.Errorf("an unknown parameter: %d", w.Code)
	}

	wantOK(t, a.post("/api/pitot/v1/admin/data/clean", `{"older_than":"2d","service":"s","kinds":["log"],"metrics":true}`))
	want := events.Cleaning{Range: events.Range{End: now.Add(-48 * time.Hour)}, Service: "s", Kinds: []string{"log"}}
	if diff := cmp.Diff(want, f.clean); diff != "" || !f.dry || !f.metrics {
		t.Errorf("dry %v, metrics %v (-want +got):\n%s", f.dry, f.metrics, diff)
	}
	wantOK(t, a.post("/api/pitot/v1/admin/data/erase", `{"user":"u","dry_run":false}`))
	if f.dry || f.erasure.User != "u" {
		t.Errorf("dry %v, %+v", f.dry, f.erasure)
	}
	wantOK(t, a.post("/api/pitot/v1/admin/data/erase", `{"call_id":"c"}`))
	if !f.dry {
		t.Error("it was no dry run though nobody asked for more")
	}
	for path, body := range map[string]string{
		"clean": `{"older_than":"soon"}`, "erase": `{}`, "clean ": `{"older_than":"1d","colour":"red"}`, "erase ": `{"user":"u"}{"user":"v"}`, "erase  ": `{"user":"u","session":"s"}`, "clean  ": `[`,
	} {
		if w := a.post("/api/pitot/v1/admin/data/"+strings.TrimSpace(path), body); w.Code != http.StatusBadRequest {
			t.Errorf("%s %s: %d %s", path, body, w.Code, w.Body)
		}
	}
}

// TestDataOfOneTenant names whose data is meant.
func TestDataOfOneTenant(t *testing.T) {
	f := &fakeData{}
	a := newAPI(t, func(o *Options) { o.Data = f })
	erase, clean := "/api/pitot/v1/admin/data/erase", "/api/pitot/v1/admin/data/clean"
	for _, tenant := range []string{"", "acme", "acme/web"} {
		q := "?tenant=" + tenant
		for path, body := range map[string]string{erase: `{"user":"u"}`, clean: `{"older_than":"1d"}`} {
			f.tenant = "nobody"
			if wantOK(t, a.post(path+q, body)); f.tenant != tenant {
				t.Errorf("%s%s is about %q", path, q, f.tenant)
			}
		}
		if wantOK(t, a.get("/api/pitot/v1/admin/data"+q)); f.tenant != tenant || f.all != (tenant == "") {
			t.Errorf("stats of %q are about %q, all: %v", tenant, f.tenant, f.all)
		}
	}
	f.tenant = "nobody"
	for path, body := range map[string]string{erase: `{"user":"u"}`, clean: `{"older_than":"1d"}`} {
		for _, q := range []string{"?tenant=A+B", "?tenant=..%2Fx", "?tenants=acme", "?tenant=acme&tenant=beta"} {
			if w := a.post(path+q, body); w.Code != http.StatusBadRequest || f.tenant != "nobody" {
				t.Errorf("%s%s: %d %s", path, q, w.Code, w.Body)
			}
		}
	}
}
