package logs

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// tailTest runs a tailer over a directory, in a bubble of fake time.
type tailTest struct {
	*testing.T
	dir, data string
	config    Config
	sink      *fakeSink
	m         *Metrics
	resource  map[string]string
	cancel    context.CancelFunc
	done      chan error
}

func inTail(t *testing.T, f FileConfig, run func(*tailTest)) {
	t.Helper()
	dir, data := t.TempDir(), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		for i := range f.Paths {
			f.Paths[i] = filepath.Join(dir, f.Paths[i])
		}
		for i := range f.Exclude {
			f.Exclude[i] = filepath.Join(dir, f.Exclude[i])
		}
		h := &tailTest{T: t, dir: dir, data: data, sink: newSink(), config: Config{Files: []FileConfig{f}}}
		run(h)
		if h.cancel != nil {
			h.stop()
		}
	})
}

func (h *tailTest) start() {
	h.Helper()
	h.m = NewMetrics()
	tl, err := NewTailer(Options{Config: h.config, Sink: h.sink, DataDir: h.data, Metrics: h.m, Resource: h.resource})
	if err != nil {
		h.Fatal(err)
	}
	ctx, cancel := context.WithCancel(h.Context())
	h.cancel, h.done = cancel, make(chan error, 1)
	go func() { h.done <- tl.Run(ctx) }()
}

func (h *tailTest) stop() {
	h.Helper()
	h.cancel()
	if err := <-h.done; err != nil {
		h.Error(err)
	}
	h.cancel = nil
}

// crash ends the tailer without the checkpoint that it saves at the end.
func (h *tailTest) crash() {
	h.Helper()
	path := filepath.Join(h.data, checkpointName)
	before, err := os.ReadFile(path)
	h.stop()
	if err != nil {
		os.Remove(path)
		return
	}
	if err := os.WriteFile(path, before, 0o600); err != nil {
		h.Fatal(err)
	}
}

// pass lets time pass, in which the tailer does what it does.
func (h *tailTest) pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func (h *tailTest) path(name string) string { return filepath.Join(h.dir, name) }

func (h *tailTest) append(name, text string) {
	h.Helper()
	if err := os.MkdirAll(filepath.Dir(h.path(name)), 0o750); err != nil {
		h.Fatal(err)
	}
	f, err := os.OpenFile(h.path(name), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		h.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		h.Fatal(err)
	}
}

func (h *tailTest) rename(from, to string) {
	h.Helper()
	if err := os.Rename(h.path(from), h.path(to)); err != nil {
		h.Fatal(err)
	}
}

// copyTruncate rotates as logrotate's copytruncate does.
func (h *tailTest) copyTruncate(from, to string) {
	h.Helper()
	b, err := os.ReadFile(h.path(from))
	if err == nil {
		err = os.WriteFile(h.path(to), b, 0o600)
	}
	if err == nil {
		err = os.Truncate(h.path(from), 0)
	}
	if err != nil {
		h.Fatal(err)
	}
}

// want compares the messages that arrived, in any order of files.
func (h *tailTest) want(messages ...string) {
	h.Helper()
	got := h.sink.messages()
	slices.Sort(got)
	slices.Sort(messages)
	if diff := cmp.Diff(messages, got, cmpopts.EquateEmpty()); diff != "" {
		h.Error(diff)
	}
}

// lines are n lines of JSON whose messages are name and a number from first.
func lines(name string, first, n int) (text string, messages []string) {
	var b strings.Builder
	for i := first; i < first+n; i++ {
		m := fmt.Sprintf("%s-%d", name, i)
		fmt.Fprintf(&b, "{\"message\":%q,\"level\":\"info\",\"time\":\"2026-11-21T10:00:00Z\"}\n", m)
		messages = append(messages, m)
	}
	return b.String(), messages
}

