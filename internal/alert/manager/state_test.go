package manager

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func postSilence(t *testing.T, address, name string) string {
	t.Helper()
	now := time.Now().UTC()
	body := fmt.Sprintf(`{"matchers":[{"name":"alertname","value":%q,"isRegex":false}],"startsAt":%q,"endsAt":%q,"createdBy":"ops","comment":"known"}`,
		name, now.Format(time.RFC3339), now.Add(time.Hour).Format(time.RFC3339))
	resp, err := http.Post(address+Prefix+"/api/v2/silences", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var v struct{ SilenceID string }
	if err := json.NewDecoder(resp.Body).Decode(&v); err != nil || resp.StatusCode != http.StatusOK || v.SilenceID == "" {
		t.Fatalf("%s: %v", resp.Status, err)
	}
	return v.SilenceID
}

func get(t *testing.T, address string) (int, string) {
	t.Helper()
	resp, err := http.Get(address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

// crashChild notifies over a webhook and serves its API until it is killed.
func crashChild(dir string) {
	m, err := New(Options{
		Config: Config{Section: []byte(os.Getenv("PITOT_TEST_SECTION"))}, Dir: dir,
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	srv := httptest.NewServer(m.Handler())
	fmt.Println(srv.URL)
	m.Notify(tctx(), []Alert{firing("HighErrorRate")})
	select {}
}

func TestSilencesAndNotificationsSurviveAKill(t *testing.T) {
	s := newStandIn(t, ok)
	section := fast + "receivers: [{name: all, webhook_configs: [{url: " + s.URL + "}]}]\n"
	dir := t.TempDir()
	var ids []string
	for round := range 3 {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), crashEnv+"="+dir, "PITOT_TEST_SECTION="+section)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		address, err := bufio.NewReader(out).ReadString('\n')
		if err != nil || !strings.HasPrefix(address, "http") {
			t.Fatalf("child: %q %v", address, err)
		}
		address = strings.TrimSpace(address)
		_, body := get(t, address+Prefix+"/api/v2/silences")
		for _, id := range ids {
			if !strings.Contains(body, id) {
				t.Errorf("round %d: silence %s is lost", round, id)
			}
		}
		if round == 0 {
			s.wait(t, "/", 1)
			eventually(t, "the notification is on disk", func() bool {
				b, err := os.ReadFile(filepath.Join(dir, nflogFile))
				return err == nil && bytes.Contains(b, []byte("HighErrorRate"))
			})
		} else {
			// The alert is in a group, which was flushed when a second one is told.
			resp, err := http.Post(address+Prefix+"/api/v2/alerts", "application/json",
				strings.NewReader(fmt.Sprintf(`[{"labels":{"alertname":"Round%d"}}]`, round)))
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			eventually(t, "the other alert is told", func() bool {
				for _, c := range s.at("/") {
					if strings.Contains(c.Body, fmt.Sprintf("Round%d", round)) {
						return true
					}
				}
				return false
			})
		}
		ids = append(ids, postSilence(t, address, "Nothing"))
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
	}
	n := 0
	for _, c := range s.at("/") {
		if strings.Contains(c.Body, "HighErrorRate") {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d notifications of the same alert over 3 lives", n)
	}
}

func TestStateThatCannotBeReadIsPutAside(t *testing.T) {
	o := testOptions(t, "")
	for _, name := range []string{silencesFile, nflogFile} {
		if err := os.WriteFile(filepath.Join(o.Dir, name), []byte("\xff\xff\xff\xffnot a snapshot"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	m, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = m.Close() }()
	aside, err := filepath.Glob(filepath.Join(o.Dir, "*.corrupt-*"))
	if err != nil || len(aside) != 2 {
		t.Errorf("%v %v", aside, err)
	}
}

func TestSilenceThatCannotBeWrittenIsNoSuccess(t *testing.T) {
	m := start(t, "")
	address := serve(t, m)
	if err := os.RemoveAll(m.opts.Dir); err != nil {
		t.Fatal(err)
	}
	body := `{"matchers":[{"name":"a","value":"b","isRegex":false}],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2999-01-01T00:00:00Z","createdBy":"ops","comment":"c"}`
	resp, err := http.Post(address+Prefix+"/api/v2/silences", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusInternalServerError || m.Status().SnapshotError == "" {
		t.Errorf("%s, status %q", resp.Status, m.Status().SnapshotError)
	}
	if err := os.MkdirAll(m.opts.Dir, 0o750); err != nil {
		t.Fatal(err)
	}
	postSilence(t, address, "x")
	if e := m.Status().SnapshotError; e != "" {
		t.Errorf("still %q", e)
	}
}

func TestAPI(t *testing.T) {
	address := serve(t, start(t, ""))
	for path, want := range map[string]int{
		Prefix: 200, Prefix + "/": 200, Prefix + "/-/ready": 200, Prefix + "/api/v2/status": 200, Prefix + "/api/v2/receivers": 200,
		Prefix + "/api/v2/alerts/groups": 200, Prefix + "/api/v1/alerts": 410, Prefix + "/nothing": 404,
	} {
		if code, body := get(t, address+path); code != want {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	big := bytes.NewReader(make([]byte, maxRequestBody+1))
	resp, err := http.Post(address+Prefix+"/api/v2/alerts", "application/json", big)
	if err == nil {
		_ = resp.Body.Close()
		if resp.StatusCode < 400 {
			t.Errorf("a body without bound is taken: %s", resp.Status)
		}
	}
}

func TestAlertsWithoutLabelsAreDropped(t *testing.T) {
	m := start(t, "")
	m.Notify(t.Context(), []Alert{{Labels: map[string]string{"a": ""}}, firing("Good"), {Labels: map[string]string{"a": "\xff"}}})
	if n := len(m.alertsNow()); n != 1 {
		t.Errorf("%d alerts", n)
	}
}

func BenchmarkNotify(b *testing.B) {
	m := start(b, "route: {receiver: a}\nreceivers: [{name: a}]\n")
	alerts := make([]Alert, 100)
	for i := range alerts {
		alerts[i] = firing("HighErrorRate", "i", fmt.Sprint(i))
	}
	b.ReportAllocs()
	for b.Loop() {
		m.Notify(b.Context(), alerts)
	}
}
