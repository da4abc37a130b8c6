package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/metrics"
)

const outsideConfig = `storage:
  events: {cluster: {insert_urls: [http://127.0.0.1:1]}}
  metrics: {remote: {write_urls: [http://127.0.0.1:1/w], query_urls: [http://127.0.0.1:1]}}
`

func TestRoleNeedsOutsideStores(t *testing.T) {
	for _, c := range []struct {
		role   Role
		config string
		shard  string
		want   string
	}{
		{"", "", "", ""},
		{RoleAll, "", "", ""},
		{RoleAll, outsideConfig, "", ""},
		{RoleCapture, outsideConfig, "1/3", ""},
		{RoleQuery, outsideConfig, "", ""},
		{RoleCapture, "", "", "storage.events.cluster"},
		{RoleQuery, "storage: {events: {cluster: {insert_urls: [http://127.0.0.1:1]}}}", "", "storage.metrics.remote"},
		{"ingest", "", "", "use all, capture or query"},
		{RoleCapture, outsideConfig, "3/3", "--shard"},
		{RoleCapture, outsideConfig, "x", "--shard"},
		{RoleCapture, outsideConfig, "0/0", "--shard"},
	} {
		cfg, err := config.Parse("pitot.yml", []byte(c.config))
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{opts: Options{Role: c.role, Shard: c.shard}, config: cfg}
		err = s.checkRole()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q with shard %q: %v, want %q", c.role, c.shard, err, c.want)
		}
	}
}

func TestRoleHasItsPartOfTheAPI(t *testing.T) {
	all := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	for _, c := range []struct {
		role  Role
		path  string
		there bool
	}{
		{RoleAll, "/api/v1/write", true},
		{RoleAll, "/", true},
		{RoleCapture, "/-/ready", true},
		{RoleCapture, "/metrics", true},
		{RoleCapture, "/api/v1/write", true},
		{RoleCapture, "/api/v1/otlp/v1/metrics", true},
		{RoleCapture, "/api/pitot/v1/feedback", true},
		{RoleCapture, "/api/pitot/v1/calls", false},
		{RoleCapture, "/api/v1/query", false},
		{RoleCapture, "/", false},
		{RoleCapture, "/metricsx", false},
		{RoleQuery, "/api/v1/query", true},
		{RoleQuery, "/", true},
		{RoleQuery, "/api/v1/write", false},
		{RoleQuery, "/api/v1/otlp/v1/metrics", false},
	} {
		s := &Server{opts: Options{Role: c.role}}
		rec := httptest.NewRecorder()
		s.forRole(all).ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), http.MethodGet, c.path, nil))
		if there := rec.Code == http.StatusTeapot; there != c.there {
			t.Errorf("%s at a %s replica: status %d", c.path, c.role, rec.Code)
		}
		if !c.there && !strings.Contains(rec.Body.String(), `"wrong_role"`) {
			t.Errorf("%s: %s", c.path, rec.Body)
		}
	}
}

func TestOneReplicaAsksProbes(t *testing.T) {
	for _, c := range []struct {
		role  Role
		shard string
		want  bool
	}{{RoleAll, "", true}, {RoleQuery, "", false}, {RoleCapture, "", false}, {RoleCapture, "0/3", true}, {RoleCapture, "1/3", false}} {
		if got := (&Server{opts: Options{Role: c.role, Shard: c.shard}}).asksProbes(); got != c.want {
			t.Errorf("%s %s: %v", c.role, c.shard, got)
		}
	}
}

func TestShard(t *testing.T) {
	s := &Server{opts: Options{Shard: "2/5"}}
	if got, err := s.shard(); err != nil || got != (metrics.Shard{Index: 2, Count: 5}) {
		t.Errorf("%v, %v", got, err)
	}
}
