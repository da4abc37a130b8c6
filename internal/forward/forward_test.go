package forward

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/testkit"
)

// TestADestinationThatIsDownNeverFillsTheJournal writes several times what the
// journal holds while nothing is taken.
func TestADestinationThatIsDownNeverFillsTheJournal(t *testing.T) {
	const maxBytes = 8 << 20
	es := newFakeES(t)
	down := make(chan struct{})
	es.before = func(_ int, w http.ResponseWriter, _ *http.Request) bool {
		select {
		case <-down:
			return false
		default:
			http.Error(w, "down", http.StatusServiceUnavailable)
			return true
		}
	}
	j := openJournal(t, t.TempDir(), maxBytes)
	// The pipeline's own cursor keeps up.
	own, err := j.Cursor("store")
	if err != nil {
		t.Fatal(err)
	}
	read, stop := context.WithCancel(context.Background())
	ownDone := make(chan uint64)
	go func() {
		var b journal.Batch
		n := uint64(0)
		for {
			b.Reset()
			if err := own.Next(read, &b, 1000, 1<<20); err != nil {
				ownDone <- n
				return
			}
			n += uint64(len(b.Records)) + b.Lost
			if err := own.Commit(b.Records[len(b.Records)-1].Pos); err != nil {
				t.Error(err)
			}
		}
	}()
	r := newRigOn(t, j, Config{esDestination(es.start().URL)})
	if b := r.status("es").MaxBacklog; b != maxBytes/backlogShare {
		t.Fatalf("max backlog %d", b)
	}
	text := strings.Repeat("some words in a log ", 200)
	total := uint64(0)
	for i := range 320 { // 320 × 25 × 4 KB = 32 MB
		recs := make([]llm.Record, 25)
		for k := range recs {
			recs[k] = testLog(i*25 + k)
			recs[k].Log.Message = text
		}
		r.add(recs...) // fails when the journal is full
		total += 25
		testkit.Eventually(t, "the lag is under its bound", func() bool { return r.status("es").LagBytes <= maxBytes/backlogShare })
	}
	if s := r.status("es"); s.Dropped[reasonBacklog] == 0 || s.Dropped[reasonBacklog] >= total {
		t.Errorf("while down: %+v", s)
	}
	close(down)
	s := r.settled("es")
	if got := s.Sent[KindLogs] + s.Dropped[reasonBacklog]; got != total || s.Sent[KindLogs] == 0 || len(s.Dropped) != 1 {
		t.Errorf("%d records of %d are accounted for: %+v", got, total, s)
	}
	// The newest are there, the oldest are not.
	if es.doc(fmt.Sprintf("llm-logs-2026.11.21/log-%06d", total-1)) == nil || es.doc("llm-logs-2026.11.21/log-000000") != nil {
		t.Error("not the oldest records were skipped")
	}
	testkit.Eventually(t, "the pipeline's cursor has all", func() bool {
		for _, c := range j.Stats().Cursors {
			if c.Name == "store" {
				return c.Lag == 0
			}
		}
		return false
	})
	stop()
	if n := <-ownDone; n != total {
		t.Errorf("the pipeline's cursor saw %d records of %d", n, total)
	}
	own.Close()
}

// TestABacklogEndsARequestThatHangs has a destination that accepts connections
// and never answers.
func TestABacklogEndsARequestThatHangs(t *testing.T) {
	es := newFakeES(t)
	hang := make(chan struct{})
	es.before = func(n int, _ http.ResponseWriter, r *http.Request) bool {
		if n > 1 {
			return false
		}
		select {
		case <-hang:
		case <-r.Context().Done():
		}
		return true
	}
	r := newRigOn(t, openJournal(t, t.TempDir(), 4<<20), Config{esDestination(es.start().URL)})
	defer close(hang)
	text := strings.Repeat("x", 4000)
	n := uint64(0)
	for r.status("es").Dropped[reasonBacklog] == 0 {
		rec := testLog(int(n))
		rec.Log.Message = text
		r.add(rec)
		if n++; n > 5000 {
			t.Fatal("nothing is skipped")
		}
	}
	if s := r.settled("es"); s.Sent[KindLogs]+s.Dropped[reasonBacklog] != n {
		t.Errorf("of %d: %+v", n, s)
	}
}

