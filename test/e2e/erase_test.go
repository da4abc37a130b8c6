//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

// erasable are words that only one user's records hold.
var erasable = []string{"canaryuser", "canarysession", "canaryprompt", "canarytag"}

// TestEraseLeavesNoByte erases a user of a server with everything that could
// hold him: event store, journal, a budget for each user, a metric label; and
// searches every byte of the data directory, decompressed, before and after.
func TestEraseLeavesNoByte(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{TruthSize: 1 << 16})
	config := upstreamConfig(up.url) + `
labels: {user: {from: user}}
budgets:
  - {name: each, each: user, unit: tokens, limit: 100000}
`
	s := serve(t, setup{config: config, level: "debug"}).ready()
	send := func(i int, user, prompt string) {
		t.Helper()
		body := fmt.Sprintf(`{"model":"gpt-4o-mini","messages":[{"role":"user","content":%q}]}`, prompt)
		status, b := s.post("/openai/v1/chat/completions", body, "X-Pitot-Service", "shop", "X-Pitot-User", user, "X-Pitot-Session", user+"-s"+fmt.Sprint(i%3),
			"X-Pitot-Tag-Note", "of "+user, "X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Delay", "5ms", "X-Fake-Chunk-Interval", "1ms")
		if status != http.StatusOK {
			t.Fatalf("status %d: %s", status, b)
		}
	}
	const others, own = 120, 12
	for i := range others {
		send(i, fmt.Sprint("other", i%7), fmt.Sprintf("question %d of somebody", i))
		if i%10 == 0 {
			status, b := s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini","messages":[{"role":"user","content":"canaryprompt, what is it?"}]}`,
				"X-Pitot-Service", "shop", "X-Pitot-User", "canaryuser", "X-Pitot-Session", "canarysession", "X-Pitot-Tag-Note", "canarytag", "X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Delay", "5ms", "X-Fake-Chunk-Interval", "1ms")
			if status != http.StatusOK {
				t.Fatalf("status %d: %s", status, b)
			}
		}
	}
	calls := s.waitCalls(own, url.Values{"user": {"canaryuser"}})
	if status, b, err := s.try(http.MethodPost, s.api+"/api/pitot/v1/feedback", strings.NewReader(fmt.Sprintf(`{"call_id":%q,"name":"helpful","score":1,"comment":"canaryprompt was good"}`, calls[0].ID))); err != nil || status != http.StatusOK {
		t.Fatalf("feedback: %v %d %s", err, status, b)
	}
	// All that can hold him does; a search that finds nothing now would prove
	// nothing later.
	where := map[string]bool{}
	testkit.Eventually(t, "his words are in the files of all stores", func() bool {
		hits, _, err := residue.Find(s.data, erasable...)
		if err != nil {
			t.Fatal(err)
		}
		clear(where)
		for _, h := range hits {
			where[strings.Split(h.File, string(filepath.Separator))[0]] = true
			where[h.Needle] = true
		}
		return where["events"] && where["journal"] && where["metrics"] && where["budgets.json"] && where["canaryuser"] && where["canarysession"] && where["canaryprompt"] && where["canarytag"]
	})

	// While a backup is made its snapshot would keep him.
	var snap struct {
		ID string `json:"id"`
	}
	status, b, err := s.try(http.MethodPost, s.api+"/api/pitot/v1/admin/snapshots", nil)
	if err != nil || status != http.StatusOK || json.Unmarshal(b, &snap) != nil {
		t.Fatalf("snapshot: %v %d %s", err, status, b)
	}
	if _, stderr, code := pitot(t, nil, "data", "erase", "--server", s.api, "--user", "canaryuser", "--yes"); code == 0 || !strings.Contains(stderr, "a backup is being made") {
		t.Errorf("erase during a backup: exit %d: %s", code, stderr)
	}
	if status, b, err := s.try(http.MethodDelete, s.api+"/api/pitot/v1/admin/snapshots/"+snap.ID, nil); err != nil || status != http.StatusOK {
		t.Fatalf("release: %v %d %s", err, status, b)
	}

	out, stderr, code := pitot(t, nil, "data", "erase", "--server", s.api, "--user", "canaryuser")
	if code != 0 || !strings.Contains(out, fmt.Sprintf("would erase %d call", own)) || !strings.Contains(out, "nothing was erased") {
		t.Errorf("dry run: exit %d: %s%s", code, out, stderr)
	}
	s.waitCalls(own, url.Values{"user": {"canaryuser"}})
	out, stderr, code = pitot(t, nil, "data", "erase", "--server", s.api, "--user", "canaryuser", "--yes")
	if code != 0 || !strings.Contains(out, fmt.Sprintf("erased %d call", own)) || !strings.Contains(out, "backups made before") {
		t.Fatalf("erase: exit %d: %s%s", code, out, stderr)
	}
	t.Log(out)
	// The metrics' files follow at the next start, as the command says, and a file
	// says which; all others are clean now.
	hits, frames, err := residue.Find(s.data, erasable...)
	if err != nil || frames == 0 {
		t.Fatal(frames, err)
	}
	for _, h := range hits {
		if !strings.HasPrefix(h.File, "metrics") {
			t.Errorf("left while the server runs: %+v", h)
		}
	}
	s.stop()
	r := serve(t, setup{config: config, data: s.data}).ready()
	if hits, frames, err = residue.Find(s.data, erasable...); err != nil || len(hits) > 0 || frames == 0 {
		t.Errorf("left after the restart, in %d compressed blocks: %v %v", frames, hits, err)
	}
	if got := len(r.calls(url.Values{"service": {"shop"}, "start": {"-1h"}})); got != others {
		t.Errorf("%d calls of others are left, want %d", got, others)
	}
	// A sample of another user is still there, of him none.
	at := url.Values{"query": {`count by (user) (last_over_time(llm_requests_total{service="shop"}[1h]))`}, "time": {fmt.Sprint(time.Now().Unix())}}
	if status, body := r.get("/api/v1/query", at); status != http.StatusOK || !strings.Contains(body, "other1") || strings.Contains(body, "canaryuser") {
		t.Errorf("series: %d %s", status, body)
	}
	if strings.Contains(s.Output()+r.Output(), "canary") {
		t.Error("the log holds words of his")
	}
	r.stop()
}

