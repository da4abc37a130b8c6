package provider

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/pitot-dev/pitot/internal/testkit"
)

func TestNotText(t *testing.T) {
	s := New(Config{Pace: NoPace})
	c := newClient(t, s)
	for _, x := range []struct {
		path, body, format string
		want               map[string]string
	}{
		{"/v1/embeddings", `{"model":"text-embedding-3-small","input":["a","b"],"dimensions":5}`, "embeddings", map[string]string{"data.1.object": `"embedding"`, "model": `"text-embedding-3-small"`}},
		{"/v1/embeddings", `{"model":"e","input":"a","dimensions":3,"encoding_format":"base64"}`, "embeddings", map[string]string{"object": `"list"`}},
		{"/v1/images/generations", `{"model":"gpt-image-1","prompt":"a cat","n":2}`, "images", map[string]string{"usage.output_tokens": "544"}},
		{"/v1/moderations", `{"model":"omni-moderation-latest","input":["a"]}`, "moderations", map[string]string{"results.0.flagged": "false"}},
		{"/v1beta/models/embedding-001:embedContent", `{"content":{"parts":[{"text":"a"}]}}`, "embed_content", map[string]string{}},
		{"/v1beta/models/embedding-001:batchEmbedContents", `{"requests":[{},{}]}`, "embed_content", map[string]string{}},
		{"/api/embed", `{"model":"nomic-embed-text","input":["a","b"]}`, "ollama_embed", map[string]string{"model": `"nomic-embed-text"`}},
		{"/v2/embed", `{"model":"embed-v4.0","texts":["a"]}`, "cohere_embed", map[string]string{"response_type": `"embeddings_by_type"`}},
		{"/v2/rerank", `{"model":"rerank-v3.5","query":"q","documents":["a","b","c"]}`, "rerank", map[string]string{"meta.billed_units.search_units": "1", "results.2.index": "2"}},
	} {
		resp, b, err := c.post(x.path, x.body)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatalf("%s: %v %s", x.path, err, b)
		}
		o := parseJSON(t, b)
		for at, want := range x.want {
			if got := o.json(at); got != want {
				t.Errorf("%s: %s = %s, want %s", x.path, at, got, want)
			}
		}
		if tr := last(t, s); tr.Format != x.format || tr.Stream {
			t.Errorf("%s: truth %+v", x.path, tr)
		}
	}
	_, b, _ := c.post("/v1/embeddings", `{"model":"e","input":["a","b","c"],"dimensions":7}`)
	var list struct {
		Data []struct{ Embedding []float64 }
	}
	if err := json.Unmarshal(b, &list); err != nil || len(list.Data) != 3 || len(list.Data[2].Embedding) != 7 {
		t.Errorf("embeddings: %v %+v", err, list)
	}
}

