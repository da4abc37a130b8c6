//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/testkit"
	"github.com/pitot-dev/pitot/internal/testkit/provider"
)

// steppedBinary builds a pitot whose clock can be stepped: the standard library's
// time.Now adds what a file says whenever the process is sent SIGUSR2. Nobody may
// set the clock of the machine that tests run on, and a library that a program
// loads cannot change what Go reads. Monotonic time goes on, as on a real step.
func steppedBinary(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	clock := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	b, err := os.ReadFile(clock)
	if err != nil {
		t.Fatal(err)
	}
	const read = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if !strings.Contains(string(b), read) {
		t.Skipf("time.Now of this version of Go is another: %s", clock)
	}
	changed := strings.Replace(string(b), read, read+"\tsec += step\n", 1) + "\n//go:linkname step\nvar step int64\n"
	write(t, filepath.Join(dir, "time.go"), changed)
	write(t, filepath.Join(dir, "step.go"), `package main

import (
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	_ "unsafe"
)

//go:linkname step time.step
var step int64

func init() {
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	read := func() {
		if b, err := os.ReadFile(os.Getenv("STEP_FILE")); err == nil {
			step, _ = strconv.ParseInt(strings.TrimSpace(string(b)), 10, 64)
		}
	}
	read()
	go func() {
		for range c {
			read()
		}
	}()
}
`)
	main, err := filepath.Abs("../../cmd/pitot")
	if err != nil {
		t.Fatal(err)
	}
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{
		clock: filepath.Join(dir, "time.go"), filepath.Join(main, "step.go"): filepath.Join(dir, "step.go"),
	}})
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "overlay.json"), string(overlay))
	out := filepath.Join(dir, "pitot")
	build := exec.Command("go", "build", "-overlay", filepath.Join(dir, "overlay.json"), "-ldflags=-checklinkname=0", "-o", out, "github.com/pitot-dev/pitot/cmd/pitot")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if b, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, b)
	}
	return out
}

// TestClockSteps steps the clock of the server and its engine forward and back
// under load, by seconds and by hours. No call may fail or be counted twice, and
// metrics must go on at once, whatever time they were told before.
func TestClockSteps(t *testing.T) {
	if os.Getenv("PITOT_CLOCK_STEPS") == "" {
		t.Skip("set PITOT_CLOCK_STEPS=1, as make endurance does: it builds the standard library anew")
	}
	up := simulate(t, provider.Config{TruthSize: 1 << 17})
	file := filepath.Join(t.TempDir(), "step")
	write(t, file, "0")
	s := serve(t, setup{config: upstreamConfig(up.url), binary: steppedBinary(t), env: []string{"STEP_FILE=" + file}}).ready()
	seconds := int64(0)
	set := func(to int64) {
		write(t, file, fmt.Sprint(to))
		for _, pid := range []int{s.PID(), enginePID(t, s)} {
			if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
				t.Fatal(err)
			}
		}
		seconds = to
	}
	certain := 0
	for i, step := range []int64{0, 3, -3, 600, -600, 3 * 3600, 0, -2 * 3600, 0} {
		set(step)
		session := fmt.Sprintf("step%d", i)
		l := startLoad(t, s.gateway, session)
		began := time.Now()
		testkit.Eventually(t, "the load runs", func() bool { return l.done.Load() >= 50 && time.Since(began) > certainAfter })
		fin, failed := l.end()
		if len(failed) > 0 {
			t.Errorf("with the clock at %+d s %d calls failed: %v", step, len(failed), failed[0])
		}
		certain += len(fin)
		testkit.EventuallyIn(t, 2*testkit.Patience, "they are stored", func() bool { return s.ledger("gateway").InFlight == 0 })
		if a := s.ledger("gateway"); a.dropped() > 0 {
			t.Errorf("with the clock at %+d s records were dropped: %+v", step, a)
		}
		// The server's own time: what is asked for now must be what is written now.
		now := time.Now().Add(time.Duration(seconds) * time.Second)
		testkit.EventuallyIn(t, 2*testkit.Patience, fmt.Sprintf("metrics of now with the clock at %+d s", step), func() bool {
			status, body := s.get("/api/v1/query", url.Values{"query": {`max(timestamp(pitot_engine_up))`}, "time": {fmt.Sprint(now.Add(time.Since(began)).Unix())}})
			var at float64
			var a struct {
				Data struct{ Result []struct{ Value [2]any } }
			}
			if status != http.StatusOK || json.Unmarshal([]byte(body), &a) != nil || len(a.Data.Result) != 1 {
				return false
			}
			text, _ := a.Data.Result[0].Value[1].(string)
			_, err := fmt.Sscan(text, &at)
			return err == nil && at >= float64(now.Unix()-5)
		})
		t.Logf("the clock at %+d s: %d calls", step, len(fin))
	}
	status, body := s.get("/select/logsql/query", url.Values{
		"query": {`kind:call service:=crash status:ok | stats count() n, count_uniq(session) d`},
		"start": {fmt.Sprint(time.Now().Add(-5 * time.Hour).Unix())}, "end": {fmt.Sprint(time.Now().Add(5 * time.Hour).Unix())},
	})
	var r struct{ N, D json.Number }
	if status != http.StatusOK || json.Unmarshal([]byte(body), &r) != nil {
		t.Fatalf("%d %s", status, body)
	}
	if n, _ := r.N.Int64(); r.N != r.D || int(n) < certain || int(n) > certain+9*loadWorkers {
		t.Errorf("%s calls of %s sessions are there, %d were answered", r.N, r.D, certain)
	}
	s.stop()
}
