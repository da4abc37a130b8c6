package logs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// maxOpen bounds the files that are tailed at one time.
	maxOpen = 2048
	// turnBytes is how much of one file is read before the next has its turn.
	turnBytes = 256 << 10
	// drainAfter is how long a file that was renamed or deleted must be still
	// before it is closed: its writer may hold it a while longer.
	drainAfter = 10 * time.Second
	// saveEvery is the least time between two checkpoints that only move on.
	saveEvery = time.Second

	minBackoff = 200 * time.Millisecond
	maxBackoff = 30 * time.Second
)

// entry is one entry of `logs.files`, ready to use.
type entry struct {
	FileConfig
	name  string // in the checkpoint
	start *regexp.Regexp
}

// Tailer reads files as they grow. Run uses it from one goroutine.
type Tailer struct {
	opts    Options
	entries []entry
	mapper  *mapper

	files   map[fileKey]*tailFile
	absent  []fileCheckpoint // positions in files that are not there
	scanned map[string]bool  // entries whose files have been looked for
	unsaved bool             // the checkpoint on disk is behind
	saved   time.Time

	chunk   []byte
	arena   []byte // the text of the batch
	batch   []line
	size    int
	records []llm.Record

	owed  bool // arrivals must be on disk before the next submission
	begun bool // the first scan is done

	saveFailed, openFailed bool // said once until it works again
}

// NewTailer reads the positions of the last run. It opens no file yet.
func NewTailer(opts Options) (*Tailer, error) {
	opts = opts.withDefaults()
	t := &Tailer{
		opts: opts, mapper: newMapper(opts.Config, opts.Metrics), files: map[fileKey]*tailFile{},
		scanned: map[string]bool{}, chunk: make([]byte, turnBytes),
	}
	for _, f := range opts.Config.Files {
		e := entry{FileConfig: f, name: strings.Join(f.Paths, ",")}
		if f.Multiline.Start != "" {
			re, err := regexp.Compile(f.Multiline.Start)
			if err != nil {
				return nil, fmt.Errorf("multiline.start: %w", err)
			}
			e.start = re
		}
		for _, list := range []*[]string{&e.Paths, &e.Exclude} {
			*list = slices.Clone(*list)
			for i, p := range *list {
				if abs, err := filepath.Abs(p); err == nil && strings.ContainsRune(p, filepath.Separator) {
					(*list)[i] = abs
				}
			}
		}
		t.entries = append(t.entries, e)
	}
	if len(t.entries) == 0 {
		return t, nil
	}
	if err := os.MkdirAll(opts.DataDir, 0o750); err != nil {
		return nil, fmt.Errorf("tail files: %w", err)
	}
	c, err := loadCheckpoint(opts.DataDir)
	if err != nil {
		return nil, err
	}
	t.absent = c.Files
	for _, n := range c.Entries {
		t.scanned[n] = true
	}
	return t, nil
}

// Run tails until ctx ends. It returns nil then; nothing else ends it.
func (t *Tailer) Run(ctx context.Context) error {
	if len(t.entries) == 0 {
		<-ctx.Done()
		return nil
	}
	defer t.close()
	poll := time.NewTicker(time.Duration(pollEvery))
	defer poll.Stop()
	var scanned time.Time
	for ctx.Err() == nil {
		if now := t.opts.Now(); now.Sub(scanned) >= time.Duration(scanEvery) || now.Before(scanned) {
			scanned = now
			t.scan()
		}
		if t.collect() {
			if !t.deliver(ctx) {
				return nil
			}
			t.saveIfDue(false)
			continue // there may be more
		}
		t.saveIfDue(false)
		t.measure()
		select {
		case <-ctx.Done():
		case <-poll.C:
		}
	}
	return nil
}

// close saves the positions and lets go of the files.
func (t *Tailer) close() {
	t.saveIfDue(true)
	for _, f := range t.files {
		f.f.Close()
	}
	t.files = map[fileKey]*tailFile{}
	t.opts.Metrics.open.Set(0)
}

// collect fills the batch. It reports whether there is one to deliver.
func (t *Tailer) collect() bool {
	t.arena, t.size = t.arena[:0], 0
	clear(t.batch)
	t.batch = t.batch[:0]
	for again := true; again; {
		again = false
		for _, f := range t.inOrder() {
			if t.full() {
				break
			}
			again = t.read(f) || again
		}
		again = again && !t.full()
	}
	// Positions may have moved without a line: past a line that is skipped.
	for _, f := range t.files {
		f.next, f.nextSkip = f.lines.safe()
	}
	if len(t.batch) == 0 {
		t.commit()
	}
	return len(t.batch) > 0
}

func (t *Tailer) full() bool { return len(t.batch) >= batchRecords || t.size >= batchBytes }

// inOrder returns the files by path, so that what happens is repeatable.
func (t *Tailer) inOrder() []*tailFile {
	out := make([]*tailFile, 0, len(t.files))
	for _, f := range t.files {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b *tailFile) int { return strings.Compare(a.path+a.id, b.path+b.id) })
	return out
}

// add takes a line into the batch.
func (t *Tailer) add(l line) {
	n := len(t.arena)
	t.arena = append(t.arena, l.text...)
	l.text = t.arena[n:len(t.arena):len(t.arena)]
	t.batch = append(t.batch, l)
	t.size += len(l.text)
}

