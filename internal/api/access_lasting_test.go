package api

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pitot-dev/pitot/internal/auth"
)

// TestAnswersEndWithTheirRight: an answer that lasts goes on as long as who asked
// may see it, and no longer.
func TestAnswersEndWithTheirRight(t *testing.T) {
	for name, c := range map[string]struct {
		path string
		end  func(*auth.Auth, string) error
	}{
		"live calls":        {"/api/pitot/v1/calls/follow", func(a *auth.Auth, id string) error { _, err := a.Keys().Revoke(id); return err }},
		"a tail of logs":    {"/select/logsql/tail?query=*", func(a *auth.Auth, id string) error { _, err := a.Keys().Revoke(id); return err }},
		"until its end":     {"/api/pitot/v1/calls/follow", func(*auth.Auth, string) error { <-time.After(2 * time.Hour); return nil }},
		"a metrics request": {"/api/v1/query?query=up", func(a *auth.Auth, id string) error { _, err := a.Keys().Revoke(id); return err }},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				lasting := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					w.WriteHeader(http.StatusOK)
					<-r.Context().Done()
				})
				live := newLive()
				a, guard := guarded(t, func(o *Options) {
					o.Live, o.Prometheus, o.Events = live.subscribe, lasting, lastingLogs{o.Events, lasting}
				})
				info, key, err := guard.Keys().Create(auth.NewKey{Name: "k", Scopes: []string{auth.ScopeContent}, Expires: time.Now().Add(time.Hour)}, "")
				if err != nil {
					t.Fatal(err)
				}
				ended := make(chan *httptest.ResponseRecorder, 1)
				go func() { ended <- a.as("", http.MethodGet, c.path, "", "X-API-Key", key) }()
				<-time.After(50 * time.Minute) // synctest's clock
				synctest.Wait()
				select {
				case w := <-ended:
					t.Fatalf("ended before: %d %s", w.Code, w.Body)
				default:
				}
				if err := c.end(guard, info.ID); err != nil {
					t.Fatal(err)
				}
				<-time.After(recheck) // synctest's clock
				synctest.Wait()
				select {
				case <-ended:
				default:
					t.Fatal("it goes on")
				}
			})
		})
	}
}

// lastingLogs are events with a LogsQL endpoint that answers for ever.
type lastingLogs struct {
	Events
	logs http.Handler
}

func (l lastingLogs) ProxyLogsQL() http.Handler { return l.logs }

// TestAuditComesFirst: the entry about an answer is there before the answer is, and
// says what was asked for in a body, too.
func TestAuditComesFirst(t *testing.T) {
	var guard *auth.Auth
	entries := func() []auth.Entry {
		e, err := guard.Audit().Read(auth.AuditQuery{AllTenants: true, Limit: 10})
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	var before []auth.Entry
	begins := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_ = r.ParseForm()
		_, _ = w.Write([]byte("begun"))
		before = entries()
	})
	a, g := guarded(t, func(o *Options) { o.Events = lastingLogs{o.Events, begins} })
	guard = g
	a.as("developer", http.MethodPost, "/select/logsql/query", "query=whatwasasked", "Content-Type", "application/x-www-form-urlencoded")
	if len(before) != 1 || before[0].Action != auth.ActionContent || before[0].Who != "developer" || before[0].Status != http.StatusOK || !strings.Contains(before[0].Detail, "whatwasasked") {
		t.Errorf("when the answer had begun: %+v", before)
	}
	if n := len(entries()); n != 1 {
		t.Errorf("%d entries about one request", n)
	}
	a.as("admin", http.MethodPost, "/api/pitot/v1/admin/data/erase", `{"user":"whoiserased"}`)
	a.as("admin", http.MethodGet, "/debug/pprof/heap", "")
	a.as("admin", http.MethodPost, "/alertmanager/api/v2/silences", `{"comment":"whatissilent`+strings.Repeat("x", 5000)+`"}`)
	got := entries()
	for what, ok := range map[string]func(auth.Entry) bool{
		"an erasure": func(e auth.Entry) bool {
			return e.Action == auth.ActionChange && strings.Contains(e.Detail, "whoiserased")
		},
		"a heap": func(e auth.Entry) bool { return e.Action == auth.ActionContent && e.Path == "/debug/pprof/heap" },
		"a silence": func(e auth.Entry) bool {
			return e.Action == auth.ActionChange && strings.HasSuffix(e.Path, "/silences")
		},
	} {
		if !slices.ContainsFunc(got, ok) {
			t.Errorf("%s is not there: %+v", what, got)
		}
	}
}

// TestFollowingIsAudited: errors of live calls have words.
func TestFollowingIsAudited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		live := newLive()
		a, guard := guarded(t, func(o *Options) { o.Live = live.subscribe })
		go a.as("developer", http.MethodGet, "/api/pitot/v1/calls/follow", "")
		synctest.Wait()
		e, err := guard.Audit().Read(auth.AuditQuery{AllTenants: true, Limit: 10})
		if err != nil || len(e) != 1 || e[0].Action != auth.ActionContent || e[0].Status != http.StatusOK {
			t.Errorf("while it goes on: %+v, %v", e, err)
		}
		close(live.ch)
		synctest.Wait()
	})
}
