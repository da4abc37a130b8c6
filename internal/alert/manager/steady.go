package manager

import (
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// maxNotes bounds what a steadyLog remembers.
const maxNotes = 2 * maxGroups

// steadyLog is a notification log that steps of the wall clock do not confuse.
//
// The Alertmanager's log has wall times: after a step forward everything looks
// due for a repetition, or expired and new; after a step back, what was notified
// is not written (an entry from the future is there already), and each group
// notifies again and again. So what this process notified is remembered with the
// time that really passed, and that counts until another replica notified.
type steadyLog struct {
	log *nflog.Log

	mu     sync.Mutex
	notes  map[string]note // by group and receiver
	since  time.Time       // of the last collect
	paused time.Time       // nothing is collected before
}

// note is a notification of this process.
type note struct {
	firing, resolved []uint64
	at               time.Time     // with a monotonic reading
	keep             time.Duration // until it expires
	stored           time.Time     // of the log's entry after ours was written, or refused
}

func newSteadyLog(log *nflog.Log) *steadyLog {
	return &steadyLog{log: log, notes: make(map[string]note)}
}

func noteKey(r *nflogpb.Receiver, group string) string {
	return r.GetGroupName() + "\x00" + r.GetIntegration() + "\x00" + strconv.Itoa(int(r.GetIdx())) + "\x00" + group
}

// Log implements notify.NotificationLog.
func (s *steadyLog) Log(r *nflogpb.Receiver, group string, firing, resolved []uint64, store *nflog.Store, expiry time.Duration) error {
	if err := s.log.Log(r, group, firing, resolved, store, expiry); err != nil {
		return err
	}
	now := time.Now()
	n := note{at: now, keep: expiry, firing: firing, resolved: resolved}
	if have, err := s.log.Query(nflog.QGroupKey(group), nflog.QReceiver(r)); err == nil && len(have) == 1 {
		n.stored = have[0].GetTimestamp().AsTime()
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.notes) >= maxNotes {
		s.expire(now)
	}
	s.notes[noteKey(r, group)] = n
	return nil
}

// expire removes what is over, or all where nothing is. The caller holds mu.
func (s *steadyLog) expire(now time.Time) {
	for k, n := range s.notes {
		if n.keep > 0 && now.Sub(n.at) > n.keep {
			delete(s.notes, k)
		}
	}
	if len(s.notes) >= maxNotes {
		clear(s.notes)
	}
}

// Query implements notify.NotificationLog.
func (s *steadyLog) Query(params ...nflog.QueryParam) ([]*nflogpb.Entry, error) {
	found, err := s.log.Query(params...)
	if err != nil || len(found) != 1 {
		return found, err
	}
	e := found[0]
	key := noteKey(e.GetReceiver(), string(e.GetGroupKey()))
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	n, ok := s.notes[key]
	if !ok {
		return found, nil
	}
	if !n.stored.Equal(e.GetTimestamp().AsTime()) { // another replica notified since
		delete(s.notes, key)
		return found, nil
	}
	return []*nflogpb.Entry{{
		Receiver: e.GetReceiver(), GroupKey: e.GetGroupKey(), Timestamp: timestamppb.New(now.Add(-now.Sub(n.at))),
		FiringAlerts: n.firing, ResolvedAlerts: n.resolved, ReceiverData: e.GetReceiverData(),
	}}, nil
}

// collect removes what expired. The log's own expiry is by wall time: after a
// step forward it waits for as long as entries are kept, since nothing expired
// in truth.
func (s *steadyLog) collect(retention time.Duration) error {
	now := time.Now()
	s.mu.Lock()
	s.expire(now)
	if step := stepped(s.since, now); step > maxStep {
		s.paused = now.Add(retention)
	}
	s.since = now
	wait := now.Before(s.paused)
	s.mu.Unlock()
	if wait {
		return nil
	}
	_, err := s.log.GC()
	return err
}

// maxStep is what a clock may be set forward without that being a step.
const maxStep = time.Minute

// stepped is how far the wall clock was set forward between two readings.
func stepped(from, to time.Time) time.Duration {
	if from.IsZero() {
		return 0
	}
	return to.Round(0).Sub(from.Round(0)) - to.Sub(from)
}
