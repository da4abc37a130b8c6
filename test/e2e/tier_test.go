//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// oldSpans are OTLP spans of calls, one an hour, of a day.
func oldSpans(day time.Time) string {
	var spans []string
	for h := range 24 {
		at := day.Add(time.Duration(h)*time.Hour + time.Minute)
		spans = append(spans, fmt.Sprintf(
			`{"traceId":"%032x","spanId":"%016x","name":"chat m","kind":3,"startTimeUnixNano":"%d","endTimeUnixNano":"%d","attributes":[`+
				`{"key":"gen_ai.operation.name","value":{"stringValue":"chat"}},{"key":"gen_ai.provider.name","value":{"stringValue":"openai"}},`+
				`{"key":"gen_ai.request.model","value":{"stringValue":"gpt-4o"}},{"key":"gen_ai.usage.input_tokens","value":{"intValue":"100"}},`+
				`{"key":"gen_ai.usage.output_tokens","value":{"intValue":"50"}}]}`,
			at.UnixNano(), at.UnixNano(), at.UnixNano(), at.Add(time.Second).UnixNano(),
		))
	}
	return `{"resourceSpans":[{"resource":{"attributes":[{"key":"service.name","value":{"stringValue":"old"}}]},"scopeSpans":[{"spans":[` + strings.Join(spans, ",") + `]}]}]}`
}

// partitions are the days that the engine has on the local disk.
func partitions(t *testing.T, s *server) []string {
	t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.data, "events", "partitions"))
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

// TestColdDays moves days of a real engine to another directory, brings them
// back for a question, kills the server on the way, and erases in cold days.
func TestColdDays(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{}).ready()
	today := time.Now().UTC().Truncate(24 * time.Hour)
	days := []time.Time{today.AddDate(0, 0, -6), today.AddDate(0, 0, -5), today.AddDate(0, 0, -4)}
	for _, d := range days {
		if status, body, err := s.try(http.MethodPost, s.otlp+"/v1/traces", strings.NewReader(oldSpans(d))); err != nil || status != http.StatusOK {
			t.Fatalf("spans: %v %d %s", err, status, body)
		}
	}
	all := url.Values{"start": {days[0].Format(time.RFC3339)}, "end": {today.Format(time.RFC3339)}}
	want := s.waitCalls(72, all)
	testkit.Eventually(t, "all is stored", func() bool { return s.ledger("otlp").InFlight == 0 })
	data := s.data
	s.stop()

	place := filepath.Join(t.TempDir(), "cold")
	config := fmt.Sprintf("storage: {events: {retention: 2d, cold: {location: %q, retention: 30d}}}\n", place)
	s = serve(t, setup{config: config, data: data}).ready()
	name := func(d time.Time) string { return d.Format("20060102") }
	gone := func() bool {
		here := partitions(t, s)
		return !slices.Contains(here, name(days[0])) && !slices.Contains(here, name(days[1])) && !slices.Contains(here, name(days[2]))
	}
	testkit.Eventually(t, "the old days have moved", gone)
	// A question brings its day back, and only that.
	day := func(d time.Time) url.Values {
		return url.Values{"start": {d.Format(time.RFC3339)}, "end": {d.Add(24*time.Hour - 1).Format(time.RFC3339)}}
	}
	begun := time.Now()
	if got := s.calls(day(days[1])); len(got) != 24 {
		t.Errorf("%d calls of a cold day, want 24", len(got))
	}
	t.Logf("the answer about a cold day took %v", time.Since(begun))
	if here := partitions(t, s); !slices.Contains(here, name(days[1])) || slices.Contains(here, name(days[0])) {
		t.Errorf("days here: %v", here)
	}
	checkColdDoors(t, s, days)
	// Killed with a day on both sides: nothing is doubled.
	killServer(t, s)
	s = serve(t, setup{config: config, data: data}).ready()
	ids := map[string]int{}
	for _, c := range s.calls(all) {
		ids[c.ID]++
	}
	for _, c := range want {
		if ids[c.ID] != 1 {
			t.Errorf("call %s is there %d times", c.ID, ids[c.ID])
		}
	}
	// What cannot be brought back is said.
	if err := os.Rename(place, place+".away"); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s = serve(t, setup{config: config, data: data}).ready()
	if err := os.RemoveAll(place); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(place+".away", place); err != nil {
		t.Fatal(err)
	}
	s.stop()
	s = serve(t, setup{config: config, data: data}).ready()
	testkit.Eventually(t, "the old days have moved again", gone)
	values := filepath.Join(place, "days", name(days[0]))
	if err := os.Rename(values, values+".away"); err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.api+"/api/pitot/v1/calls?"+day(days[0]).Encode(), nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	if h := resp.Header.Get("Pitot-Partial"); resp.StatusCode != http.StatusOK || !strings.Contains(h, name(days[0])) {
		t.Errorf("status %d, Pitot-Partial: %q", resp.StatusCode, h)
	}
	checkColdWarnings(t, s, days[0])
	checkColdExports(t, s, days[0], false)
	if err := os.Rename(values+".away", values); err != nil {
		t.Fatal(err)
	}
	checkColdExports(t, s, days[0], true)
	checkColdBackup(t, s, values)
	// Erasing reaches cold days.
	out, stderr, code := pitot(t, nil, "data", "erase", "--server", s.api, "--call", want[0].ID, "--yes")
	if code != 0 || !strings.Contains(out, "cold storage: 3 days") {
		t.Errorf("erase: exit %d: %s%s", code, out, stderr)
	}
	if got := s.calls(all); len(got) != 71 {
		t.Errorf("%d calls are left, want 71", len(got))
	}
	s.stop()
}