func TestTailFollowsAFile(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}, Service: "svc", Environment: "prod", Labels: map[string]string{"team": "a"}}, func(h *tailTest) {
		h.resource = map[string]string{ResourceCluster: "c", ResourcePod: "p"}
		h.append("a.log", "plain text\n{\"message\":\"json\",\"service\":\"own\",\"team\":\"b\"}\n{\"broken\": \n")
		h.start()
		h.pass(time.Second)
		h.append("a.log", "later\n")
		h.append("b.log", "another file\n")
		h.append("c.log.gz", "compressed\n")
		h.pass(5 * time.Second)
		h.want("plain text", "json", `{"broken": `, "later", "another file")
		for _, l := range h.sink.all() {
			wantService, wantTeam := "svc", "a"
			if l.Message == "json" {
				wantService, wantTeam = "own", "b"
			}
			if l.Service != wantService || l.Environment != "prod" || l.Attributes["team"] != wantTeam || l.Resource[ResourcePod] != "p" || l.Attributes[attrFile] == nil {
				t.Errorf("%s", mustJSON(t, l))
			}
		}
		if n := testutil.ToFloat64(h.m.received.WithLabelValues(inputFile)); n != 5 {
			t.Errorf("received %v", n)
		}
		if testutil.ToFloat64(h.m.open) != 2 || testutil.ToFloat64(h.m.lag) != 0 {
			t.Errorf("open %v, lag %v", testutil.ToFloat64(h.m.open), testutil.ToFloat64(h.m.lag))
		}
	})
}

func TestTailKeepsItsPlaceOverRestarts(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		a, wantA := lines("a", 0, 10)
		h.append("a.log", a)
		h.start()
		h.pass(time.Second)
		h.stop()
		accepted := len(h.sink.accepted)
		b, wantB := lines("a", 10, 5)
		h.append("a.log", b)
		h.start()
		h.pass(time.Second)
		h.want(append(wantA, wantB...)...)
		if len(h.sink.accepted) != accepted+5 {
			t.Error("lines were read twice though the tailer was stopped in order")
		}
	})
}

func TestTailAfterACrashRepeatsIDs(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		// Lines without a time get theirs from their arrival: it must be the same
		// one when they are read again.
		h.append("a.log", "one\ntwo\n{\"message\":\"three\"}\n")
		h.start()
		h.pass(100 * time.Millisecond)
		h.append("a.log", "four\n")
		h.pass(300 * time.Millisecond)
		h.crash()
		h.append("a.log", "five\n")
		h.pass(time.Hour)
		h.start()
		h.pass(time.Second)
		h.crash()
		h.start()
		h.pass(time.Second)
		h.want("one", "two", "three", "four", "five")
	})
}

func TestTailWaitsOutOverload(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		h.sink.fail = func(n int) error {
			switch {
			case n <= 3:
				return overload{2 * time.Second}
			case n <= 5:
				return fmt.Errorf("broken for a while")
			}
			return nil
		}
		text, want := lines("a", 0, 10)
		h.append("a.log", text)
		h.start()
		h.pass(time.Second)
		h.want()
		if testutil.ToFloat64(h.m.retries) == 0 {
			t.Error("the retry is not counted")
		}
		h.pass(time.Minute)
		h.want(want...)
		if l := h.sink.all()[0]; l.Attributes[attrFile] == nil {
			t.Error("records of the first attempt were submitted again")
		}
	})
}

func TestTailRotationByRename(t *testing.T) {
	for _, pattern := range []string{"app.log", "app.log*"} {
		t.Run(pattern, func(t *testing.T) {
			inTail(t, FileConfig{Paths: []string{pattern}}, func(h *tailTest) {
				text, want := lines("old", 0, 3)
				h.append("app.log", text)
				h.start()
				h.pass(time.Second)
				h.rename("app.log", "app.log.1")
				late, wantLate := lines("late", 0, 2)
				h.append("app.log.1", late) // its writer has not noticed yet
				text, wantNew := lines("new", 0, 3)
				h.append("app.log", text)
				h.pass(5 * time.Second)
				want = slices.Concat(want, wantLate, wantNew)
				h.want(want...)
				h.rename("app.log.1", "app.log.2")
				h.rename("app.log", "app.log.1")
				text, wantNewer := lines("newer", 0, 3)
				h.append("app.log", text)
				h.pass(time.Minute)
				h.want(append(want, wantNewer...)...)
				if n := len(h.sink.accepted); n != len(want)+3 {
					t.Errorf("%d lines were submitted", n)
				}
				if pattern == "app.log" && testutil.ToFloat64(h.m.open) != 1 {
					t.Errorf("%v files are held open", testutil.ToFloat64(h.m.open))
				}
			})
		})
	}
}