// TestDataCommands shows and cleans data by the commands.
func TestDataCommands(t *testing.T) {
	t.Parallel()
	up := simulate(t, provider.Config{TruthSize: 1 << 12})
	s := serve(t, setup{config: upstreamConfig(up.url)}).ready()
	for i := range 20 {
		status, b := s.post("/openai/v1/chat/completions", `{"model":"gpt-4o-mini",`+chatMessages+`}`, "X-Pitot-Service", fmt.Sprint("svc", i%2), "X-Fake-Status", "200", "X-Fake-Tool", "none", "X-Fake-Delay", "5ms", "X-Fake-Chunk-Interval", "1ms")
		if status != http.StatusOK {
			t.Fatalf("status %d: %s", status, b)
		}
	}
	s.waitCalls(20, nil)
	for by, want := range map[string]string{"day": time.Now().UTC().Format(time.DateOnly), "kind": "call", "service": "svc1"} {
		out, stderr, code := pitot(t, nil, "data", "stats", "--server", s.api, "--by", by)
		if code != 0 || !strings.Contains(out, want) || !strings.Contains(out, "events ") {
			t.Errorf("stats by %s: exit %d: %s%s", by, code, out, stderr)
		}
	}
	clean := func(args ...string) string {
		t.Helper()
		out, stderr, code := pitot(t, nil, append([]string{"data", "clean", "--server", s.api}, args...)...)
		if code != 0 {
			t.Fatalf("clean %v: exit %d: %s", args, code, stderr)
		}
		return out
	}
	if out := clean("--older-than", "0s", "--service", "svc0"); !strings.Contains(out, "would remove") || !strings.Contains(out, "10 call") {
		t.Errorf("dry run: %s", out)
	}
	s.waitCalls(20, nil)
	if out := clean("--older-than", "0s", "--service", "svc0", "--yes"); !strings.Contains(out, "10 call") {
		t.Errorf("clean: %s", out)
	}
	if got := s.calls(url.Values{"start": {"-1h"}}); len(got) != 10 {
		t.Errorf("%d calls are left, want 10", len(got))
	}
	if _, stderr, code := pitot(t, nil, "data", "clean", "--server", s.api, "--older-than", "long"); code == 0 || !strings.Contains(stderr, "older_than") {
		t.Errorf("a bad age: exit %d: %s", code, stderr)
	}
	s.stop()
}
