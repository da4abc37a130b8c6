//go:build unix

package testkit

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// childEnv makes the test binary play the child process of TestProcess.
const childEnv = "TESTKIT_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "good", "stubborn":
		stop := make(chan os.Signal, 1)
		signal.Notify(stop, syscall.SIGTERM)
		fmt.Println("starting")
		fmt.Fprintln(os.Stderr, "listening on http://127.0.0.1:12345")
		<-stop
		if os.Getenv(childEnv) == "stubborn" {
			<-stop
		}
		fmt.Println("bye")
		os.Exit(3)
	case "parent":
		c := exec.Command(os.Args[0])
		c.Env = append(os.Environ(), childEnv+"=stubborn")
		if err := c.Start(); err != nil {
			panic(err)
		}
		fmt.Println("grandchild", c.Process.Pid)
		select {}
	}
	goleak.VerifyTestMain(m)
}

func child(mode string) *exec.Cmd {
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), childEnv+"="+mode)
	return c
}

func TestProcess(t *testing.T) {
	p := Start(t, child("good"))
	m := p.WaitLine(regexp.MustCompile(`listening on (http://\S+)`))
	if m[1] != "http://127.0.0.1:12345" {
		t.Errorf("line %q", m)
	}
	if p.Err() != nil {
		t.Errorf("running, yet %v", p.Err())
	}
	err := p.Stop()
	if ee, ok := errors.AsType[*exec.ExitError](err); !ok || ee.ExitCode() != 3 {
		t.Errorf("ended with %v, want exit status 3", err)
	}
	if out := p.Output(); !strings.Contains(out, "starting") || !strings.HasSuffix(out, "bye") {
		t.Errorf("output %q", out)
	}
}

func TestProcessGroupDies(t *testing.T) {
	p := Start(t, child("parent"))
	m := p.WaitLine(regexp.MustCompile(`grandchild (\d+)`))
	p.Kill()
	// A process that nobody waits for may stay as a zombie of the reaper: it is
	// gone or it is a zombie.
	Eventually(t, "the grandchild is gone", func() bool {
		b, err := os.ReadFile("/proc/" + m[1] + "/stat")
		if err != nil {
			return true
		}
		_, state, _ := strings.Cut(string(b), ") ")
		return strings.HasPrefix(state, "Z")
	})
}

// recorder is a testing.TB that notes failures instead of failing.
type recorder struct {
	testing.TB
	failed []string
}

func (r *recorder) Helper() {}
func (r *recorder) Errorf(format string, args ...any) {
	r.failed = append(r.failed, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}
func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

func failures(fn func(testing.TB), t *testing.T) (out []string) {
	r := &recorder{TB: t}
	defer func() {
		if e := recover(); e != nil && e != any(r) {
			panic(e)
		}
		out = r.failed
	}()
	fn(r)
	return r.failed
}

func TestEventually(t *testing.T) {
	var n atomic.Int32
	Eventually(t, "three looks", func() bool { return n.Add(1) >= 3 })
	got := failures(func(tb testing.TB) {
		EventuallyIn(tb, 20*time.Millisecond, "a miracle", func() bool { return false })
	}, t)
	if len(got) != 1 || !strings.Contains(got[0], "a miracle") {
		t.Errorf("failures %q", got)
	}
}

func TestGolden(t *testing.T) {
	t.Chdir(t.TempDir())
	if got := failures(func(tb testing.TB) { Golden(tb, false, "a/b.txt", []byte("x")) }, t); len(got) != 1 || !strings.Contains(got[0], "-update") {
		t.Errorf("absent file: %q", got)
	}
	Golden(t, true, "a/b.txt", []byte("one\ntwo\n"))
	Golden(t, false, "a/b.txt", []byte("one\ntwo\n"))
	if got := failures(func(tb testing.TB) { Golden(tb, false, "a/b.txt", []byte("one\nthree\n")) }, t); len(got) != 1 || !strings.Contains(got[0], "three") {
		t.Errorf("differing file: %q", got)
	}
}

func TestSharedDir(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(SharedEnv, dir)
	if err := os.Mkdir(filepath.Join(dir, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if got := SharedDir(t, "sub"); got != filepath.Join(dir, "sub") {
		t.Errorf("SharedDir = %q", got)
	}
	skipped := true
	t.Run("absent", func(t *testing.T) {
		SharedDir(t, "absent")
		skipped = false
	})
	if !skipped {
		t.Error("absent data must skip the test")
	}
}

func TestListen(t *testing.T) {
	l := Listen(t)
	if !strings.HasPrefix(l.Addr().String(), "127.0.0.1:") || !strings.HasPrefix(FreeAddr(t), "127.0.0.1:") {
		t.Errorf("not on loopback: %v", l.Addr())
	}
}