func TestTailRotationByRenameWhileDown(t *testing.T) {
	for _, pattern := range []string{"app.log", "app.log*"} {
		t.Run(pattern, func(t *testing.T) {
			inTail(t, FileConfig{Paths: []string{pattern}}, func(h *tailTest) {
				text, want := lines("old", 0, 3)
				h.append("app.log", text)
				h.start()
				h.pass(2 * time.Second)
				h.stop()
				unread, wantUnread := lines("unread", 0, 3)
				h.append("app.log", unread)
				h.rename("app.log", "app.log.1")
				text, wantNew := lines("new", 0, 3)
				h.append("app.log", text)
				h.start()
				h.pass(30 * time.Second)
				want = slices.Concat(want, wantUnread, wantNew)
				h.want(want...)
				if n := len(h.sink.accepted); n != len(want) {
					t.Errorf("%d lines were submitted", n)
				}
			})
		})
	}
}

func TestTailCopyTruncate(t *testing.T) {
	for _, pattern := range []string{"app.log", "app.log*"} {
		t.Run(pattern, func(t *testing.T) {
			inTail(t, FileConfig{Paths: []string{pattern}}, func(h *tailTest) {
				text, want := lines("old", 0, 3)
				h.append("app.log", text)
				h.start()
				h.pass(2100 * time.Millisecond)
				// Written and copied away before the tailer looks again.
				unread, wantUnread := lines("unread", 0, 3)
				h.append("app.log", unread)
				h.copyTruncate("app.log", "app.log.1")
				text, wantNew := lines("new", 0, 20) // longer than what was there
				h.append("app.log", text)
				h.pass(30 * time.Second)
				want = slices.Concat(want, wantUnread, wantNew)
				h.want(want...)
				// And again, with a tailer that is down.
				h.stop()
				unread, wantUnread = lines("unread2", 0, 3)
				h.append("app.log", unread)
				h.rename("app.log.1", "app.log.2")
				h.copyTruncate("app.log", "app.log.1")
				text, wantNew = lines("newest", 0, 1)
				h.append("app.log", text)
				h.start()
				h.pass(30 * time.Second)
				want = slices.Concat(want, wantUnread, wantNew)
				h.want(want...)
				if n := len(h.sink.accepted); n != len(want) {
					t.Errorf("%d lines were submitted, want %d", n, len(want))
				}
				if testutil.ToFloat64(h.m.gaps) != 0 {
					t.Error("a gap is reported")
				}
			})
		})
	}
}

// TestTailSeesTheCopyBeforeTheTruncation is a rotation of a large file, whose
// copy lies beside it for a while.
func TestTailSeesTheCopyBeforeTheTruncation(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"app.log*"}}, func(h *tailTest) {
		text, want := lines("old", 0, 3)
		h.append("app.log", text)
		h.start()
		h.pass(time.Second)
		h.append("app.log.1", text)
		h.pass(5 * time.Second)
		if err := os.Truncate(h.path("app.log"), 0); err != nil {
			t.Fatal(err)
		}
		text, wantNew := lines("new", 0, 1)
		h.append("app.log", text)
		h.pass(30 * time.Second)
		h.want(append(want, wantNew...)...)
		if n := len(h.sink.accepted); n != len(want)+1 {
			t.Errorf("%d lines were submitted", n)
		}
	})
}

// TestTailCrashRightAfterTheFirstSubmission goes back to what was on disk when
// lines were submitted for the first time.
func TestTailCrashRightAfterTheFirstSubmission(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		path := filepath.Join(h.data, checkpointName)
		var before []byte
		h.sink.fail = func(n int) error {
			if n == 1 {
				before, _ = os.ReadFile(path) // none is an error that is seen below
			}
			return nil
		}
		text, want := lines("a", 0, 3)
		h.append("a.log", text)
		h.start()
		h.pass(time.Second)
		h.stop()
		if err := os.WriteFile(path, before, 0o600); err != nil {
			t.Fatal(err)
		}
		h.start()
		h.pass(time.Second)
		h.want(want...)
		if n := len(h.sink.accepted); n != 6 {
			t.Errorf("%d lines were submitted: the crash was none", n)
		}
	})
}