// TestRestoredDayJoinsItsColdCopy restores a backup of a day which has got more
// calls and has become cold since: those of both are there, each once.
func TestRestoredDayJoinsItsColdCopy(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{}).ready()
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -5)
	all := url.Values{"start": {day.Format(time.RFC3339)}, "end": {day.AddDate(0, 0, 2).Format(time.RFC3339)}}
	send := func(first time.Time) {
		t.Helper()
		if status, body, err := s.try(http.MethodPost, s.otlp+"/v1/traces", strings.NewReader(oldSpans(first))); err != nil || status != http.StatusOK {
			t.Fatalf("spans: %v %d %s", err, status, body)
		}
	}
	send(day)
	s.waitCalls(24, all)
	repo := filepath.Join(t.TempDir(), "backups")
	if out, stderr, code := pitot(t, nil, "backup", repo, "--server", s.api); code != 0 {
		t.Fatalf("backup: exit %d: %s%s", code, out, stderr)
	}
	send(day.Add(5 * time.Minute))
	want := s.waitCalls(48, all)
	testkit.Eventually(t, "all is stored", func() bool { return s.ledger("otlp").InFlight == 0 })
	s.stop()
	config := fmt.Sprintf("storage: {events: {retention: 2d, cold: {location: %q, retention: 30d}}}\n", filepath.Join(t.TempDir(), "cold"))
	s = serve(t, setup{config: config, data: s.data}).ready()
	gone := func() bool { return !slices.Contains(partitions(t, s), day.Format("20060102")) }
	testkit.Eventually(t, "the day has moved", gone)
	s.stop()

	data := filepath.Join(t.TempDir(), "restored")
	if out, stderr, code := pitot(t, nil, "restore", repo, "--data", data); code != 0 {
		t.Fatalf("restore: exit %d: %s%s", code, out, stderr)
	}
	s = serve(t, setup{config: config, data: data}).ready()
	check := func(when string) {
		t.Helper()
		ids := map[string]int{}
		for _, c := range s.calls(all) {
			ids[c.ID]++
		}
		for _, c := range want {
			if ids[c.ID] != 1 {
				t.Errorf("%s: call %s is there %d times", when, c.ID, ids[c.ID])
			}
		}
	}
	check("at once")
	s.stop()
	s = serve(t, setup{config: config, data: data}).ready()
	testkit.Eventually(t, "the day has moved again", gone)
	check("brought back")
	s.stop()
}

