//go:build linux

package e2e

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit"
)

// smallDisk mounts a file system of its own, or skips the test where that is not
// possible.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("a full disk needs a small file system, and only root may mount one")
	}
	dir := filepath.Join(t.TempDir(), "disk")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Errorf("unmount: %v", err)
		}
	})
	return dir
}

// fill takes all space of a file system, to the last byte.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	block := make([]byte, 64<<10)
	for len(block) > 0 {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}

// fixedAnswers answers always the same, so that bytes can be compared.
var fixedUnary = `{"id":"chatcmpl-fixed","object":"chat.completion","model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":"` +
	strings.Repeat("It flows on. ", 100) + `"},"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":400,"total_tokens":409}}`

var fixedStream = func() string {
	var b strings.Builder
	for i := range 50 {
		fmt.Fprintf(&b, "data: {\"id\":\"chatcmpl-fixed\",\"object\":\"chat.completion.chunk\",\"model\":\"gpt-4o-mini-2024-07-18\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"word %d \"},\"finish_reason\":null}]}\n\n", i)
	}
	b.WriteString("data: {\"id\":\"chatcmpl-fixed\",\"object\":\"chat.completion.chunk\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n" +
		"data: {\"id\":\"chatcmpl-fixed\",\"object\":\"chat.completion.chunk\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":50,\"total_tokens\":59}}\n\ndata: [DONE]\n\n")
	return b.String()
}()

func fixedProvider(t *testing.T) string {
	t.Helper()
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		if strings.Contains(string(b), `"stream":true`) {
			w.Header().Set("Content-Type", "text/event-stream")
			_, _ = io.WriteString(w, fixedStream)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, fixedUnary)
	}))
	t.Cleanup(srv.Close)
	return srv.URL
}

// TestFullDisk fills the disk under a server. The gateway must go on and say
// what it loses, and recording must go on when there is space again.
func TestFullDisk(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "24m")
	config := upstreamConfig(fixedProvider(t)) + "storage: {events: {min_free_disk: 1MiB}}\n"
	s := serve(t, setup{config: config, data: filepath.Join(disk, "data")}).ready()
	defer func() {
		if t.Failed() {
			_, status := s.get("/api/pitot/v1/status", nil)
			t.Logf("at the end: status %s", status)
		}
	}()
	n := 0
	// Prompts of random size and text that does not compress to nothing, so
	// that the journal needs space.
	send := func() string {
		n++
		session := fmt.Sprintf("full-%d", n)
		text := strings.Repeat(fmt.Sprintf("%x ", n*2654435761), 300)
		for _, stream := range []bool{false, true} {
			body := fmt.Sprintf(`{"model":"gpt-4o-mini","stream":%v,"stream_options":{"include_usage":true},"messages":[{"role":"user","content":%q}]}`, stream, text)
			want := fixedUnary
			if stream {
				want = fixedStream
			}
			if status, got := s.post("/openai/v1/chat/completions", body, "X-Pitot-Session", session); status != http.StatusOK || string(got) != want {
				t.Fatalf("%s, stream %v: status %d, %d bytes that differ from what was sent", session, stream, status, len(got))
			}
		}
		return session
	}
	first := send()
	s.waitCalls(2, url.Values{"session": {first}})

	ballast := filepath.Join(disk, "ballast")
	for round := range times(t, "PITOT_FULL_DISKS", 1) {
		fillAndClean(t, s, ballast, send)
		t.Logf("round %d: the disk was full, and is not", round+1)
	}
	testkit.Eventually(t, "the journal is well again", func() bool {
		for _, c := range s.status().Components {
			if c.State != "ok" && c.Name != "pipeline" { // which remembers what was lost
				return false
			}
		}
		return true
	})
	s.stop()
}

// fillAndClean fills the disk, waits until records are dropped and counted, and
// makes space again: calls must be stored as before.
func fillAndClean(t *testing.T, s *server, ballast string, send func() string) {
	t.Helper()
	before := s.ledger("gateway").dropped()
	fill(t, ballast)
	testkit.Eventually(t, "drops are counted", func() bool {
		send()
		return s.ledger("gateway").dropped() > before
	})
	a := s.ledger("gateway")
	if a.Dropped["journal_error"]+a.Dropped["journal_full"] == 0 {
		t.Errorf("the ledger gives other reasons: %+v", a)
	}
	if v, _ := s.metric(regexp.MustCompile(`^pitot_records_dropped_total\{reason="journal_(error|full)",source="gateway"\}`)); v == 0 {
		t.Error("the metrics do not count the drops")
	}
	st := s.status()
	if st.State == "ok" {
		t.Errorf("the status is ok with a full disk: %+v", st)
	}
	for _, c := range st.Components {
		if c.State != "ok" && c.Hint == "" {
			t.Errorf("the status gives no hint: %+v", c)
		}
	}
	if status, _ := s.get("/-/healthy", nil); status != http.StatusOK {
		t.Errorf("/-/healthy answers %d", status)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	var last string
	// "Journaled" includes what is being written and may yet fail: only "stored"
	// says that the journal works again.
	testkit.Eventually(t, "calls are stored again", func() bool {
		before := s.ledger("gateway")
		last = send()
		var after account
		testkit.Eventually(t, "the two calls are accounted for", func() bool {
			after = s.ledger("gateway")
			return after.Received == before.Received+2 && after.InFlight == 0
		})
		return after.dropped() == before.dropped()
	})
	testkit.EventuallyIn(t, 2*testkit.Patience, "a call after the cleaning is there", func() bool {
		status, _ := s.get("/-/ready", nil)
		return status == http.StatusOK && len(s.calls(url.Values{"session": {last}})) == 2
	})
}