func form(t *testing.T, fields ...string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	m := multipart.NewWriter(&b)
	for i := 0; i < len(fields); i += 2 {
		var w io.Writer
		var err error
		if fields[i] == "file" {
			w, err = m.CreateFormFile("file", "a.jsonl")
		} else {
			w, err = m.CreateFormField(fields[i])
		}
		if err == nil {
			_, err = io.WriteString(w, fields[i+1])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := m.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), m.FormDataContentType()
}

func TestAudio(t *testing.T) {
	s := New(Config{Pace: NoPace})
	c := newClient(t, s)
	resp, b, err := c.post("/v1/audio/speech", `{"model":"tts-1","input":"hello","voice":"alloy"}`)
	if err != nil || resp.Header.Get("Content-Type") != "audio/wav" || !bytes.HasPrefix(b, []byte("RIFF")) || len(b) != 44+800 {
		t.Errorf("speech: %v, %s, %d bytes", err, resp.Header.Get("Content-Type"), len(b))
	}
	body, ct := form(t, "model", "whisper-1", "file", strings.Repeat("x", 4000))
	resp, b, err = c.post("/v1/audio/transcriptions", body, "Content-Type", ct)
	if err != nil || resp.StatusCode != http.StatusOK || parseJSON(t, b).str("text") == "" {
		t.Errorf("transcription: %v %s", err, b)
	}
	if tr := last(t, s); tr.Model != "whisper-1" || tr.Input != 1000 {
		t.Errorf("truth %+v", tr)
	}
}

func TestListsAndFiles(t *testing.T) {
	s := New(Config{Pace: NoPace})
	c := newClient(t, s)
	get := func(method, path string) (int, string) {
		req, err := http.NewRequest(method, c.srv.URL+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.srv.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(b)
	}
	for _, path := range []string{"/openai/v1/models", "/v1/models/gpt-4o", "/v1beta/models", "/api/tags", "/api/version"} {
		if code, body := get("GET", path); code != 200 || !json.Valid([]byte(body)) {
			t.Errorf("%s: %d %s", path, code, body)
		}
	}
	if code, _ := get("GET", "/v1/nothing"); code != 404 {
		t.Errorf("unknown path: %d", code)
	}
	body, ct := form(t, "purpose", "batch", "file", "line 1\n")
	resp, b, err := c.post("/v1/files", body, "Content-Type", ct)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("upload: %v %s", err, b)
	}
	id := parseJSON(t, b).str("id")
	if code, got := get("GET", "/v1/files/"+id+"/content"); code != 200 || got != "line 1\n" {
		t.Errorf("content: %d %q", code, got)
	}
	if code, got := get("GET", "/v1/files"); code != 200 || !strings.Contains(got, id) {
		t.Errorf("list: %d %s", code, got)
	}
	if code, _ := get("DELETE", "/v1/files/"+id); code != 200 {
		t.Errorf("delete: %d", code)
	}
	if code, _ := get("GET", "/v1/files/"+id); code != 404 {
		t.Errorf("after delete: %d", code)
	}
	for _, tr := range s.Truth() {
		if tr.Format != "" {
			t.Errorf("%s is logged as a model call", tr.Path)
		}
	}
	if resp, b, _ := c.post("/v1/messages/count_tokens", `{"model":"claude","messages":[{"role":"user","content":"hi"}]}`); resp.StatusCode != http.StatusOK || parseJSON(t, b).num("input_tokens") < 1 {
		t.Errorf("count_tokens: %s", b)
	}
}

func TestWebSocketEcho(t *testing.T) {
	s := New(Config{Pace: NoPace})
	srv := httptest.NewServer(s)
	defer srv.Close()
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	const key = "AAAAAAAAAAAAAAAAAAAAAA=="
	fmt.Fprintf(conn, "GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\n\r\n", key)
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Sec-WebSocket-Accept") != AcceptKey(key) {
		t.Fatalf("handshake: %d %v", resp.StatusCode, resp.Header)
	}
	for _, n := range []int{0, 5, 125, 126, 70000} {
		msg := bytes.Repeat([]byte("é"), n/2)
		if err := WriteFrame(conn, 0x81, msg, &[4]byte{1, 2, 3, 4}); err != nil {
			t.Fatal(err)
		}
		op, got, err := ReadFrame(r)
		if err != nil || op != 0x81 || !bytes.Equal(got, msg) {
			t.Fatalf("echo of %d bytes: op %x, %d bytes, %v", len(msg), op, len(got), err)
		}
	}
	if err := WriteFrame(conn, 0x88, nil, &[4]byte{}); err != nil {
		t.Fatal(err)
	}
	if op, _, err := ReadFrame(r); err != nil || op != 0x88 {
		t.Errorf("close: op %x, %v", op, err)
	}
	conn.Close()
	// Close does not wait for a connection that was taken over.
	srv.Close()
	testkit.Eventually(t, "the echo to be logged", func() bool { return len(s.Truth()) > 0 })
	if tr := last(t, s); tr.Status != 101 || tr.Chunks != 6 {
		t.Errorf("truth %+v", tr)
	}
}

// TestAcceptKey uses the example of RFC 6455.
func TestAcceptKey(t *testing.T) {
	if got := AcceptKey("dGhlIHNhbXBsZSBub25jZQ=="); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" {
		t.Errorf("AcceptKey = %q", got)
	}
}

func FuzzControl(f *testing.F) {
	f.Add("Usage", "input=1,output=2")
	f.Add("Stall", "3:2s")
	f.Add("Text", "%E4%BD%A0\\\"")
	f.Add("Bytes", "7")
	f.Add("Chunks", "0")
	f.Fuzz(func(t *testing.T, name, value string) {
		s := New(Config{Pace: NoPace})
		for _, stream := range []string{"true", "false"} {
			r := httptest.NewRequest(http.MethodPost, "/v1/chat/completions", strings.NewReader(`{"model":"gpt-4o","stream":`+stream+`}`))
			r.Header["X-Fake-"+name] = []string{value}
			w := httptest.NewRecorder()
			func() {
				defer func() {
					if e := recover(); e != nil && e != http.ErrAbortHandler { //nolint:errorlint // net/http compares so too
						panic(e)
					}
				}()
				s.ServeHTTP(w, r)
			}()
			if stream == "false" && w.Code == 200 && w.Header().Get("Content-Encoding") == "" && name != "Cut-After" && !json.Valid(w.Body.Bytes()) {
				t.Errorf("%s: %s: not JSON: %.200s", name, value, w.Body)
			}
		}
	})
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(chatBody))
	f.Add([]byte(`{"a":{"b":[1,"x\"y",{}]},"model":"m"}`))
	f.Add([]byte(`{"messages":[{"role":"tool","tool_call_id":"1"}],"tools":[{"function":{"name":"f"}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var q request
		q.parse(b)
		if json.Valid(b) && len(bytes.TrimSpace(b)) > 0 && bytes.TrimSpace(b)[0] == '{' && !q.valid {
			t.Errorf("valid object refused: %q", b)
		}
	})
}