// TestJournalComesBeforeDaysMove: records of a day that wait in the journal, of a
// server that was killed, must be stored before the day becomes cold for want of
// space, and takes none.
func TestJournalComesBeforeDaysMove(t *testing.T) {
	t.Parallel()
	s := serve(t, setup{}).ready()
	day := time.Now().UTC().Truncate(24*time.Hour).AddDate(0, 0, -6)
	all := url.Values{"start": {day.Format(time.RFC3339)}, "end": {day.AddDate(0, 0, 4).Format(time.RFC3339)}}
	send := func(first time.Time) {
		t.Helper()
		if status, body, err := s.try(http.MethodPost, s.otlp+"/v1/traces", strings.NewReader(oldSpans(first))); err != nil || status != http.StatusOK {
			t.Fatalf("spans: %v %d %s", err, status, body)
		}
	}
	for d := range 3 {
		send(day.AddDate(0, 0, d))
	}
	s.waitCalls(72, all)
	testkit.Eventually(t, "all is stored", func() bool { return s.ledger("otlp").InFlight == 0 })
	send(day.Add(5 * time.Minute))
	killServer(t, s)
	// A file with a hole makes the days too large.
	ballast := filepath.Join(s.data, "events", "partitions", day.AddDate(0, 0, 2).Format("20060102"), "snapshots", "ballast")
	if err := os.MkdirAll(filepath.Dir(ballast), 0o700); err != nil {
		t.Fatal(err)
	}
	write(t, ballast, "")
	if err := os.Truncate(ballast, 100<<20); err != nil {
		t.Fatal(err)
	}
	config := fmt.Sprintf("storage: {events: {max_disk: 64MiB, cold: {location: %q, retention: 30d}}}\n", filepath.Join(t.TempDir(), "cold"))
	s = serve(t, setup{config: config, data: s.data}).ready()
	testkit.Eventually(t, "the day has moved", func() bool { return !slices.Contains(partitions(t, s), day.Format("20060102")) })
	testkit.Eventually(t, "the journal is delivered", func() bool { return s.ledger("otlp").InFlight == 0 })
	l := s.ledger("otlp")
	if got := s.calls(all); len(got) != 96 || l.dropped() > 0 {
		t.Errorf("%d calls, want 96; ledger %+v", len(got), l)
	}
	s.stop()
}

// checkColdDoors asks about cold days by the doors beside Pitot's own API. They
// bring them back, too: each is asked about days that went again before.
func checkColdDoors(t *testing.T, s *server, days []time.Time) {
	t.Helper()
	between := func(d time.Time) url.Values {
		return url.Values{"start": {d.Format(time.RFC3339)}, "end": {d.Add(24*time.Hour - 1).Format(time.RFC3339)}}
	}
	get := func(path string, q url.Values) (string, http.Header) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.api+withQuery(path, q), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %d %s", path, err, resp.StatusCode, b)
		}
		return string(b), resp.Header
	}
	q := between(days[0])
	q.Set("query", `{kind="call"} | stats count() n`)
	if b, h := get("/select/logsql/query", q); !strings.Contains(b, `"n":"24"`) || h.Get("Pitot-Partial") != "" {
		t.Errorf("LogsQL about a cold day: %s, Pitot-Partial %q", b, h.Get("Pitot-Partial"))
	}
	micro := url.Values{"service": {"old"}, "start": {fmt.Sprint(days[2].UnixMicro())}, "end": {fmt.Sprint(days[2].Add(12 * time.Hour).UnixMicro())}, "limit": {"50"}}
	if b, h := get("/jaeger/api/traces", micro); !strings.Contains(b, `"total":12`) || strings.Contains(b, "cold storage") || h.Get("Pitot-Partial") != "" {
		t.Errorf("Jaeger about a cold day: %.300s, Pitot-Partial %q", b, h.Get("Pitot-Partial"))
	}
}

