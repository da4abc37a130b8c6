package events

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/engine"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit/residue"
)

// ownEngine starts an engine of the test's own, whose files it can search.
func ownEngine(t *testing.T) (*Store, string) {
	t.Helper()
	dir := t.TempDir()
	sup, err := engine.Start(t.Context(), engineOptions(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sup.Stop(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return newStore(t, sup, nil), dir
}

// The words that must be gone, or found.
var canaries = []string{"canaryuser", "canaryprompt", "canaryanswer", "canarytool", "canarylog", "canaryscore", "canarytag", "canaryneedle"}

// canaryRecords are of one user among many others, over three days: calls in
// traces with spans and logs, long content apart, judgements.
func canaryRecords(t *testing.T) (recs []llm.Record, own int) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 3000 {
		at := time.Now().Add(-time.Duration(i) * 80 * time.Second)
		c := randomCall(r, at, "svc")
		c.TraceID, c.SpanID = fmt.Sprintf("%032x", i+1), fmt.Sprintf("%016x", i+1)
		if i%300 != 7 {
			recs = append(recs, llm.Record{Call: c})
			continue
		}
		c.User, c.Session = "canaryuser", "canaryuser-session"
		c.Tags = map[string]string{"who": "canarytag"}
		c.Input = []llm.Message{llm.Text("user", "canaryprompt is this "+strings.Repeat("long text, ", 300))}
		c.Output = []llm.Message{llm.Text("assistant", "canaryanswer says so")}
		if i%600 == 7 { // so long that it is kept apart
			c.Input = append(c.Input, llm.Text("user", strings.Repeat("more and more words ", 30_000)+" canaryneedle"))
		}
		recs = append(recs, llm.Record{Call: c},
			llm.Record{Span: &llm.Span{ID: newID(at, r), Time: at, Source: llm.SourceOTLP, Service: "svc", Name: "tool", TraceID: c.TraceID, SpanID: newID(at, r)[:16], Attributes: map[string]any{"tool.result": "canarytool was called"}}},
			llm.Record{Log: &llm.Log{ID: newID(at, r), Time: at, Source: llm.SourceLogs, Service: "svc", TraceID: c.TraceID, Message: "canarylog line"}})
		own += 3
	}
	// Another user's call in the same trace stays.
	at := time.Now().Add(-7 * 80 * time.Second)
	other := randomCall(r, at, "svc")
	other.User, other.TraceID, other.SpanID = "someone", fmt.Sprintf("%032x", 8), "00000000000000ff"
	return append(recs, llm.Record{Call: other}), own
}

func countRows(t *testing.T, s *Store, query string) int64 {
	t.Helper()
	if err := s.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := s.rows(t.Context(), request{op: "test", query: query + " id:* | stats count() n", r: s.everything(), fresh: true})
	if err != nil || len(rows) != 1 {
		t.Fatal(rows, err)
	}
	rr := newRowReader(rows[0])
	return int64(rr.int("n"))
}

// onDisk waits until all canaries are in files, where they are before they are
// erased: a search that cannot find them proves nothing.
func onDisk(t *testing.T, dir string, want []string) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for {
		hits, frames, err := residue.Find(dir, want...)
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]bool{}
		for _, h := range hits {
			found[h.Needle] = true
		}
		if len(found) == len(want) {
			t.Logf("before: %d hits in %d compressed blocks", len(hits), frames)
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %v of %v are found on disk", found, want)
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-t.Context().Done():
			return
		}
	}
}

