package journal

import (
	"errors"
	"os"
	"time"

	"github.com/prometheus/prometheus/tsdb/wlog"
)

// request is one append. One without records is a place mark of Flush.
type request struct {
	recs [][]byte
	size int64 // at most what recs take in a segment
	roll bool  // begin a new segment after it; without recs
	done func(error)
}

// commitLoop writes what is pending, at most once every CommitInterval unless
// much is pending, so that many appends share one sync.
func (j *Journal) commitLoop() {
	defer close(j.stopped)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var last time.Time
	for {
		select {
		case <-j.wake:
		case <-j.stop:
			j.commitPending()
			return
		}
		if wait := j.opts.CommitInterval - time.Since(last); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-j.flush:
			case <-j.stop:
			}
		}
		last = time.Now()
		j.commitPending()
	}
}

// commitPending writes all that is pending, group by group.
func (j *Journal) commitPending() {
	j.mu.Lock()
	reqs := j.pending
	j.pending = nil
	j.mu.Unlock()
	select {
	case <-j.flush:
	default:
	}
	for len(reqs) > 0 {
		n, size := 0, encodedSize(0) // room for a header
		for n < len(reqs) && (n == 0 || size+reqs[n].size <= j.opts.maxGroup()) {
			size += reqs[n].size
			n++
		}
		j.commitGroup(reqs[:n])
		reqs = reqs[n:]
	}
}

// commitGroup writes and syncs one group and answers its requests.
func (j *Journal) commitGroup(reqs []*request) {
	now := time.Now()
	recs, size, accepted := j.admit(reqs)
	var err error
	if len(recs) > 0 {
		err = j.put(recs, size, now)
	}
	j.finish(reqs, recs, now, err)
	for i, r := range reqs {
		switch {
		case r.roll:
			r.done(j.rollNow())
		case len(r.recs) == 0:
			r.done(nil)
		case !accepted[i]:
			j.metrics.failed(ErrFull, len(r.recs))
			r.done(ErrFull)
		default:
			if err != nil {
				j.metrics.failed(err, len(r.recs))
			}
			r.done(err)
		}
	}
}

// admit picks the requests that MaxBytes has room for.
func (j *Journal) admit(reqs []*request) (recs [][]byte, size int64, accepted []bool) {
	j.mu.Lock()
	used := j.bytesLocked()
	j.mu.Unlock()
	accepted = make([]bool, len(reqs))
	size = encodedSize(0)
	for i, r := range reqs {
		if used+size+r.size > j.opts.MaxBytes {
			continue
		}
		accepted[i] = true
		size += r.size
		recs = append(recs, r.recs...)
	}
	return recs, size, accepted
}

// put gets a group onto the disk.
func (j *Journal) put(recs [][]byte, size int64, now time.Time) error {
	if err := j.w.ready(now); err != nil {
		return err
	}
	j.noteSegment()
	if j.w.end > 0 && j.w.end+size > j.opts.SegmentSize {
		if err := j.w.roll(); err != nil {
			return err
		}
		j.noteSegment()
	}
	// j.lastSeq is written by this goroutine alone.
	return j.w.write(j.lastSeq+1, now, recs)
}

// finish makes a group visible to readers, or notes why it failed.
func (j *Journal) finish(reqs []*request, recs [][]byte, now time.Time, err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, r := range reqs {
		j.pendingBytes -= r.size
	}
	if len(recs) == 0 {
		return
	}
	if err != nil {
		if j.err == nil {
			// Once: the metrics count the rest.
			j.log.Error("journal write failed", "err", err)
		}
		j.err = err
		return
	}
	if j.err != nil {
		j.log.Info("journal writes again")
		j.err = nil
	}
	first := j.lastSeq + 1
	j.lastSeq += uint64(len(recs))
	j.marks.add(first, now.UnixNano())
	seg := &j.segs[len(j.segs)-1]
	seg.end, seg.lastSeq = j.w.end, j.lastSeq
	j.metrics.appended.Add(float64(len(recs)))
	j.notify()
}

// noteSegment takes the segment that the writer is in into j.segs.
func (j *Journal) noteSegment() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if n := len(j.segs); n > 0 && j.segs[n-1].index == j.w.segment {
		return
	}
	j.segs = append(j.segs, segment{index: j.w.segment, lastSeq: j.lastSeq})
	j.notify()
}

// deleteConsumed removes the segments that every cursor is past. The one being
// written stays.
func (j *Journal) deleteConsumed() {
	j.mu.Lock()
	defer j.mu.Unlock()
	if len(j.cursors) == 0 {
		return
	}
	low := j.lastSeq
	for _, c := range j.cursors {
		low = min(low, c.committed.Seq)
	}
	j.marks.trim(low)
	n := 0
	for n < len(j.segs)-1 && j.segs[n].lastSeq <= low {
		// In order and one by one: a crash in between leaves no gap.
		err := os.Remove(wlog.SegmentName(j.opts.Dir, j.segs[n].index))
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			j.log.Warn("cannot delete consumed journal segment", "segment", j.segs[n].index, "err", err)
			break
		}
		n++
	}
	if n > 0 {
		j.segs = append(j.segs[:0], j.segs[n:]...)
	}
}
