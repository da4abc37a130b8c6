package manager

import (
	"bytes"
	"context"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"google.golang.org/protobuf/encoding/protodelim"
	"google.golang.org/protobuf/types/known/timestamppb"
)

func newLog(t *testing.T) *nflog.Log {
	t.Helper()
	l, err := nflog.New(nflog.Options{Retention: time.Hour, Metrics: prometheus.NewRegistry()})
	if err != nil {
		t.Fatal(err)
	}
	return l
}

var testReceiver = &nflogpb.Receiver{GroupName: "r", Integration: "x"}

// written puts an entry into the log as of some time: as the clock was then, or
// as another replica wrote it.
func written(t *testing.T, l *nflog.Log, at time.Time, firing ...uint64) {
	t.Helper()
	var b bytes.Buffer
	_, err := protodelim.MarshalTo(&b, &nflogpb.MeshEntry{
		ExpiresAt: timestamppb.New(at.Add(1000 * time.Hour)),
		Entry:     &nflogpb.Entry{Receiver: testReceiver, GroupKey: []byte("g"), Timestamp: timestamppb.New(at), FiringAlerts: firing},
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Merge(b.Bytes()); err != nil {
		t.Fatal(err)
	}
}

// flush asks the Alertmanager's deduplication whether a group notifies now.
func flush(t *testing.T, l notify.NotificationLog, names ...string) bool {
	t.Helper()
	ctx := notify.WithGroupKey(context.Background(), "g")
	ctx = notify.WithRepeatInterval(ctx, 4*time.Hour)
	ctx = notify.WithNow(ctx, time.Now())
	var alerts []*alert.Alert
	for _, n := range names {
		alerts = append(alerts, &alert.Alert{Alert: model.Alert{Labels: model.LabelSet{"alertname": model.LabelValue(n)}, EndsAt: time.Now().Add(time.Hour)}})
	}
	ctx, out, err := notify.NewDedupStage(always{}, l, testReceiver).Exec(ctx, nil, alerts...)
	if err != nil {
		t.Fatal(err)
	}
	if len(out) == 0 {
		return false
	}
	ctx = notify.WithReceiverName(ctx, "r")
	if _, _, err := notify.NewSetNotifiesStage(l, testReceiver).Exec(ctx, nil, out...); err != nil {
		t.Fatal(err)
	}
	return true
}

func TestClockSetBackNotifiesOnce(t *testing.T) {
	for _, steady := range []bool{false, true} {
		l := newLog(t)
		var log notify.NotificationLog = l
		if steady {
			log = newSteadyLog(l)
		}
		written(t, l, time.Now().Add(time.Hour), 1) // before the clock was set back
		sent := 0
		for range 5 {
			if flush(t, log, "One", "Two") {
				sent++
			}
		}
		want := 5 // what the Alertmanager's own log does
		if steady {
			want = 1
		}
		if sent != want {
			t.Errorf("steady %v: %d notifications, want %d", steady, sent, want)
		}
	}
}

func TestClockSetForwardRepeatsNothing(t *testing.T) {
	l := newLog(t)
	s := newSteadyLog(l)
	if !flush(t, s, "One") {
		t.Fatal("no first notification")
	}
	// As after a step: the wall clock says that it was ten hours ago.
	for k, n := range s.notes {
		old := time.Now().Add(-10 * time.Hour)
		clear(s.notes)
		aged := newLog(t)
		written(t, aged, old, n.firing...)
		s.log, n.stored = aged, old
		s.notes[k] = n
	}
	if flush(t, s, "One") {
		t.Error("notified again after a step forward")
	}
	if !flush(t, s, "One", "Two") {
		t.Error("a new alert is not told")
	}
	if flush(t, s, "One", "Two") {
		t.Error("and then again")
	}
}

func TestAnotherReplicaCounts(t *testing.T) {
	l := newLog(t)
	s := newSteadyLog(l)
	if !flush(t, s, "One") {
		t.Fatal("no first notification")
	}
	written(t, l, time.Now().Add(time.Second)) // it told that all is over
	if !flush(t, s, "One") {
		t.Error("what another replica did does not count")
	}
}

func TestNotesAreBounded(t *testing.T) {
	s := newSteadyLog(newLog(t))
	for i := range maxNotes {
		s.notes[string(rune(i))] = note{at: time.Now().Add(-time.Hour), keep: time.Minute}
	}
	if err := s.Log(testReceiver, "g", nil, nil, nil, time.Hour); err != nil {
		t.Fatal(err)
	}
	if len(s.notes) != 1 {
		t.Errorf("%d notes", len(s.notes))
	}
}

func TestNothingExpiresByAStep(t *testing.T) {
	now := time.Now()
	if d := stepped(now.Add(-time.Minute), now); d != 0 {
		t.Errorf("no step: %v", d)
	}
	s := newSteadyLog(newLog(t))
	written(t, s.log, now.Add(-2000*time.Hour)) // expired by the clock
	written(t, s.log, now.Add(-999*time.Hour))
	s.paused = now.Add(time.Hour)
	if err := s.collect(time.Hour); err != nil {
		t.Fatal(err)
	}
	if _, err := s.log.Query(nflog.QGroupKey("g"), nflog.QReceiver(testReceiver)); err != nil {
		t.Errorf("collected while paused: %v", err)
	}
}

func TestConvertIsSteady(t *testing.T) {
	now := time.Now()
	wall := now.Round(0) // without a monotonic reading, as rules have it
	base := Alert{Labels: map[string]string{"alertname": "A", "empty": ""}}
	for _, tc := range []struct {
		name           string
		starts, ends   time.Time
		resolved       bool
		wantStart      time.Time
		wantEnd        time.Time
		wantResolved   bool
		wantNowTimeout bool
	}{
		{name: "as it should be", starts: wall.Add(-time.Minute), ends: wall.Add(4 * time.Minute), wantStart: wall.Add(-time.Minute), wantEnd: now.Add(4 * time.Minute)},
		{name: "the clock was set forward", starts: wall.Add(-time.Hour), ends: wall.Add(-time.Minute), wantStart: wall.Add(-time.Hour), wantEnd: now.Add(5 * time.Minute), wantNowTimeout: true},
		{name: "the clock was set back", starts: wall.Add(time.Hour), ends: wall.Add(time.Hour + 4*time.Minute), wantStart: now, wantEnd: now.Add(5 * time.Minute), wantNowTimeout: true},
		{name: "no times", wantStart: now, wantEnd: now.Add(5 * time.Minute), wantNowTimeout: true},
		{name: "resolved", starts: wall.Add(-time.Hour), ends: wall.Add(-time.Minute), resolved: true, wantStart: wall.Add(-time.Hour), wantEnd: wall.Add(-time.Minute), wantResolved: true},
		{name: "resolved in the future", starts: wall.Add(time.Hour), ends: wall.Add(2 * time.Hour), resolved: true, wantStart: now, wantEnd: now, wantResolved: true},
		{name: "resolved before it began", starts: wall.Add(-time.Minute), ends: wall.Add(-time.Hour), resolved: true, wantStart: wall.Add(-time.Hour), wantEnd: wall.Add(-time.Hour), wantResolved: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := base
			a.StartsAt, a.EndsAt, a.Resolved = tc.starts, tc.ends, tc.resolved
			c := convert(a, now, 5*time.Minute)
			if !c.StartsAt.Equal(tc.wantStart) || !c.EndsAt.Equal(tc.wantEnd) || c.ResolvedAt(now) != tc.wantResolved || c.Timeout != tc.wantNowTimeout {
				t.Errorf("%v to %v, resolved %v, timeout %v", c.StartsAt.Sub(now), c.EndsAt.Sub(now), c.ResolvedAt(now), c.Timeout)
			}
			if err := c.Validate(); err != nil {
				t.Error(err)
			}
			if _, has := c.Labels["empty"]; has {
				t.Error("an empty label is none")
			}
			// A monotonic reading is what a later step cannot change.
			if !tc.resolved && c.EndsAt.String() == c.EndsAt.Round(0).String() {
				t.Error("the end has no monotonic reading")
			}
		})
	}
}