func TestTailTruncatedWithoutACopy(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"app.log"}}, func(h *tailTest) {
		text, want := lines("old", 0, 3)
		h.append("app.log", text+"the start of a line")
		h.start()
		h.pass(time.Second)
		if err := os.Truncate(h.path("app.log"), 0); err != nil {
			t.Fatal(err)
		}
		text, wantNew := lines("new", 0, 1)
		h.append("app.log", text)
		h.pass(5 * time.Second)
		h.want(slices.Concat(want, wantNew, []string{"the start of a line"})...)
		if testutil.ToFloat64(h.m.gaps) != 1 {
			t.Error("the gap is not counted")
		}
	})
}

func TestTailWriterThatKeepsItsPlaceAfterTruncation(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"app.log"}}, func(h *tailTest) {
		f, err := os.Create(h.path("app.log")) // not for appending
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		text, want := lines("old", 0, 3)
		_, _ = f.WriteString(text)
		h.start()
		h.pass(time.Second)
		if err := f.Truncate(0); err != nil {
			t.Fatal(err)
		}
		text, wantNew := lines("new", 0, 3)
		_, _ = f.WriteString(text) // zeros before it
		h.pass(5 * time.Second)
		h.want(append(want, wantNew...)...)
	})
}

func TestTailDeletedFile(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		h.append("a.log", "one\n")
		h.start()
		h.pass(time.Second)
		f, err := os.OpenFile(h.path("a.log"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		if err := os.Remove(h.path("a.log")); err != nil {
			t.Fatal(err)
		}
		_, _ = f.WriteString("written to the deleted file\n")
		h.pass(3 * time.Second)
		h.want("one", "written to the deleted file")
		h.append("a.log", "a new file\n")
		h.pass(time.Minute)
		h.want("one", "written to the deleted file", "a new file")
		if n := testutil.ToFloat64(h.m.open); n != 1 {
			t.Errorf("%v files are held open", n)
		}
	})
}

func TestTailInodeUsedAgain(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		text, want := lines("old", 0, 5)
		h.append("a.log", text)
		h.start()
		h.pass(time.Second)
		h.stop()
		// The same inode with other content, as a file system gives it out again.
		if err := os.Truncate(h.path("a.log"), 0); err != nil {
			t.Fatal(err)
		}
		h.rename("a.log", "b.log")
		text, wantNew := lines("other", 0, 50)
		h.append("b.log", text)
		h.start()
		h.pass(time.Second)
		h.want(append(want, wantNew...)...)
	})
}

func TestTailFromTheEnd(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}, From: FromEnd}, func(h *tailTest) {
		h.append("a.log", "old\nthe start of")
		h.start()
		h.pass(time.Second)
		h.append("a.log", " a line\nnew\n")
		h.append("b.log", "appeared later: from its start\n")
		h.pass(5 * time.Second)
		h.want("new", "appeared later: from its start")
		h.stop()
		h.append("c.log", "appeared while down\n")
		h.append("a.log", "written while down\n")
		h.start()
		h.pass(5 * time.Second)
		h.want("new", "appeared later: from its start", "appeared while down", "written while down")
	})
}

func TestTailPartialLines(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		h.append("a.log", `{"message":"in two`)
		h.start()
		h.pass(2 * time.Second)
		h.want()
		h.stop() // what is held back is not passed over
		h.start()
		h.pass(time.Second)
		h.append("a.log", " parts\"}\nno end")
		h.pass(time.Second)
		h.want("in two parts")
		h.pass(10 * time.Second)
		h.want("in two parts", "no end")
		if l := h.sink.all()[1]; l.Attributes[attrPartial] != true {
			t.Errorf("%+v", l)
		}
		h.append("a.log", " after all\n")
		h.pass(time.Second)
		h.want("in two parts", "no end", " after all")
	})
}