// checkColdExports asks for files of cold days, which are not at hand, and of
// those that cannot be.
func checkColdExports(t *testing.T, s *server, day time.Time, whole bool) {
	t.Helper()
	q := url.Values{"start": {day.Format(time.RFC3339)}, "end": {day.Add(24*time.Hour - 1).Format(time.RFC3339)}}
	for path, rows := range map[string]string{"/api/pitot/v1/calls/export": "24", "/api/pitot/v1/traces/export": "24", "/api/pitot/v1/datasets/export": "0"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.api+withQuery(path, q), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %d %s", path, err, resp.StatusCode, b)
		}
		partial, complete := resp.Header.Get("Pitot-Partial"), resp.Trailer.Get("Pitot-Export-Complete")
		if !whole {
			rows = "0"
		}
		if got := resp.Trailer.Get("Pitot-Export-Rows"); got != rows || (partial == "") != whole || complete != fmt.Sprint(whole) {
			t.Errorf("%s: %s rows, Pitot-Partial %q, complete %s; want %s rows, whole: %v", path, got, partial, complete, rows, whole)
		}
	}
}

// checkColdWarnings asks about a day that cannot be brought back.
func checkColdWarnings(t *testing.T, s *server, day time.Time) {
	t.Helper()
	name := day.Format("20060102")
	for path, q := range map[string]url.Values{
		"/select/logsql/query": {"query": {"*"}, "limit": {"1"}, "start": {day.Format(time.RFC3339)}, "end": {day.Add(time.Hour).Format(time.RFC3339)}},
		"/jaeger/api/traces":   {"service": {"old"}, "start": {fmt.Sprint(day.UnixMicro())}, "end": {fmt.Sprint(day.Add(12 * time.Hour).UnixMicro())}},
	} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.api+withQuery(path, q), nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != http.StatusOK || !strings.Contains(resp.Header.Get("Pitot-Partial"), name) {
			t.Errorf("%s: %v %d, Pitot-Partial %q", path, err, resp.StatusCode, resp.Header.Get("Pitot-Partial"))
		}
		if strings.HasPrefix(path, "/jaeger") && !strings.Contains(string(b), "cold storage are missing") {
			t.Errorf("Jaeger's clients are not told: %s", b)
		}
	}
}

// checkColdBackup makes a backup that refers to cold days, and damages one.
func checkColdBackup(t *testing.T, s *server, day string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "backups")
	if out, stderr, code := pitot(t, nil, "backup", to, "--server", s.api); code != 0 {
		t.Fatalf("backup: exit %d: %s%s", code, out, stderr)
	}
	if out, stderr, code := pitot(t, nil, "backup", "verify", to); code != 0 || !strings.Contains(out, "3 days in cold storage") {
		t.Errorf("verify: exit %d: %s%s", code, out, stderr)
	}
	if err := os.Rename(day, day+".away"); err != nil {
		t.Fatal(err)
	}
	if out, stderr, code := pitot(t, nil, "backup", "verify", to); code == 0 || !strings.Contains(stderr, "cold day "+filepath.Base(day)) {
		t.Errorf("verify without a cold day: exit %d: %s%s", code, out, stderr)
	}
	if out, stderr, code := pitot(t, nil, "backup", "verify", to, "--skip-cold"); code != 0 {
		t.Errorf("verify --skip-cold: exit %d: %s%s", code, out, stderr)
	}
	if err := os.Rename(day+".away", day); err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	if out, stderr, code := pitot(t, nil, "restore", to, "--data", restored); code != 0 {
		t.Errorf("restore: exit %d: %s%s", code, out, stderr)
	}
	if _, err := os.Stat(filepath.Join(restored, "cold-days", filepath.Base(day)+".manifest")); err != nil {
		t.Error(err)
	}
}
