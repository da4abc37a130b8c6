// Package residue searches every byte of a directory for a text, also where it
// is compressed: the proof that something was erased, or that it was not.
//
// It knows the compressions that the stores use: Zstandard, wherever a frame
// begins inside a file, and Snappy blocks in records of Prometheus' write-ahead
// log, whose fragments it puts together. It does not know encodings that a text
// of plain words is never in, such as numbers kept as integers: search for
// words.
//
// The entry type is Find.
package residue

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// Hit is a place where a text was found.
type Hit struct {
	File   string // below the directory
	Needle string
	How    string // plain, zstd or snappy; nested ones joined by a slash
}

// maxFrame bounds what is made of one compressed block.
const maxFrame = 256 << 20

// zstdMagic begins a frame.
var zstdMagic = []byte{0x28, 0xb5, 0x2f, 0xfd}

type finder struct {
	needles [][]byte
	zstd    *zstd.Decoder
	hits    map[Hit]bool
	// Frames is how many compressed blocks were opened.
	frames int
}

// Find returns where the needles are in the files below dir, and how many
// compressed blocks it looked into, so that a test can tell that it looked.
func Find(dir string, needles ...string) (hits []Hit, frames int, err error) {
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return nil, 0, fmt.Errorf("residue: %w", err)
	}
	defer dec.Close()
	f := &finder{zstd: dec, hits: map[Hit]bool{}}
	for _, n := range needles {
		f.needles = append(f.needles, []byte(n))
	}
	err = filepath.WalkDir(dir, func(name string, e fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil // the engines remove files while they run
		}
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		rel, err := filepath.Rel(dir, name)
		if err != nil {
			return err
		}
		b, err := os.ReadFile(name)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		f.search(rel, "name", []byte(rel))
		f.search(rel, "", b)
		f.records(rel, b)
		return err
	})
	if err != nil {
		return nil, f.frames, fmt.Errorf("residue: %w", err)
	}
	for h := range f.hits {
		hits = append(hits, h)
	}
	return hits, f.frames, nil
}

// search looks at data and at what is compressed in it.
func (f *finder) search(file, how string, data []byte) {
	for _, n := range f.needles {
		if bytes.Contains(data, n) {
			f.hits[Hit{file, string(n), plain(how)}] = true
		}
	}
	for rest := data; ; {
		i := bytes.Index(rest, zstdMagic)
		if i < 0 {
			return
		}
		rest = rest[i:]
		if err := f.zstd.Reset(bytes.NewReader(rest)); err == nil {
			// Garbage behind the frame ends it with an error, after its content.
			out, _ := io.ReadAll(io.LimitReader(f.zstd, maxFrame))
			if len(out) > 0 {
				f.frames++
				f.search(file, join(how, "zstd"), out)
			}
		}
		rest = rest[len(zstdMagic):]
	}
}

func plain(how string) string {
	if how == "" {
		return "plain"
	}
	return how
}

func join(how, next string) string {
	if how == "" {
		return next
	}
	return how + "/" + next
}

// The write-ahead log's pages and fragments.
const (
	pageSize       = 32 << 10
	fragmentHeader = 7
	snappyFlag     = 0x08
	zstdFlag       = 0x10
)

// records reads data as a segment of a write-ahead log and searches its
// records. What is no segment gives none or nonsense, which does no harm.
func (f *finder) records(file string, data []byte) {
	var rec []byte
	for page := range slicesOf(data, pageSize) {
		for len(page) >= fragmentHeader {
			typ, n := page[0]&7, int(binary.BigEndian.Uint16(page[1:]))
			if typ == 0 || typ > 4 || fragmentHeader+n > len(page) {
				break
			}
			part := page[fragmentHeader : fragmentHeader+n]
			flags := page[0]
			page = page[fragmentHeader+n:]
			if typ == 1 || typ == 2 {
				rec = rec[:0]
			}
			rec = append(rec, part...)
			if typ != 1 && typ != 4 {
				continue
			}
			switch {
			case flags&snappyFlag != 0:
				if size, err := snappy.DecodedLen(rec); err != nil || size > maxFrame {
					continue
				}
				if out, err := snappy.Decode(nil, rec); err == nil {
					f.frames++
					f.search(file, "snappy", out)
				}
			case flags&zstdFlag == 0:
				f.search(file, "record", rec) // a text may cross fragments
			}
		}
	}
}

// slicesOf yields consecutive pieces of n bytes.
func slicesOf(data []byte, n int) func(func([]byte) bool) {
	return func(yield func([]byte) bool) {
		for len(data) > 0 {
			m := min(n, len(data))
			if !yield(data[:m]) {
				return
			}
			data = data[m:]
		}
	}
}