func TestTailLongLinesAreCut(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		h.config.MaxLine = 1000
		long := strings.Repeat("0123456789", 200_000) // more than is read at once
		h.append("a.log", "before\n"+long+"\nafter\n"+strings.Repeat("x", 1000)+"\n")
		h.start()
		h.pass(time.Second)
		h.append("a.log", long) // still being written, over a restart
		h.pass(time.Second)
		h.stop()
		h.start()
		h.append("a.log", long+"\nlast\n")
		h.pass(10 * time.Second)
		h.want("before", long[:1000], "after", strings.Repeat("x", 1000), long[:1000], "last")
		cut := 0
		for _, l := range h.sink.all() {
			if l.Attributes[attrTruncated] == true {
				cut++
			}
		}
		if cut != 2 {
			t.Errorf("%d lines are marked as cut", cut)
		}
	})
}

func TestTailContainerRuntimes(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"log/pods/ns_pod-1_uid/web/*.log"}}, func(h *tailTest) {
		h.append("log/pods/ns_pod-1_uid/web/0.log", strings.Join([]string{
			`2026-11-21T10:00:00.123456789Z stdout F {"level":"error","msg":"from cri"}`,
			`2026-11-21T10:00:01Z stdout P a long `,
			`2026-11-21T10:00:01Z stderr F on the other stream`,
			`2026-11-21T10:00:01.5Z stdout F line`,
			`2026-11-21T10:00:02Z stdout F `,
			`{"log":"from docker\n","stream":"stderr","time":"2026-11-21T10:00:03.5Z"}`,
			`{"log":"in ","stream":"stdout","time":"2026-11-21T10:00:04Z"}`,
			`{"log":"pieces\n","stream":"stdout","time":"2026-11-21T10:00:05Z"}`,
			`{"log":"{\"msg\":\"json in docker\",\"time\":\"2026-11-21T09:00:00Z\"}\n","stream":"stdout","time":"2026-11-21T10:00:06Z"}`,
			``,
		}, "\n"))
		h.start()
		h.pass(time.Second)
		h.want("from cri", "on the other stream", "a long line", "from docker", "in pieces", "json in docker")
		for _, l := range h.sink.all() {
			at := l.Time.Format("15:04:05.999999999")
			want := map[string]string{
				"from cri": "10:00:00.123456789", "on the other stream": "10:00:01", "a long line": "10:00:01",
				"from docker": "10:00:03.5", "in pieces": "10:00:04", "json in docker": "09:00:00",
			}[l.Message]
			if at != want || l.Service != "web" || l.Resource[ResourcePod] != "pod-1" || l.Resource[ResourceNamespace] != "ns" || l.Attributes[attrStream] == nil {
				t.Errorf("%s at %s: %s", l.Message, at, mustJSON(t, l))
			}
		}
	})
}

func TestTailMultiline(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}, Multiline: MultilineConfig{Start: `^\d{4}-`}}, func(h *tailTest) {
		h.append("a.log", "2026-11-21 10:00:00 ERROR it broke\n  at a\n  at b\n{\"message\":\"json\"}\n2026-11-21 10:00:01 INFO fine\n")
		h.start()
		h.pass(time.Second)
		h.want("2026-11-21 10:00:00 ERROR it broke\n  at a\n  at b", "json")
		h.pass(10 * time.Second)
		h.want("2026-11-21 10:00:00 ERROR it broke\n  at a\n  at b", "json", "2026-11-21 10:00:01 INFO fine")
	})
}

func TestTailFormatText(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}, Format: FormatText}, func(h *tailTest) {
		h.append("a.log", `{"message":"kept as text"}`+"\n")
		h.start()
		h.pass(time.Second)
		h.want(`{"message":"kept as text"}`)
	})
}

func TestTailGlobs(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"**/*.log", "x/*.txt"}, Exclude: []string{"**/skip.log"}}, func(h *tailTest) {
		for _, name := range []string{"a.log", "x/b.log", "x/y/z/c.log", "x/d.txt", "x/y/e.txt", "x/skip.log", "x/f.log.gz"} {
			h.append(name, name+"\n")
		}
		if err := os.MkdirAll(h.path("directory.log"), 0o750); err != nil {
			t.Fatal(err)
		}
		h.start()
		h.pass(time.Second)
		h.want("a.log", "x/b.log", "x/y/z/c.log", "x/d.txt")
	})
}