func TestReload(t *testing.T) {
	first, second := newFakeES(t), newFakeES(t)
	a, b := esDestination(first.start().URL), esDestination(second.start().URL)
	a.Name, b.Name = "a", "b"
	r := newRig(t, Config{a})
	r.add(testLog(1))
	r.settled("a")

	// A wrong configuration changes nothing.
	bad := b
	bad.TLS.CAFile = "/does/not/exist"
	for name, cfg := range map[string]Config{"invalid": {a, {Name: "x"}}, "a missing file": {b, bad2(bad)}} {
		if err := r.f.Reload(cfg); err == nil {
			t.Fatalf("%s: no error", name)
		}
		if s := r.f.Status(); len(s) != 1 || s[0].Name != "a" {
			t.Fatalf("%s: %+v", name, s)
		}
		if n := len(r.j.Stats().Cursors); n != 1 {
			t.Fatalf("%s: %d cursors", name, n)
		}
	}
	r.add(testLog(2))
	r.settled("a")

	// One is added and one changed: it goes on where it was.
	a.Index = "other"
	if err := r.f.Reload(Config{a, b}); err != nil {
		t.Fatal(err)
	}
	r.add(testLog(3))
	r.settled("b")
	if s := r.settled("a"); s.Sent[KindLogs] != 3 {
		t.Errorf("a: %+v", s)
	}
	if first.doc("other/log-000003") == nil || first.doc("other/log-000002") != nil || second.doc("llm-logs-2026.11.21/log-000003") == nil {
		t.Errorf("a has %v, b has %v", first.created, second.created)
	}

	// One is removed, with its cursor and its metrics.
	if err := r.f.Reload(Config{b}); err != nil {
		t.Fatal(err)
	}
	if s := r.j.Stats().Cursors; len(s) != 1 || s[0].Name != "forward-b" {
		t.Errorf("cursors %+v", s)
	}
	if n, err := testutil.GatherAndCount(r.reg, "pitot_forward_lag_bytes", "pitot_forward_sent_total"); err != nil || n != 1+3 {
		t.Errorf("%d series, %v", n, err)
	}
	r.add(testLog(4))
	if s := r.settled("b"); s.Sent[KindLogs] == 0 || first.count() != 3 {
		t.Errorf("b: %+v, a has %d", s, first.count())
	}
}

func bad2(d Destination) Destination {
	d.Name = "c"
	return d
}

func TestPlacesOfFormerDestinationsAreGivenBack(t *testing.T) {
	j := openJournal(t, t.TempDir(), 8<<20)
	for _, name := range []string{"forward-gone", "store"} {
		c, err := j.Cursor(name)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()
	}
	r := newRigOn(t, j, nil)
	if s := j.Stats().Cursors; len(s) != 1 || s[0].Name != "store" {
		t.Errorf("cursors %+v", s)
	}
	if s := r.f.Status(); len(s) != 0 {
		t.Errorf("status %+v", s)
	}
}

func TestARestartGoesOnWhereItWas(t *testing.T) {
	es := newFakeES(t)
	cfg := Config{esDestination(es.start().URL)}
	j := openJournal(t, t.TempDir(), 8<<20)
	r := newRigOn(t, j, cfg)
	r.add(logs(10)...)
	r.settled("es")
	r.shut()
	requests := es.seen()
	// Recorded while nothing forwards.
	appendRecords(t, j, testLog(10), testLog(11))
	f, err := New(options(j, cfg))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	testkit.Eventually(t, "the rest is sent", func() bool { return f.Status()[0].Sent[KindLogs] == 2 })
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if es.count() != 12 || es.seen() == requests {
		t.Errorf("%d documents", es.count())
	}
	if err := f.Run(context.Background()); err == nil {
		t.Error("a second Run is not refused")
	}
	if err := f.Reload(cfg); err == nil {
		t.Error("a Reload after the end is not refused")
	}
}

