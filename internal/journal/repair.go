package journal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/pitot-dev/pitot/internal/durable"
)

const (
	corruptSuffix = ".corrupt"
	repairDir     = "repair.tmp"
	// keepCorrupt is how many set-aside segments are kept; the newest.
	keepCorrupt = 4
	// maxGap is how many missing segments in a row are taken for lost ones.
	maxGap = 10000
)

// segment is what is known of a segment in memory. Guarded by Journal.mu.
type segment struct {
	index   int
	end     int64  // behind its last durable record
	lastSeq uint64 // of its last record; that of the segment before when it has none
}

// listSegments returns the indexes of the segments in dir, ascending.
func listSegments(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var segs []int
	for _, e := range entries {
		if k, err := strconv.Atoi(e.Name()); err == nil && k >= 0 && e.Type().IsRegular() {
			segs = append(segs, k)
		}
	}
	slices.Sort(segs)
	return segs, nil
}

// load scans all segments, repairs what is damaged and fills j.segs, j.lastSeq
// and j.marks.
func (j *Journal) load() error {
	if err := os.RemoveAll(filepath.Join(j.opts.Dir, repairDir)); err != nil {
		return err
	}
	indexes, err := listSegments(j.opts.Dir)
	if err != nil {
		return err
	}
	if indexes, err = j.fillGaps(indexes); err != nil {
		return err
	}
	var buf []byte
	for i, index := range indexes {
		if buf, err = readInto(wlog.SegmentName(j.opts.Dir, index), buf); err != nil {
			return err
		}
		if err := j.loadSegment(index, buf, i == len(indexes)-1); err != nil {
			return fmt.Errorf("segment %s: %w", wlog.SegmentName(j.opts.Dir, index), err)
		}
	}
	return nil
}

// fillGaps puts an empty segment where one is missing: wlog refuses to open a
// log with gaps, and a lost segment must not take the others with it.
func (j *Journal) fillGaps(indexes []int) ([]int, error) {
	var out []int
	for i, k := range indexes {
		if i > 0 {
			prev := indexes[i-1]
			if k-prev > maxGap {
				return nil, fmt.Errorf("segments %d to %d are missing: move the file %s away", prev+1, k-1, wlog.SegmentName(j.opts.Dir, k))
			}
			for m := prev + 1; m < k; m++ {
				j.log.Warn("journal segment is missing", "segment", m)
				j.metrics.corrupt.Inc()
				if err := os.WriteFile(wlog.SegmentName(j.opts.Dir, m), nil, 0o600); err != nil {
					return nil, err
				}
				out = append(out, m)
			}
		}
		out = append(out, k)
	}
	return out, nil
}

func (j *Journal) loadSegment(index int, data []byte, last bool) error {
	kept := 0
	seg := segment{index: index, lastSeq: j.lastSeq}
	visit := func(d decoded, end int64) {
		if d.seq <= seg.lastSeq {
			return
		}
		if seg.lastSeq == 0 {
			j.firstSeq = d.seq
		}
		seg.lastSeq, seg.end = d.seq, end
		j.marks.add(d.seq, d.unixNano)
		kept++
	}
	res := scan(data, visit)
	if res.newer != nil {
		return res.newer
	}
	if res.damage == nil && kept > 0 && !res.header {
		res.damage = errors.New("segment has no header")
	}
	switch {
	case res.damage == nil:
	case res.resync == 0 && last:
		// A write that the last crash cut short: nobody was told that it is durable.
		j.log.Warn("journal tail was torn: cut back to the last whole record",
			"segment", index, "offset", res.goodEnd, "err", res.damage)
		j.metrics.torn.Inc()
		if err := truncate(wlog.SegmentName(j.opts.Dir, index), res.goodEnd); err != nil {
			return fmt.Errorf("cut torn tail: %w", err)
		}
		seg.end = res.goodEnd
	default:
		end, err := j.quarantine(index, data, res)
		if err != nil {
			return err
		}
		seg.end = end
	}
	j.lastSeq = seg.lastSeq
	j.segs = append(j.segs, seg)
	return nil
}

// quarantine sets a damaged segment aside and puts one with its readable
// records in its place. It returns the end of that.
func (j *Journal) quarantine(index int, data []byte, res scanResult) (int64, error) {
	name := wlog.SegmentName(j.opts.Dir, index)
	j.metrics.corrupt.Inc()
	j.log.Error("journal segment is damaged: set aside, its readable records are kept",
		"segment", index, "offset", res.goodEnd, "readable_after", res.resync, "err", res.damage)
	tmp := filepath.Join(j.opts.Dir, repairDir)
	end, err := rewrite(tmp, data, j.opts.SegmentSize)
	if err != nil {
		// Most likely the disk is full. The records before the damage need no room.
		j.log.Error("rewrite of damaged journal segment failed: only the records before the damage are kept", "segment", index, "err", err)
		return res.goodEnd, errors.Join(truncate(name, res.goodEnd), os.RemoveAll(tmp))
	}
	if err := setAside(name, data); err != nil {
		j.log.Error("damaged journal segment cannot be kept beside: only its readable records are", "segment", index, "err", err)
	}
	if err := os.Rename(wlog.SegmentName(tmp, 0), name); err != nil {
		return 0, err
	}
	if err := errors.Join(os.RemoveAll(tmp), j.trimCorrupt(), durable.SyncDir(j.opts.Dir)); err != nil {
		return 0, err
	}
	return end, nil
}

// setAside keeps a damaged segment under another name, too. Under its own it stays
// until the readable records are in its place: a crash in between must leave one
// of both there.
func setAside(name string, data []byte) error {
	aside := name + corruptSuffix
	if err := os.Remove(aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if os.Link(name, aside) == nil {
		return nil
	}
	// No hard links here.
	if err := os.WriteFile(aside, data, 0o600); err != nil { //nolint:gosec // the path is that of a segment
		return errors.Join(err, os.Remove(aside))
	}
	return nil
}

// rewrite puts the readable records of data into the first segment of a new log.
func rewrite(dir string, data []byte, segmentSize int64) (end int64, err error) {
	// Resync can find no more than the segment held: twice its size never rolls.
	size := max(2*segmentSize, 2*int64(len(data)+pageSize-1)/pageSize*pageSize)
	wl, err := wlog.NewSize(nil, nil, dir, int(size), compression.None)
	if err != nil {
		return 0, err
	}
	err = wl.Log(appendHeader(nil))
	var last uint64
	var buf []byte
	scan(data, func(d decoded, _ int64) {
		if err != nil || d.seq <= last {
			return
		}
		last = d.seq
		buf = appendData(buf[:0], d.seq, d.unixNano, d.payload)
		err = wl.Log(buf)
	})
	if err == nil {
		var off int
		_, off, err = wl.LastSegmentAndOffset()
		end = int64(off)
	}
	if err == nil {
		err = wl.Sync()
	}
	return end, errors.Join(err, wl.Close())
}

// trimCorrupt removes all but the newest set-aside segments.
func (j *Journal) trimCorrupt() error {
	entries, err := os.ReadDir(j.opts.Dir)
	if err != nil {
		return err
	}
	var names []string // sorted, as segment numbers have eight digits
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), corruptSuffix) {
			names = append(names, e.Name())
		}
	}
	for len(names) > keepCorrupt {
		if err := os.Remove(filepath.Join(j.opts.Dir, names[0])); err != nil {
			return err
		}
		names = names[1:]
	}
	return nil
}

// truncate cuts a file and makes the cut durable.
func truncate(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(size), f.Sync(), f.Close())
}
