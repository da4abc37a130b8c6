package logs

import (
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"time"
)

// tailFile is an open file that is tailed.
type tailFile struct {
	id        string
	key       fileKey
	path      string // where it is now
	path0     string // where it was when it was written to: what its records name
	entry     *entry
	resource  map[string]string
	container string

	f     *os.File
	print fingerprint
	lines assembler

	next, done         int64 // what is given out up to; what is durable up to
	nextSkip, doneSkip bool
	known              bool // it is in the checkpoint on disk

	arrivals []arrivalSpan // of lines without a time that may have been submitted

	gone     time.Time // since when no name of a configured pattern leads to it
	grown    time.Time // when it last grew
	finished bool      // all is read, and no more will come
}

// open begins to tail an open file at a position.
func (t *Tailer) open(f *os.File, key fileKey, path string, e *entry, at fileCheckpoint) *tailFile {
	now := t.opts.Now()
	tf := &tailFile{
		id: at.ID, key: key, path: path, path0: path, entry: e, f: f, print: at.Print,
		next: at.Offset, done: at.Offset, nextSkip: at.Skip, doneSkip: at.Skip,
		arrivals: at.Arrivals, grown: now,
	}
	tf.resource, tf.container = resourceOfPath(path)
	tf.resource = withResource(t.opts.Resource, tf.resource)
	if tf.container != "" {
		tf.resource = maps.Clone(tf.resource)
	}
	tf.lines = assembler{
		max: int(t.opts.Config.MaxLine), start: e.start, onCut: t.opts.Metrics.cut.Inc,
		emit: func(l line) { l.file = tf; t.add(l) },
	}
	tf.lines.reset(at.Offset, at.Skip)
	t.files[key] = tf
	t.unsaved = true
	return tf
}

// read takes the next portion of a file. It reports whether there may be more
// at once.
func (t *Tailer) read(f *tailFile) bool {
	now := t.opts.Now()
	n, err := f.f.ReadAt(t.chunk, f.lines.at)
	if err != nil && !errors.Is(err, io.EOF) {
		if !t.openFailed {
			t.opts.Log.Error("cannot read a tailed file", "path", f.path, "err", err)
			t.openFailed = true
		}
		return false
	}
	// Only after reading is it sure that what was read is of the file as known:
	// it may have been truncated and written again.
	if !t.verify(f) {
		return false
	}
	if n > 0 {
		f.grown = now
		f.lines.write(t.chunk[:n], now)
		return n == len(t.chunk)
	}
	still := now.Sub(f.grown)
	if f.lines.holding() && now.Sub(f.lines.last) >= time.Duration(partialAfter) {
		f.lines.flush()
	}
	if !f.gone.IsZero() && still >= drainAfter && now.Sub(f.gone) >= drainAfter {
		f.lines.flush()
		f.finished = true
	}
	return false
}

// verify reports whether the file still starts as it did and is as long as what
// was read of it. If not, the file was truncated: its old content is looked for
// in a copy, and the file begins anew.
func (t *Tailer) verify(f *tailFile) bool {
	info, err := f.f.Stat()
	if err == nil && info.Size() >= f.lines.at && f.print.matches(f.f) {
		if f.print.Size < fingerprintBytes && info.Size() > int64(f.print.Size) {
			if p, err := fingerprintOf(f.f, fingerprintBytes); err == nil && p.Size > f.print.Size {
				f.print, t.unsaved = p, true
			}
		}
		return true
	}
	if err != nil {
		return false
	}
	t.truncated(f)
	return false
}

// truncated deals with a file that was copied away and emptied. What was read
// of its old content and is not durable is read again from the copy.
func (t *Tailer) truncated(f *tailFile) {
	now := t.opts.Now()
	// Lines in the batch keep their place in the old content.
	from, skip := f.lines.safe()
	old := fileCheckpoint{ID: f.id, Print: f.print, Offset: from, Skip: skip, Arrivals: f.arrivals}
	held := f.lines.holding()
	kept := *f
	delete(t.files, f.key)
	if rf, path := findRotated(f.path, fileKey{}, f.print, from); rf != nil {
		info, err := rf.Stat()
		if err != nil {
			rf.Close()
		} else {
			key := keyOf(path, info)
			if other := t.files[key]; other != nil { // taken for a file of its own meanwhile
				other.f.Close()
				delete(t.files, key)
			}
			c := t.open(rf, key, path, f.entry, old)
			c.path0, c.done, c.doneSkip, c.known = f.path0, kept.done, kept.doneSkip, kept.known
			c.resource, c.container = f.resource, f.container
			c.gone = now // the next scan says whether it is one of the configured
			t.rename(f, c)
		}
	} else if held {
		f.lines.flush()
		t.opts.Metrics.gaps.Inc()
		t.opts.Log.Warn("a tailed file was truncated, and the end of its old content was not found", "path", f.path)
	}
	print, err := fingerprintOf(f.f, fingerprintBytes)
	if err != nil {
		print = fingerprint{}
	}
	t.open(f.f, f.key, f.path, f.entry, fileCheckpoint{ID: newFileID(now), Print: print})
}

// rename gives the lines of the batch that came of one file to another.
func (t *Tailer) rename(from, to *tailFile) {
	for i := range t.batch {
		if t.batch[i].file == from {
			t.batch[i].file = to
		}
	}
}

