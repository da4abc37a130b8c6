package engine

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// killAfter is how long a child that was told to stop may take: it writes what
// it has in memory, which takes a second or two on a slow disk.
const killAfter = 20 * time.Second

// runChild starts one child, serves until it ends or ctx does, and returns how
// long it was ready and why it ended.
func (s *Supervisor) runChild(ctx context.Context) (readyFor time.Duration, err error) {
	password := rand.Text()
	cfg, err := json.Marshal(s.opt.childConfig(password)) //nolint:gosec // the child needs the password; it goes to its stdin alone
	if err != nil {
		return 0, fmt.Errorf("encode configuration: %w", err)
	}
	cmd := exec.Command(s.opt.Executable, s.opt.Args...) //nolint:gosec // this program itself, unless a test says otherwise
	cmd.Env = append(os.Environ(), s.opt.Env...)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return 0, fmt.Errorf("pipe: %w", err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, fmt.Errorf("pipe: %w", err)
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return 0, fmt.Errorf("pipe: %w", err)
	}
	s.mu.Lock()
	s.tail = nil
	s.mu.Unlock()
	if err := cmd.Start(); err != nil {
		return 0, fmt.Errorf("start: %w", err)
	}
	s.update(func(st *Status) { st.PID = cmd.Process.Pid })

	var readers sync.WaitGroup
	address := make(chan string, 1)
	readers.Go(func() { s.readStdout(stdout, address) })
	readers.Go(func() { s.readLog(stderr) })
	ended := make(chan struct{})
	go func() {
		readers.Wait() // Wait may be called only after all reads
		err = cmd.Wait()
		close(ended)
	}()
	// The child reads its configuration before it writes anything much; should
	// it die first, this write fails and Wait says why.
	_, _ = stdin.Write(append(cfg, '\n'))

	var readyAt time.Time
	for {
		select {
		case addr := <-address:
			readyAt = time.Now()
			// The epoch first: who reaches this child must not see the one before.
			s.update(func(st *Status) { st.Epoch++ })
			s.conn.set(addr, password)
			s.log.Info("engine is ready", "pid", cmd.Process.Pid)
			s.childReady()
			address = nil
			continue
		case <-ctx.Done():
			stdin.Close()
			timer := time.NewTimer(killAfter)
			select {
			case <-ended:
			case <-timer.C:
				_ = cmd.Process.Kill() // fails only where the child has ended by itself
				<-ended
			}
			timer.Stop()
		case <-ended:
		}
		break
	}
	s.conn.unset()
	stdin.Close()
	if !readyAt.IsZero() {
		readyFor = time.Since(readyAt)
	}
	if err == nil {
		err = errNoReason
	}
	return readyFor, err
}

// readStdout waits for the line with the child's address.
func (s *Supervisor) readStdout(r io.Reader, address chan<- string) {
	sc := bufio.NewScanner(r)
	for sc.Scan() {
		if addr, ok := strings.CutPrefix(sc.Text(), readyPrefix); ok {
			select {
			case address <- addr:
			default: // said twice: the first holds
			}
		}
	}
	_, _ = io.Copy(io.Discard, r) // a child must never block on a full pipe
}
