package logs

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestRealRsyslog runs rsyslogd with the configuration of test/interop/rsyslog
// against the handler, which is overloaded for a while.
func TestRealRsyslog(t *testing.T) {
	rsyslogd := "/usr/sbin/rsyslogd"
	modules, _ := filepath.Glob("/usr/lib/*/rsyslog/omelasticsearch.so")
	if _, err := os.Stat(rsyslogd); err != nil || len(modules) == 0 {
		t.Skip("rsyslog with omelasticsearch is not installed: apt-get install rsyslog rsyslog-elasticsearch")
	}
	template, err := os.ReadFile("../../test/interop/rsyslog/rsyslog.conf.in")
	if err != nil {
		t.Fatal(err)
	}
	sink := newSink()
	sink.fail = func(n int) error {
		if n == 2 || n == 3 {
			return overload{time.Second}
		}
		return nil
	}
	es := NewElasticsearch(Options{Sink: sink})
	var foreign atomic.Int32
	var asked sync.Map
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Method+" "+r.URL.String(), true)
		if !Match(r) && !WantsElasticsearch(r) {
			foreign.Add(1)
		}
		es.ServeHTTP(w, r)
	}))
	defer srv.Close()
	host, port, err := net.SplitHostPort(srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "work"), 0o750); err != nil {
		t.Fatal(err)
	}
	tcp := testkit.FreeAddr(t)
	conf := strings.NewReplacer("@DIR@", dir, "@HOST@", host, "@PORT@", port, "@TCP@", tcp[strings.LastIndexByte(tcp, ':')+1:]).Replace(string(template))
	confPath := filepath.Join(dir, "rsyslog.conf")
	if err := os.WriteFile(confPath, []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	const n = 300
	var file strings.Builder
	for i := range n {
		fmt.Fprintf(&file, "{\"timestamp\":\"2026-11-21T10:00:00.%03dZ\",\"event\":\"llm_request_success\",\"request_id\":\"r%d\",\"model\":\"gpt-4o\",\"latency\":0.5,\"input_tokens\":1,\"output_tokens\":2,\"message\":\"file %d\"}\n", i, i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "llm.log"), []byte(file.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd := exec.CommandContext(t.Context(), rsyslogd, "-n", "-f", confPath, "-i", filepath.Join(dir, "pid"))
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		_ = cmd.Wait() // rsyslog's own status says nothing of the test
		if t.Failed() {
			asked.Range(func(k, _ any) bool { t.Log(k); return true })
			t.Log(out.String())
		}
	}()
	var conn net.Conn
	testkit.Eventually(t, "rsyslog listens", func() bool {
		conn, err = net.Dial("tcp", tcp)
		return err == nil
	})
	for i := range n {
		fmt.Fprintf(conn, "<27>Nov 21 10:00:00 host app[7]: syslog %d\n", i)
	}
	conn.Close()
	testkit.Eventually(t, "all lines arrive", func() bool { return len(sink.messages()) >= 2*n })
	count := map[string]int{}
	for _, l := range sink.all() {
		count[strings.TrimSpace(l.Message)]++
		fromFile := strings.HasPrefix(l.Message, "file")
		if l.Attributes["index"] != "llm-logs" || fromFile != (l.Event == EventSuccess) || fromFile && l.Service != "llm-app" ||
			!fromFile && (l.Service != "app" || l.Level != "error") {
			t.Fatalf("%s", mustJSON(t, l))
		}
	}
	for i := range n {
		for _, m := range []string{fmt.Sprintf("file %d", i), fmt.Sprintf("syslog %d", i)} {
			if count[m] != 1 {
				t.Errorf("%q is stored %d times", m, count[m])
			}
		}
	}
	if len(sink.allCalls()) != n {
		t.Errorf("%d calls of %d", len(sink.allCalls()), n)
	}
	if sink.n <= 3 {
		t.Error("the sink was never overloaded: the test shows less than it should")
	}
	if foreign.Load() > 0 {
		t.Errorf("%d requests are not recognised", foreign.Load())
	}
	if b, err := os.ReadFile(filepath.Join(dir, "refused.json")); err == nil && len(b) > 0 {
		t.Errorf("refused: %.500s", b)
	}
}