func newFileID(now time.Time) string { return randomID(now) }

// scan looks for files that appeared, were renamed or went away.
func (t *Tailer) scan() {
	now := t.opts.Now()
	present, failed := map[fileKey]bool{}, false
	for i := range t.entries {
		e := &t.entries[i]
		for _, path := range expand(e.Paths, e.Exclude) {
			key, err := t.found(e, path, present)
			if err != nil {
				t.opts.Metrics.skipped.Inc()
				failed = true
				if !t.openFailed {
					t.opts.Log.Warn("a file cannot be tailed", "path", path, "err", err)
					t.openFailed = true
				}
				continue
			}
			present[key] = true
		}
		if !t.scanned[e.name] {
			t.scanned[e.name], t.unsaved = true, true
		}
	}
	if !t.begun {
		t.begun = true
		t.resumeRotated()
	}
	t.openFailed = t.openFailed && failed
	for key, f := range t.files {
		switch {
		case present[key]:
			f.gone = time.Time{}
		case f.gone.IsZero():
			f.gone = now
		}
	}
}

// found deals with one path that a pattern leads to.
func (t *Tailer) found(e *entry, path string, present map[fileKey]bool) (fileKey, error) {
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() {
		return fileKey{}, nil // gone between listing and looking, or a directory
	}
	key := keyOf(path, info)
	if f := t.files[key]; f != nil {
		if !present[key] { // a second name, or a second entry, changes nothing
			f.path = path
		}
		return key, nil
	}
	if len(t.files) >= maxOpen {
		return fileKey{}, errTooManyFiles
	}
	f, info, err := openRegular(path)
	if err != nil {
		return fileKey{}, err
	}
	if keyOf(path, info) != key {
		f.Close()
		return fileKey{}, nil // replaced this moment: the next scan sees it
	}
	print, err := fingerprintOf(f, fingerprintBytes)
	if err != nil {
		f.Close()
		return fileKey{}, err
	}
	if t.isCopy(path, f) {
		f.Close()
		return fileKey{}, nil
	}
	at, resumed := t.resume(path, key, f, info.Size())
	if !resumed {
		at = fileCheckpoint{ID: newFileID(t.opts.Now()), Print: print}
		if e.From == FromEnd && !t.scanned[e.name] {
			at.Offset = info.Size()
			var end [1]byte
			if n, _ := f.ReadAt(end[:], at.Offset-1); n == 1 && end[0] != '\n' {
				at.Skip = true // the line that is being written is not ours
			}
		}
	}
	tf := t.open(f, key, path, e, at)
	tf.known = resumed
	if resumed {
		tf.path0 = at.Path
	}
	return key, nil
}

// isCopy reports whether a file is the copy that a rotation makes of a tailed
// one, which it will empty the next moment.
func (t *Tailer) isCopy(path string, f *os.File) bool {
	for _, other := range t.files {
		if other.print.Size >= tellingBytes && filepath.Dir(other.path) == filepath.Dir(path) &&
			rotationOf(filepath.Base(other.path), filepath.Base(path)) && other.print.matches(f) {
			return true
		}
	}
	return false
}

// resume returns the position of the last run in a file: by its key, or by its
// path where keys changed with the mount; its first bytes must be the same.
func (t *Tailer) resume(path string, key fileKey, f *os.File, size int64) (fileCheckpoint, bool) {
	for _, byKey := range []bool{true, false} {
		for i, a := range t.absent {
			same := a.Key == key
			if !byKey {
				same = a.Path == path && a.Print.Size > 0
			}
			if same && size >= a.Offset && a.Print.matches(f) {
				t.absent = append(t.absent[:i:i], t.absent[i+1:]...)
				if print, err := fingerprintOf(f, fingerprintBytes); err == nil {
					a.Print = print
				}
				return a, true
			}
		}
	}
	return fileCheckpoint{}, false
}

// resumeRotated looks for files of the last run that were renamed or copied
// away since. It runs once, before anything is read.
func (t *Tailer) resumeRotated() {
	if len(t.files) >= maxOpen {
		return
	}
	for i := 0; i < len(t.absent); i++ {
		a := t.absent[i]
		if a.Print.Size == 0 {
			continue
		}
		e := t.entryOf(a.Path)
		if e == nil {
			continue
		}
		f, path := findRotated(a.Path, a.Key, a.Print, a.Offset)
		if f == nil {
			continue
		}
		info, err := f.Stat()
		if err != nil {
			f.Close()
			continue
		}
		key := keyOf(path, info)
		if other := t.files[key]; other != nil {
			if other.known {
				f.Close()
				continue
			}
			other.f.Close() // opened this moment as a file of its own
		}
		t.absent = append(t.absent[:i:i], t.absent[i+1:]...)
		i--
		tf := t.open(f, key, path, e, a)
		tf.path0, tf.known = a.Path, true
	}
}

// entryOf returns the entry whose patterns lead to a path, or nil.
func (t *Tailer) entryOf(path string) *entry {
	for i := range t.entries {
		for _, p := range t.entries[i].Paths {
			if matchPattern(p, path) {
				return &t.entries[i]
			}
		}
	}
	return nil
}
