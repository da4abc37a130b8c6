package replay

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/testkit"
)

func own() []Recording {
	return []Recording{
		{
			ID: "unary", Method: "POST", Path: "/v1/chat/completions", Status: 429, RawResponse: `{"error":{}}`, ResponseEncoding: "utf-8",
			ResponseHeaders: map[string]string{"content-type": "application/json", "content-encoding": "gzip", "x-kept": "1"},
		},
		{ID: "sse", Status: 200, Streaming: true, StreamFormat: "sse", RawResponse: "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n"},
		{ID: "lines", Status: 200, Streaming: true, StreamFormat: "sse-data-lines", RawResponse: "{\"a\":1}\n{\"b\":2}\n"},
		{ID: "nd", Status: 200, Streaming: true, StreamFormat: "ndjson", RawResponse: "{}\n{\"done\":true}\n"},
		{ID: "blob", Status: 200, RawResponse: base64.StdEncoding.EncodeToString([]byte{0, 1, 2}), ResponseEncoding: "base64"},
	}
}

func writeCassette(t *testing.T, dir string, lines ...any) {
	t.Helper()
	var b bytes.Buffer
	z, err := zstd.NewWriter(&b)
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range lines {
		if s, ok := l.(string); ok {
			if _, err := io.WriteString(z, s+"\n"); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := json.NewEncoder(z).Encode(l); err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "own.jsonl.zst"), b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestCassettes(t *testing.T) {
	dir := t.TempDir()
	sub := filepath.Join(dir, "a")
	if err := os.Mkdir(sub, 0o700); err != nil {
		t.Fatal(err)
	}
	recs := own()
	writeCassette(t, sub, recs[0], recs[1], recs[4])
	var ids []string
	for r, err := range Cassettes(dir) {
		if err != nil {
			t.Fatal(err)
		}
		if r.File != "own" {
			t.Errorf("file = %q", r.File)
		}
		ids = append(ids, r.ID)
		if r.ID == "blob" {
			if b, err := r.ResponseBody(); err != nil || !bytes.Equal(b, []byte{0, 1, 2}) {
				t.Errorf("base64 body = %v, %v", b, err)
			}
		}
	}
	if d := cmp.Diff([]string{"unary", "sse", "blob"}, ids); d != "" {
		t.Error(d)
	}
}

func TestCassettesReportsBrokenLines(t *testing.T) {
	dir := t.TempDir()
	writeCassette(t, dir, own()[0], "{broken")
	n := 0
	var last error
	for _, err := range Cassettes(dir) {
		n++
		last = err
	}
	if n != 2 || last == nil || !strings.Contains(last.Error(), "line 2") {
		t.Errorf("%d yields, last error %v; want the second line named", n, last)
	}
	for _, err := range Cassettes(filepath.Join(dir, "absent")) {
		if err == nil {
			t.Error("no error for an absent directory")
		}
	}
}

func TestHandler(t *testing.T) {
	for _, split := range []int{0, 3} {
		h := NewHandler(Pacing{Split: split})
		for _, r := range own() {
			h.Add(r)
		}
		srv := httptest.NewServer(h)
		defer srv.Close()
		for id, want := range map[string]string{
			"unary": `{"error":{}}`,
			"sse":   "data: 1\n\ndata: 2\n\ndata: [DONE]\n\n",
			"lines": "data: {\"a\":1}\n\ndata: {\"b\":2}\n\n",
			"nd":    "{}\n{\"done\":true}\n",
			"blob":  "\x00\x01\x02",
		} {
			if split > 0 && id == "lines" {
				continue // framing is added event by event
			}
			req, err := http.NewRequest(http.MethodPost, srv.URL+"/any/path", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set(HeaderID, id)
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			if err != nil || string(got) != want {
				t.Errorf("split %d, %s: %q, %v; want %q", split, id, got, err, want)
			}
			if id == "unary" && (resp.StatusCode != http.StatusTooManyRequests || resp.Header.Get("Content-Encoding") != "" || resp.Header.Get("X-Kept") != "1") {
				t.Errorf("unary: status %d, headers %v", resp.StatusCode, resp.Header)
			}
		}
		resp, err := srv.Client().Get(srv.URL + "/?recording=none")
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		if resp.StatusCode != http.StatusNotFound {
			t.Errorf("unknown recording: status %d", resp.StatusCode)
		}
	}
}

// TestSharedCassettes reads all recordings at hand and checks what the package
// relies on.
func TestSharedCassettes(t *testing.T) {
	dir := testkit.SharedDir(t, "cassettes")
	calls, streams := 0, 0
	for r, err := range Cassettes(dir) {
		if err != nil {
			t.Fatal(err)
		}
		if _, err := r.RequestBody(); err != nil {
			t.Errorf("%s: request: %v", r.ID, err)
		}
		body, err := r.ResponseBody()
		if err != nil {
			t.Errorf("%s: response: %v", r.ID, err)
		}
		if r.ModelCall {
			calls++
		}
		if !r.Streaming || r.StreamFormat == "sse-data-lines" {
			continue
		}
		streams++
		if joined := bytes.Join(Events(&r, body), nil); !bytes.Equal(joined, body) {
			t.Errorf("%s (%s): the events do not make the body", r.ID, r.StreamFormat)
		}
	}
	if calls < 1700 || streams < 300 {
		t.Errorf("%d model calls, %d streams: want about 1,786 calls", calls, streams)
	}
	t.Logf("%d model calls, %d streams with framing", calls, streams)
}