// deliver submits the batch until it is durable, however long that takes, and
// moves the positions. It reports false if ctx ended before.
func (t *Tailer) deliver(ctx context.Context) bool {
	arrival := t.opts.Now()
	backoff := minBackoff
	for attempt := 0; ; attempt++ {
		// Made anew each time: the sink owns what it was given.
		untimed := t.makeRecords(arrival)
		if attempt == 0 && t.prepare(untimed, arrival) != nil {
			// Without a position on disk a crash would repeat lines under other ids.
			if !t.wait(ctx, backoff) {
				return false
			}
			backoff = min(2*backoff, maxBackoff)
			attempt--
			continue
		}
		err := t.opts.Sink.Submit(ctx, t.records)
		clear(t.records)
		t.records = t.records[:0]
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return false
		}
		t.opts.Metrics.retries.Inc()
		after, overload := retryAfter(err)
		if !overload && attempt == 0 {
			t.opts.Log.Error("lines of files were refused: trying again", "err", err)
		}
		if !t.wait(ctx, min(max(backoff, after), maxBackoff)) {
			return false
		}
		backoff = min(2*backoff, maxBackoff)
	}
	t.opts.Metrics.received.WithLabelValues(inputFile).Add(float64(len(t.batch)))
	t.commit()
	return true
}

func (t *Tailer) wait(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// makeRecords maps the batch and returns the files with lines that have no
// time of their own.
func (t *Tailer) makeRecords(arrival time.Time) map[*tailFile]bool {
	untimed := map[*tailFile]bool{}
	for i := range t.batch {
		l := &t.batch[i]
		f := l.file
		o := origin{
			input: inputFile, time: l.time, path: f.path0, stream: l.stream, truncated: l.truncated, partial: l.partial,
			service: orElse(f.entry.Service, f.container), environment: f.entry.Environment,
			attributes: f.entry.Labels, resource: f.resource,
			id: []string{inputFile, f.id, strconv.FormatInt(l.from, 10), strconv.FormatInt(l.to, 10)},
		}
		o.arrival = arrival
		for _, span := range f.arrivals {
			if l.to <= span.Until { // submitted before the last crash, maybe
				o.arrival = span.At
				break
			}
		}
		n := len(t.records)
		if f.entry.Format != FormatText && looksLikeObject(l.text) && t.mapper.doc.parse(l.text) == nil {
			t.records = t.mapper.json(t.records, l.text, &o)
		} else {
			t.records = t.mapper.plainText(t.records, l.text, &o)
		}
		if t.records[n].Log.Time.Equal(o.arrival) {
			untimed[f] = true
		}
	}
	return untimed
}

// prepare writes down, before they are submitted, when lines without a time
// arrived.
func (t *Tailer) prepare(untimed map[*tailFile]bool, arrival time.Time) error {
	for f := range untimed {
		f.arrivals = slices.DeleteFunc(f.arrivals, func(s arrivalSpan) bool { return s.Until <= f.done })
		if n := len(f.arrivals); n == 0 || f.arrivals[n-1].Until < f.next {
			f.arrivals = append(f.arrivals, arrivalSpan{f.next, arrival.UTC()})
			t.owed = true
		}
	}
	if !t.owed && !t.mustSave() {
		return nil
	}
	if err := t.save(); err != nil {
		return err
	}
	t.owed = false
	return nil
}

// mustSave reports whether a file is not in the checkpoint on disk yet.
func (t *Tailer) mustSave() bool {
	for i := range t.batch {
		if !t.batch[i].file.known {
			return true
		}
	}
	return false
}

// commit moves the positions to where the batch ended.
func (t *Tailer) commit() {
	for key, f := range t.files {
		if f.done != f.next || f.doneSkip != f.nextSkip {
			f.done, f.doneSkip, t.unsaved = f.next, f.nextSkip, true
		}
		if f.finished {
			f.f.Close()
			delete(t.files, key)
			t.unsaved = true
		}
	}
}

// saveIfDue saves the positions if they have moved and enough time has passed.
func (t *Tailer) saveIfDue(now bool) {
	if t.unsaved && (now || t.opts.Now().Sub(t.saved) >= saveEvery) {
		_ = t.save() // reported there; the positions on disk are only behind
	}
}

func (t *Tailer) save() error {
	at := t.opts.Now().UTC()
	var c checkpoint
	for n := range t.scanned {
		c.Entries = append(c.Entries, n)
	}
	slices.Sort(c.Entries)
	for _, f := range t.inOrder() {
		fc := fileCheckpoint{ID: f.id, Path: f.path0, Key: f.key, Print: f.print, Offset: f.done, Skip: f.doneSkip, Seen: at}
		for _, s := range f.arrivals {
			if s.Until > f.done {
				fc.Arrivals = append(fc.Arrivals, s)
			}
		}
		c.Files = append(c.Files, fc)
	}
	t.absent = slices.DeleteFunc(t.absent, func(a fileCheckpoint) bool { return at.Sub(a.Seen) > rememberFor })
	if n := len(t.absent); n > maxRemembered {
		t.absent = t.absent[n-maxRemembered:]
	}
	c.Files = append(c.Files, t.absent...)
	t.saved = at
	if err := c.save(t.opts.DataDir); err != nil {
		if !t.saveFailed {
			t.opts.Log.Error("cannot save the positions in tailed files: is the disk full?", "err", err)
		}
		t.saveFailed = true
		return err
	}
	t.unsaved, t.saveFailed = false, false
	for _, f := range t.files {
		f.known = true
	}
	return nil
}

// measure sets the gauges.
func (t *Tailer) measure() {
	var lag int64
	for _, f := range t.files {
		if info, err := f.f.Stat(); err == nil {
			lag += max(info.Size()-f.done, 0)
		}
	}
	t.opts.Metrics.lag.Set(float64(lag))
	t.opts.Metrics.open.Set(float64(len(t.files)))
}

// errTooManyFiles means that maxOpen files are tailed already.
var errTooManyFiles = errors.New("too many files are tailed")
