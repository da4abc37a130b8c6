package logs

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

// fileSink appends what is submitted to a file, one write a submission, so that
// what was acknowledged survives a kill.
type fileSink struct{ f *os.File }

func (s fileSink) Submit(_ context.Context, recs []llm.Record) error {
	var b bytes.Buffer
	for _, r := range recs {
		fmt.Fprintf(&b, "%s %s\n", r.Log.ID, r.Log.Message)
	}
	_, err := s.f.Write(b.Bytes())
	return err
}

// TestTailerChild is the process that TestTailerSurvivesKill kills.
func TestTailerChild(t *testing.T) {
	dir := os.Getenv("PITOT_LOGS_CHILD")
	if dir == "" {
		t.Skip("runs as a child of TestTailerSurvivesKill")
	}
	out, err := os.OpenFile(filepath.Join(dir, "journal"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	tl, err := NewTailer(Options{
		Config: Config{Files: []FileConfig{{Paths: []string{filepath.Join(dir, "logs", "*.log")}}}}, Sink: fileSink{out}, DataDir: filepath.Join(dir, "data"),
	})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Println("tailing")
	t.Log(tl.Run(context.Background()))
}

// TestTailerSurvivesKill kills a tailer again and again while files grow and
// are rotated: no line is lost, and none has two ids.
func TestTailerSurvivesKill(t *testing.T) {
	if testing.Short() {
		t.Skip("starts and kills processes")
	}
	dir := t.TempDir()
	logDir := filepath.Join(dir, "logs")
	if err := os.MkdirAll(logDir, 0o750); err != nil {
		t.Fatal(err)
	}
	written := 0
	write := func(name string, n int) {
		f, err := os.OpenFile(filepath.Join(logDir, name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		for range n {
			form := "line %06d\n" // without a time
			if written%2 == 0 {
				form = "{\"message\":\"line %06d\"}\n"
			}
			fmt.Fprintf(f, form, written)
			written++
		}
		f.Close()
	}
	seen := func() map[string]map[string]bool {
		out := map[string]map[string]bool{}
		f, err := os.Open(filepath.Join(dir, "journal"))
		if err != nil {
			return out
		}
		defer f.Close()
		for sc := bufio.NewScanner(f); sc.Scan(); {
			id, message, _ := strings.Cut(sc.Text(), " ")
			if out[message] == nil {
				out[message] = map[string]bool{}
			}
			out[message][id] = true
		}
		return out
	}
	first := 0 // line of the a.log that is there
	const rounds = 8
	for round := range rounds {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestTailerChild$")
		cmd.Env = append(os.Environ(), "PITOT_LOGS_CHILD="+dir)
		stdout, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if sc := bufio.NewScanner(stdout); !sc.Scan() {
			t.Fatal("the child did not start")
		}
		for i := range 10 {
			write("a.log", 200)
			write("b.log", 50)
			if i == 5 && round%2 == 0 {
				// Of a file that is renamed before it was ever seen nobody can know.
				testkit.Eventually(t, "the file is tailed", func() bool { return len(seen()[fmt.Sprintf("line %06d", first)]) > 0 })
				first = written
				if err := os.Rename(filepath.Join(logDir, "a.log"), filepath.Join(logDir, fmt.Sprintf("a.log.%d", round))); err != nil {
					t.Fatal(err)
				}
			}
			<-time.After(time.Duration(rand.IntN(30)) * time.Millisecond)
		}
		if round == rounds-1 {
			testkit.Eventually(t, "all lines are taken in", func() bool { return len(seen()) >= written })
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // killed
	}
	got := seen()
	lost, doubled := 0, 0
	for i := range written {
		switch ids := got[fmt.Sprintf("line %06d", i)]; {
		case len(ids) == 0:
			lost++
		case len(ids) > 1:
			doubled++
		}
	}
	if lost > 0 || doubled > 0 || len(got) != written {
		t.Errorf("of %d lines %d are lost, %d have more than one id, %d are seen", written, lost, doubled, len(got))
	}
}
