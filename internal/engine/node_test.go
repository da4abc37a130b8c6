package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// nodeEnv makes the test binary a node with these options.
const nodeEnv = "PITOT_TEST_NODE"

func nodeMain(options string) int {
	var o NodeOptions
	if err := json.Unmarshal([]byte(options), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := Node(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func startNode(t *testing.T, o NodeOptions) {
	t.Helper()
	b, err := json.Marshal(o)
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), nodeEnv+"="+string(b))
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		if err := cmd.Wait(); err != nil {
			t.Errorf("the node ended with %v", err)
		}
	})
	eventually(t, "the node is up", func() bool {
		status, _ := ask(t, http.MethodGet, "http://"+o.Listen+"/health", "", nil)
		return status == http.StatusOK
	})
}

// ask sends a request with a token and headers.
func ask(t *testing.T, method, u, token string, header http.Header, body ...string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, u, strings.NewReader(strings.Join(body, "")))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, header)
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	tr := &http.Transport{DisableKeepAlives: true}
	resp, err := tr.RoundTrip(req)
	if err != nil {
		return 0, err.Error()
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// TestNodes: two storage nodes and the select side over them, each with a
// password.
func TestNodes(t *testing.T) {
	dir := t.TempDir()
	token := strings.Repeat("t", 30)
	file := filepath.Join(dir, "token")
	if err := os.WriteFile(file, []byte(token), 0o600); err != nil {
		t.Fatal(err)
	}
	a, b, front := freeAddr(t), freeAddr(t), freeAddr(t)
	for i, addr := range []string{a, b} {
		startNode(t, NodeOptions{Listen: addr, Dir: filepath.Join(dir, strconv.Itoa(i)), Token: token, Memory: 256 << 20, MinFreeDisk: 1})
	}
	startNode(t, NodeOptions{Listen: front, StorageNodes: []string{a, b}, Nodes: NodeAuth{TokenFile: file}, Token: token, Memory: 256 << 20})

	json := http.Header{"Content-Type": {"application/json"}}
	row := func(id string) string {
		return fmt.Sprintf(`{"_time":%q,"kind":"t","id":%q,"_msg":"m"}`+"\n", time.Now().Format(time.RFC3339Nano), id)
	}
	const insert = "/insert/jsonline?_stream_fields=kind"
	if status, _ := ask(t, http.MethodPost, "http://"+a+insert, "", json, row("x")); status != http.StatusUnauthorized {
		t.Errorf("without a password: status %d", status)
	}
	if status, _ := ask(t, http.MethodPost, "http://"+a+insert, "wrong", json, row("x")); status != http.StatusUnauthorized {
		t.Errorf("with a wrong password: status %d", status)
	}
	for i, addr := range []string{a, b} {
		if status, text := ask(t, http.MethodPost, "http://"+addr+insert, token, json, row(fmt.Sprint("row", i))); status != http.StatusOK {
			t.Fatal(status, text)
		}
	}
	// An insert whose sender has given up changes nothing.
	late := json.Clone()
	late.Set(notAfterHeader, strconv.FormatInt(time.Now().Add(-time.Second).UnixMilli(), 10))
	if status, _ := ask(t, http.MethodPost, "http://"+a+insert, token, late, row("late")); status != http.StatusServiceUnavailable {
		t.Errorf("too late: status %d", status)
	}
	early := json.Clone()
	early.Set(notAfterHeader, strconv.FormatInt(time.Now().Add(time.Minute).UnixMilli(), 10))
	if status, text := ask(t, http.MethodPost, "http://"+a+insert, token, early, row("early")); status != http.StatusOK {
		t.Error(status, text)
	}
	q := "http://" + front + "/select/logsql/query?" + url.Values{"query": {"kind:t | fields id | sort by (id)"}, "start": {"1h"}}.Encode()
	eventually(t, "the select side has the rows of both nodes", func() bool {
		_, text := ask(t, http.MethodGet, q, token, nil)
		return strings.Contains(text, "row0") && strings.Contains(text, "row1") && strings.Contains(text, "early")
	})
	if _, text := ask(t, http.MethodGet, q, token, nil); strings.Contains(text, "late") {
		t.Error("what came too late is stored")
	}
}

func TestNodeOptions(t *testing.T) {
	for _, c := range []struct {
		o    NodeOptions
		want string
	}{
		{NodeOptions{Listen: "127.0.0.1:1"}, "--data"},
		{NodeOptions{Listen: "127.0.0.1:1", Dir: "d", StorageNodes: []string{"a:1"}}, "--data"},
		{NodeOptions{Listen: "127.0.0.1:1", StorageNodes: []string{"a"}}, "host:port"},
		{NodeOptions{Listen: "nowhere", Dir: "d"}, "--listen"},
		{NodeOptions{Listen: "0.0.0.0:1", Dir: "d"}, "no password"},
		{NodeOptions{Listen: "127.0.0.1:1", Dir: "d", CertFile: "c"}, "TLS"},
		{NodeOptions{Listen: "127.0.0.1:1", Dir: "d", Username: "u"}, "Basic"},
		{NodeOptions{Listen: "0.0.0.0:1", Dir: "d", Token: "t"}, ""},
		{NodeOptions{Listen: "0.0.0.0:1", Dir: "d", AllowPublic: true}, ""},
	} {
		err := c.o.check()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %q", c.o, err, c.want)
		}
	}
	o := NodeOptions{StorageNodes: []string{"a:1", "b:2"}, Nodes: NodeAuth{TokenFile: "f", TLS: true, InsecureSkipVerify: true}}
	flags := strings.Join(o.flags(), " ")
	for _, want := range []string{"-storageNode=a:1,b:2", "-storageNode.bearerTokenFile=f,f", "-storageNode.tls=true,true", "-storageNode.tlsInsecureSkipVerify=true,true"} {
		if !strings.Contains(flags, want) {
			t.Errorf("%s lacks %s", flags, want)
		}
	}
}
