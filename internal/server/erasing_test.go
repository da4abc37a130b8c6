package server

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/events"
)

func TestErasuresAreNotedUntilTheyEnd(t *testing.T) {
	s := &Server{opts: Options{DataDir: t.TempDir()}}
	if len(s.erasingStatus()) != 0 {
		t.Error("nothing has begun")
	}
	a, b := events.Erasure{User: "a"}, events.Erasure{Session: "b"}
	for _, e := range []events.Erasure{a, b, a} {
		if err := s.noteErasure(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	// As another process reads it.
	l, err := (&Server{opts: s.opts}).erasures()
	if err != nil || !slices.Equal(l.Erasures, []erasure{{Erasure: a}, {Erasure: b}}) || len(s.erasingStatus()) != 1 {
		t.Errorf("noted are %+v, %v", l, err)
	}
	for _, e := range []events.Erasure{a, b} {
		if err := s.forgetErasure(t.Context(), e); err != nil {
			t.Fatal(err)
		}
	}
	if l, err := s.erasures(); err != nil || len(l.Erasures) != 0 || len(s.erasingStatus()) != 0 {
		t.Errorf("left are %+v, %v", l, err)
	}
}

// TestDaysWaitForTheJournal: for a while, for on a full disk they must move first.
func TestDaysWaitForTheJournal(t *testing.T) {
	var j journalStall
	now, behind := time.Now(), errors.New("behind")
	for i, tt := range []struct {
		after time.Duration
		err   error
		want  bool
	}{{0, nil, false}, {time.Hour, behind, true}, {time.Hour + journalPatience - 1, behind, true}, {time.Hour + journalPatience, behind, false}, {2 * time.Hour, nil, false}, {3 * time.Hour, behind, true}} {
		if got := j.holds(tt.err, now.Add(tt.after)); got != tt.want {
			t.Errorf("step %d: held %v", i, got)
		}
	}
}

func TestColdDayIsRecalledOnceForAnAge(t *testing.T) {
	const d = 24 * time.Hour
	end := time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)
	ages := map[string]config.KindAge{"content": {Retention: model.Duration(40 * d)}, "log": {MaxDisk: 1}}
	for _, tt := range []struct {
		moved, now time.Duration // after the day's end
		want       bool
	}{
		{30 * d, 39 * d, false}, // not that old
		{30 * d, 40 * d, true},
		{40 * d, 41 * d, false}, // cleaned before it moved
		{40*d + 1, 90 * d, false},
		{2 * d, 90 * d, true}, // moved early, for want of space
	} {
		if got := aged(ages, end, end.Add(tt.moved), end.Add(tt.now)); got != tt.want {
			t.Errorf("moved after %v, now %v: %v", tt.moved, tt.now, got)
		}
	}
}
