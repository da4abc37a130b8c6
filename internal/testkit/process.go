//go:build unix

package testkit

import (
	"bufio"
	"errors"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is a child process of a test. It is ended when the test ends,
// together with the whole process group that it leads.
type Process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	done chan struct{}
	err  error // of Wait, after done

	mu    sync.Mutex
	lines []string
	wake  chan struct{} // closed and replaced at each line
}

// maxLines bounds what is kept of a child's output.
const maxLines = 10000

// Start runs a command with its output captured. The child leads a process
// group of its own, so that its children go with it.
func Start(tb testing.TB, cmd *exec.Cmd) *Process {
	tb.Helper()
	p := &Process{tb: tb, cmd: cmd, done: make(chan struct{}), wake: make(chan struct{})}
	r, w, err := os.Pipe()
	if err != nil {
		tb.Fatalf("start %s: %v", cmd.Path, err)
	}
	cmd.Stdout, cmd.Stderr = w, w
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	if err := cmd.Start(); err != nil {
		r.Close()
		w.Close()
		tb.Fatalf("start %s: %v", cmd.Path, err)
	}
	w.Close()
	var wg sync.WaitGroup
	wg.Go(func() { p.read(r) })
	go func() {
		err := cmd.Wait()
		// Grandchildren may hold the pipe open: what they write later is not
		// of interest.
		_ = r.SetReadDeadline(time.Now().Add(time.Second))
		wg.Wait()
		r.Close()
		p.mu.Lock()
		p.err = err
		p.mu.Unlock()
		close(p.done)
	}()
	tb.Cleanup(func() {
		p.Kill()
		if tb.Failed() {
			tb.Logf("output of %s:\n%s", cmd.Path, p.Output())
		}
	})
	return p
}

func (p *Process) read(r io.Reader) {
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		p.mu.Lock()
		if len(p.lines) >= maxLines {
			p.lines = p.lines[maxLines/2:]
		}
		p.lines = append(p.lines, s.Text())
		close(p.wake)
		p.wake = make(chan struct{})
		p.mu.Unlock()
	}
	_, _ = io.Copy(io.Discard, r) // a line that is too long ends the scan, not the child
}

// PID is the child's process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is what the child wrote so far to both its outputs.
func (p *Process) Output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Join(p.lines, "\n")
}

// WaitLine waits until a line matches and returns the match and its groups.
// It fails the test if the child ends before or Patience runs out.
func (p *Process) WaitLine(re *regexp.Regexp) []string {
	p.tb.Helper()
	limit := time.NewTimer(Patience)
	defer limit.Stop()
	for seen, ended := 0, false; ; {
		p.mu.Lock()
		lines, wake := p.lines, p.wake
		p.mu.Unlock()
		if seen > len(lines) {
			seen = 0
		}
		for ; seen < len(lines); seen++ {
			if m := re.FindStringSubmatch(lines[seen]); m != nil {
				return m
			}
		}
		if ended {
			p.tb.Fatalf("%s ended without a line that matches %v:\n%s", p.cmd.Path, re, p.Output())
		}
		select {
		case <-wake:
		case <-p.done:
			ended = true
		case <-limit.C:
			p.tb.Fatalf("%s: no line matches %v:\n%s", p.cmd.Path, re, p.Output())
		}
	}
}

// Stop asks the child to end by SIGTERM and waits for it; it returns what the
// child ended with. A child that does not end in Patience is killed and fails
// the test.
func (p *Process) Stop() error {
	p.tb.Helper()
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.tb.Errorf("stop %s: %v", p.cmd.Path, err)
	}
	t := time.NewTimer(Patience)
	defer t.Stop()
	select {
	case <-p.done:
	case <-t.C:
		p.tb.Errorf("%s did not end on SIGTERM:\n%s", p.cmd.Path, p.Output())
		p.Kill()
	}
	return p.Err()
}

// Signal sends a signal to the child alone.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the child and its process group at once and waits for it.
func (p *Process) Kill() {
	// The group is signalled even if its leader ended: grandchildren may live.
	if err := syscall.Kill(-p.PID(), syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		p.tb.Logf("kill %s: %v", p.cmd.Path, err)
	}
	<-p.done
}

// Done is closed when the child has ended.
func (p *Process) Done() <-chan struct{} { return p.done }

// Err is what the child ended with, nil while it runs.
func (p *Process) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.err
}