func TestEraseLeavesNoByte(t *testing.T) {
	s, dir := ownEngine(t)
	recs, own := canaryRecords(t)
	insert(t, s, recs...)
	if _, err := s.Rollup(t.Context()); err != nil {
		t.Fatal(err)
	}
	words := []string{"canaryuser", "canaryprompt", "canaryanswer", "canarytool", "canarylog", "canarytag", "canaryneedle"}
	onDisk(t, dir, words)
	total := countRows(t, s, recordStreams)
	dry, err := s.Matching(t.Context(), Erasure{User: "canaryuser"})
	if err != nil {
		t.Fatal(err)
	}
	n, err := s.Erase(t.Context(), Erasure{User: "canaryuser"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(dry, n); diff != "" {
		t.Errorf("announced and done differ (-announced +done):\n%s", diff)
	}
	if n["call"] != 10 || n["span"] != 10 || n["log"] != 10 || n["content"] == 0 {
		t.Errorf("erased %v", n)
	}
	if got := countRows(t, s, recordStreams); got != total-int64(own) {
		t.Errorf("%d records are left of %d, want %d fewer", got, total, own)
	}
	if got := countRows(t, s, `{kind="call"} user:="someone"`); got != 1 {
		t.Errorf("the other user's call in the same trace is there %d times", got)
	}
	costs, err := s.Costs(t.Context(), CostQuery{CallFilter: CallFilter{Range: Range{time.Now().Add(-20 * 24 * time.Hour), time.Now()}}, By: []string{"user"}, Limit: 100})
	if err != nil {
		t.Fatal(err)
	}
	var counted int64
	for _, g := range costs {
		counted += g.Totals.Calls
		if g.Values["user"] == "canaryuser" {
			t.Errorf("the totals still know the user: %+v", g)
		}
	}
	if want := countRows(t, s, countedStream+" status:*"); counted != want {
		t.Errorf("totals count %d calls, %d are stored", counted, want)
	}
	hits, frames, err := residue.Find(dir, canaries...)
	if err != nil || len(hits) > 0 || frames == 0 {
		t.Errorf("after it, in %d compressed blocks: %v %v", frames, hits, err)
	}
}

func TestEraseOneSessionTraceOrCall(t *testing.T) {
	s, _ := rollupStore(t)
	r := rand.New(rand.NewPCG(3, 4))
	at := time.Now().Add(-time.Hour)
	var cs []*llm.Call
	for i := range 6 {
		c := randomCall(r, at.Add(time.Duration(i)*time.Second), "erase-one")
		c.User, c.Session, c.TraceID = "u", fmt.Sprint("erase-session-", i%2), fmt.Sprintf("ee%030x", i)
		cs = append(cs, c)
	}
	insert(t, s, calls(cs)...)
	for _, tt := range []struct {
		e    Erasure
		left int64
	}{{Erasure{CallID: cs[0].ID}, 5}, {Erasure{TraceID: cs[1].TraceID}, 4}, {Erasure{Session: "erase-session-0"}, 2}, {Erasure{User: "nobody-at-all"}, 2}} {
		if _, err := s.Erase(t.Context(), tt.e); err != nil {
			t.Fatal(err)
		}
		if got := countRows(t, s, `{kind="call",service="erase-one"}`); got != tt.left {
			t.Errorf("after %+v %d calls are left, want %d", tt.e, got, tt.left)
		}
	}
	for _, e := range []Erasure{{}, {User: "a", CallID: "b"}} {
		if _, err := s.Erase(t.Context(), e); err == nil {
			t.Errorf("%+v was taken", e)
		}
	}
}

func TestCleanByServiceAndKind(t *testing.T) {
	s, _ := rollupStore(t)
	r := rand.New(rand.NewPCG(5, 6))
	old, young := time.Now().Add(-50*time.Hour), time.Now().Add(-time.Hour)
	var recs []llm.Record
	for _, service := range []string{"clean-a", "clean-b"} {
		for _, at := range []time.Time{old, young} {
			c := randomCall(r, at, service)
			c.Input = []llm.Message{llm.Text("user", strings.Repeat("words kept apart ", 40_000))}
			recs = append(recs, llm.Record{Call: c}, llm.Record{Log: &llm.Log{ID: newID(at, r), Time: at, Source: llm.SourceLogs, Service: service, Message: "line"}})
		}
	}
	insert(t, s, recs...)
	c := Cleaning{Range: Range{End: time.Now().Add(-48 * time.Hour)}, Service: "clean-a", Kinds: []string{"call"}}
	want := Erased{"call": 1, "content": 1}
	got, err := s.CountClean(t.Context(), c)
	if err != nil || got["call"] != 1 || got["content"] == 0 || len(got) != len(want) {
		t.Errorf("CountClean = %v, %v", got, err)
	}
	before := countRows(t, s, `{kind in ("call","log"),service in ("clean-a","clean-b")}`)
	content := countRows(t, s, `{kind="content"}`)
	done, err := s.Clean(t.Context(), c)
	if err != nil || !cmp.Equal(got, done) {
		t.Errorf("Clean = %v, %v; announced %v", done, err, got)
	}
	if n := countRows(t, s, `{kind in ("call","log"),service in ("clean-a","clean-b")}`); n != before-1 {
		t.Errorf("%d rows of both services are left of %d", n, before)
	}
	if n := countRows(t, s, `{kind="content"}`); n != content-got["content"] {
		t.Errorf("%d rows of content are left of %d, %d should be gone", n, content, got["content"])
	}
	if _, err := s.Clean(t.Context(), Cleaning{Range: Range{End: time.Now()}, Kinds: []string{"everything"}}); err == nil {
		t.Error("a kind that is none was taken")
	}
	if _, err := s.Clean(t.Context(), Cleaning{Service: "clean-b"}); err == nil {
		t.Error("no age was taken for all ages")
	}
}

func TestDataStats(t *testing.T) {
	s, dir := ownEngine(t)
	r := rand.New(rand.NewPCG(7, 8))
	var cs []*llm.Call
	for i := range 400 {
		cs = append(cs, randomCall(r, time.Now().Add(-time.Duration(i%2)*24*time.Hour-time.Minute), fmt.Sprintf(`svc "%d"`, i%4)))
	}
	insert(t, s, calls(cs)...)
	stats, err := s.DataStats(t.Context(), Range{})
	if err != nil {
		t.Fatal(err)
	}
	var rows, bytes int64
	services := map[string]bool{}
	for _, st := range stats {
		if st.Rows == 0 || st.Bytes == 0 || st.Kind != "call" {
			t.Errorf("%+v", st)
		}
		rows, bytes = rows+st.Rows, bytes+st.Bytes
		services[st.Service] = true
	}
	if rows != 400 || len(services) != 4 {
		t.Errorf("%d rows of %v", rows, services)
	}
	var disk int64
	_ = filepath.Walk(dir, func(_ string, i os.FileInfo, err error) error {
		if err == nil && !i.IsDir() {
			disk += i.Size()
		}
		return nil
	})
	t.Logf("%d bytes of columns, %d on disk", bytes, disk)
}
