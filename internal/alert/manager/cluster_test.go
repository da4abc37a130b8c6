package manager

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

func tctx() context.Context { return context.Background() }

// replica is what a child is told to be.
type replica struct {
	Dir, Section string
	Cluster      ClusterConfig
}

// words are a state that replicas share: what one tells, the others hear.
type words struct {
	tell func([]byte)
	hear func(string)
}

func (w *words) MarshalBinary() ([]byte, error) { return nil, nil }
func (w *words) SetBroadcast(tell func([]byte)) { w.tell = tell }
func (w *words) Merge(b []byte) error {
	if len(b) > 0 {
		w.hear(string(b))
	}
	return nil
}

// replicaChild is a Manager in a process of its own, since memberlist has no
// end: for each line on its input it reports an alert of that name. A line that
// begins with tell is told to the other replicas, which report it.
func replicaChild(spec string) {
	var r replica
	var running atomic.Pointer[Manager]
	shared := &words{hear: func(word string) { running.Load().Notify(tctx(), []Alert{firing(word)}) }}
	if err := json.Unmarshal([]byte(spec), &r); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	m, err := New(Options{
		Config: Config{Section: []byte(r.Section)}, Dir: r.Dir, Cluster: r.Cluster, Shared: map[string]Shared{"words": shared},
		Logger: slog.New(slog.DiscardHandler), Registerer: prometheus.NewRegistry(),
	})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	srv := httptest.NewServer(m.Handler())
	fmt.Println(srv.URL)
	lines := bufio.NewScanner(os.Stdin)
	running.Store(m)
	for lines.Scan() {
		if word, ok := strings.CutPrefix(lines.Text(), "tell "); ok {
			shared.tell([]byte(word))
			continue
		}
		m.Notify(tctx(), []Alert{firing(lines.Text())})
	}
	if err := m.Close(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	os.Exit(0)
}

func freeAddress(t *testing.T) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = ln.Close() }()
	return ln.Addr().String()
}

type process struct {
	address string
	in      io.WriteCloser
	cmd     *exec.Cmd
}

func startReplica(t *testing.T, r replica) *process {
	t.Helper()
	spec, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), replicaEnv+"="+string(spec))
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
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
	return &process{address: strings.TrimSpace(address), in: in, cmd: cmd}
}

func TestTwoReplicasNotifyOnce(t *testing.T) {
	s := newStandIn(t, ok)
	section := fast + "receivers: [{name: all, webhook_configs: [{url: " + s.URL + "}]}]\n"
	one, two := freeAddress(t), freeAddress(t)
	conf := DefaultClusterConfig()
	conf.PeerWait = 2 * time.Second
	conf.Listen, conf.Peers, conf.Name = one, []string{two}, "one"
	a := startReplica(t, replica{t.TempDir(), section, conf})
	conf.Listen, conf.Peers, conf.Name = two, []string{one}, "two"
	dirB := t.TempDir()
	b := startReplica(t, replica{dirB, section, conf})
	for _, p := range []*process{a, b} {
		eventually(t, "both know each other and are settled", func() bool {
			_, body := get(t, p.address+Prefix+"/api/v2/status")
			return strings.Contains(body, `"status":"ready"`) && strings.Count(body, `"address"`) == 2
		})
	}
	// Both evaluate the same rules.
	for _, p := range []*process{a, b} {
		if _, err := io.WriteString(p.in, "HighErrorRate\n"); err != nil {
			t.Fatal(err)
		}
	}
	s.wait(t, "/", 1)
	// A silence at one holds at the other.
	id := postSilence(t, a.address, "Silent")
	eventually(t, "the silence is known to the other", func() bool {
		_, body := get(t, b.address+Prefix+"/api/v2/silences")
		return strings.Contains(body, id)
	})
	// What else is shared gets there, too.
	if _, err := io.WriteString(a.in, "tell Told\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other reports what it heard", func() bool { return count(s, "Told") >= 1 })
	// When the second alert has arrived from both, the wait of the second replica
	// for the first alert is over.
	for _, name := range []string{"Silent", "Second"} {
		for _, p := range []*process{a, b} {
			if _, err := io.WriteString(p.in, name+"\n"); err != nil {
				t.Fatal(err)
			}
		}
	}
	eventually(t, "the second is told", func() bool { return count(s, "Second") >= 1 })
	// What a replica that dies told its peers counts; before that it does not.
	eventually(t, "the other replica knows", func() bool {
		log, err := os.ReadFile(filepath.Join(dirB, nflogFile))
		return err == nil && strings.Contains(string(log), "Second")
	})
	// The survivor goes on alone.
	if err := a.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = a.cmd.Wait()
	if _, err := io.WriteString(b.in, "Third\n"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the third is told by who is left", func() bool { return count(s, "Third") >= 1 })
	for _, name := range []string{"HighErrorRate", "Second", "Third"} {
		if n := count(s, name); n != 1 {
			t.Errorf("%s is told %d times", name, n)
		}
	}
	if n := count(s, "Silent"); n != 0 {
		t.Errorf("the silenced alert is told %d times", n)
	}
	_ = b.in.Close()
	if err := b.cmd.Wait(); err != nil {
		t.Errorf("the end of a replica: %v", err)
	}
}

func count(s *standIn, name string) int {
	n := 0
	for _, c := range s.at("/") {
		if strings.Contains(c.Body, name) {
			n++
		}
	}
	return n
}

func TestClusterConfig(t *testing.T) {
	if err := DefaultClusterConfig().Validate(); err != nil {
		t.Error(err)
	}
	bad := ClusterConfig{Listen: "9094", Advertise: "x", Peers: []string{"ok:1", "nope"}, PeerWait: -1, Settle: -1}
	err := bad.Validate()
	for _, want := range []string{"listen:", "advertise:", "peers[1]:", "peer_wait:", "settle:"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("no %s in %v", want, err)
		}
	}
	if err := (ClusterConfig{Peers: []string{"a:1"}}).Validate(); err == nil {
		t.Error("peers without listen")
	}
}