func TestWhatCannotBeDecodedIsCounted(t *testing.T) {
	es := newFakeES(t)
	j := openJournal(t, t.TempDir(), 8<<20)
	r := newRigOn(t, j, Config{esDestination(es.start().URL)})
	if err := j.Append(t.Context(), [][]byte{[]byte("of a newer version")}); err != nil {
		t.Fatal(err)
	}
	r.add(testLog(1))
	if s := r.settled("es"); s.Dropped[reasonUndecodable] != 1 || s.Sent[KindLogs] != 1 {
		t.Errorf("status %+v", s)
	}
}

func TestKindsThatNobodyWantsAreNotDecoded(t *testing.T) {
	es := newFakeES(t)
	j := openJournal(t, t.TempDir(), 8<<20)
	d := esDestination(es.start().URL)
	d.What = []Kind{KindLogs}
	o := options(j, Config{d})
	o.KindOf = func(b []byte) Kind {
		if strings.Contains(string(b), `"kind":"call"`) {
			return KindCalls
		}
		return KindLogs
	}
	o.Decode = func(b []byte) (llm.Record, error) {
		rec, err := events.DecodeRow(b)
		if rec.Call != nil {
			return llm.Record{}, errors.New("a call is decoded")
		}
		return rec, err
	}
	f, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- f.Run(ctx) }()
	appendRecords(t, j, testCall(1), testLog(2), testCall(3))
	testkit.Eventually(t, "all is settled", func() bool { return f.Status()[0].LagRecords == 0 })
	if s := f.Status()[0]; s.Sent[KindLogs] != 1 || len(s.Dropped) != 0 {
		t.Errorf("status %+v", s)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

func TestABacklogOfMoreThanHalfTheJournalIsRefused(t *testing.T) {
	j := openJournal(t, t.TempDir(), 8<<20)
	d := esDestination("http://127.0.0.1:1")
	d.MaxBacklog = 5 << 20
	_, err := New(options(j, Config{d}))
	if err == nil || !strings.Contains(err.Error(), "forward[0].max_backlog: ") || !strings.Contains(err.Error(), "at most half") {
		t.Errorf("error %v", err)
	}
	if err := j.Close(); err != nil {
		t.Error(err)
	}
}

// TestABacklogFromBeforeIsSkipped has a destination that is well, and more
// records before it than it may hold.
func TestABacklogFromBeforeIsSkipped(t *testing.T) {
	es := newFakeES(t)
	j := openJournal(t, t.TempDir(), 8<<20)
	const total = 1500
	for i := range total / 25 { // 6 MB
		recs := make([]llm.Record, 25)
		for k := range recs {
			recs[k] = testLog(i*25 + k)
			recs[k].Log.Message = strings.Repeat("x", 4000)
		}
		appendRecords(t, j, recs...)
	}
	r := newRigOn(t, j, Config{esDestination(es.start().URL)})
	s := r.settled("es")
	if s.Dropped[reasonBacklog] < total/2 || s.Sent[KindLogs] == 0 || s.Sent[KindLogs]+s.Dropped[reasonBacklog] != total {
		t.Errorf("status %+v", s)
	}
	if es.doc("llm-logs-2026.11.21/log-000000") != nil || es.doc(fmt.Sprintf("llm-logs-2026.11.21/log-%06d", total-1)) == nil {
		t.Error("not the oldest were skipped")
	}
}

// TestAChangeWhileADestinationIsDownLosesNothing: what was read and not yet
// acknowledged is read again.
func TestAChangeWhileADestinationIsDownLosesNothing(t *testing.T) {
	es := newFakeES(t)
	es.before = func(_ int, w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Right") == "" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return true
		}
		return false
	}
	d := esDestination(es.start().URL)
	r := newRig(t, Config{d})
	r.add(logs(10)...)
	testkit.Eventually(t, "it has been refused", func() bool { return r.status("es").Retries > 0 })
	d.Headers = map[string]string{"X-Right": "yes"}
	if err := r.f.Reload(Config{d}); err != nil {
		t.Fatal(err)
	}
	if s := r.settled("es"); s.Sent[KindLogs] != 10 || len(s.Dropped) != 0 || es.count() != 10 {
		t.Errorf("status %+v", s)
	}
}