func TestTailIgnoresCompressedRotations(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"app.log*"}}, func(h *tailTest) {
		text, want := lines("old", 0, 3)
		h.append("app.log", text)
		h.start()
		h.pass(time.Second)
		var z bytes.Buffer
		w := gzip.NewWriter(&z)
		_, _ = w.Write([]byte(text))
		w.Close()
		h.append("app.log.1.gz", z.String())
		h.pass(5 * time.Second)
		h.want(want...)
	})
}

func TestTailCorruptCheckpoint(t *testing.T) {
	inTail(t, FileConfig{Paths: []string{"*.log"}}, func(h *tailTest) {
		if err := os.WriteFile(filepath.Join(h.data, checkpointName), []byte("{cut"), 0o600); err != nil {
			t.Fatal(err)
		}
		h.append("a.log", "one\n")
		h.start()
		h.pass(time.Second)
		h.want("one")
		if _, err := os.Stat(filepath.Join(h.data, checkpointName+".corrupt")); err != nil {
			t.Error(err)
		}
	})
}

func TestNewerCheckpointIsRefused(t *testing.T) {
	dir := t.TempDir()
	b, err := json.Marshal(checkpoint{Version: checkpointVersion + 1})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, checkpointName), b, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = NewTailer(Options{Config: Config{Files: []FileConfig{{Paths: []string{"/x"}}}}, DataDir: dir})
	if err == nil || !strings.Contains(err.Error(), "newer Pitot") {
		t.Errorf("got %v", err)
	}
}

func TestTailerWithoutFilesWaits(t *testing.T) {
	tl, err := NewTailer(Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := tl.Run(ctx); err != nil {
		t.Error(err)
	}
}

func FuzzAssembler(f *testing.F) {
	f.Add([]byte("a\nb\r\n\n2026-11-21T10:00:00Z stdout P x\n2026-11-21T10:00:00Z stdout F y\n"), 3)
	f.Add([]byte("{\"log\":\"a\",\"stream\":\"stdout\",\"time\":\"2026-11-21T10:00:00Z\"}\n\x00\x00z\n"+strings.Repeat("long", 30)), 7)
	f.Fuzz(func(t *testing.T, data []byte, piece int) {
		run := func(size int) (out []string, at int64) {
			a := assembler{max: 64, emit: func(l line) { out = append(out, fmt.Sprintf("%d-%d %q %v", l.from, l.to, l.text, l.truncated)) }, onCut: func() {}}
			for i := 0; i < len(data); i += size {
				a.write(data[i:min(i+size, len(data))], noon)
				if safe, _ := a.safe(); safe > a.at || safe < 0 {
					t.Fatalf("safe offset %d of %d", safe, a.at)
				}
			}
			a.flush()
			return out, a.at
		}
		whole, end := run(max(len(data), 1))
		pieces, endPieces := run(max(piece&63, 1))
		if diff := cmp.Diff(whole, pieces); diff != "" {
			t.Errorf("what is read depends on the pieces in which it is read:\n%s", diff)
		}
		if end != int64(len(data)) || endPieces != end {
			t.Errorf("%d and %d bytes of %d were taken", end, endPieces, len(data))
		}
	})
}

func BenchmarkTail(b *testing.B) {
	const n = 100_000
	dir := b.TempDir()
	text, _ := lines("line", 0, n)
	if err := os.WriteFile(filepath.Join(dir, "a.log"), []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		ctx, cancel := context.WithCancel(b.Context())
		sink := &countingSink{want: n, done: cancel}
		tl, err := NewTailer(Options{Config: Config{Files: []FileConfig{{Paths: []string{filepath.Join(dir, "*.log")}}}}, Sink: sink, DataDir: b.TempDir()})
		if err != nil {
			b.Fatal(err)
		}
		if err := tl.Run(ctx); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
