package logs

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// fileKey is the identity of a file on its file system. It is used again once
// the file is deleted, so that it proves nothing over time: see fingerprint.
type fileKey struct {
	Dev uint64 `json:"dev"`
	Ino uint64 `json:"ino"`
}

// fingerprint is the hash of the first bytes of a file: it stays as the file
// grows, and changes when the file is truncated or is another one.
type fingerprint struct {
	Size int    `json:"size"`
	Hash uint64 `json:"hash,string"`
}

const (
	// fingerprintBytes is how many bytes are hashed once the file has them.
	fingerprintBytes = 1024
	// tellingBytes is the least that tells two files of different names apart.
	tellingBytes = 32
)

// fingerprintOf hashes the first n bytes; fewer where the file is shorter.
func fingerprintOf(f io.ReaderAt, n int) (fingerprint, error) {
	var buf [fingerprintBytes]byte
	got, err := f.ReadAt(buf[:min(n, fingerprintBytes)], 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return fingerprint{}, err
	}
	return fingerprint{got, xxhash.Sum64(buf[:got])}, nil
}

// matches reports whether the file starts as it did when p was taken.
func (p fingerprint) matches(f io.ReaderAt) bool {
	if p.Size == 0 {
		return true // taken when the file was empty: it proves nothing
	}
	now, err := fingerprintOf(f, p.Size)
	return err == nil && now == p
}

// compressed reports whether the name is that of a compressed file.
func compressed(path string) bool {
	switch strings.ToLower(filepath.Ext(path)) {
	case ".gz", ".zst", ".bz2", ".xz", ".lz4", ".zip", ".z", ".br":
		return true
	}
	return false
}

// rotationOf reports whether name may be what a rotation made of the file base:
// app.log.1, app.log-20260101, app-20260101.log, app.1.log of app.log.
func rotationOf(base, name string) bool {
	if name == base || compressed(name) {
		return false
	}
	if strings.HasPrefix(name, base) {
		return true
	}
	ext := filepath.Ext(base)
	stem := strings.TrimSuffix(base, ext)
	return ext != "" && stem != "" && strings.HasPrefix(name, stem) && strings.HasSuffix(name, ext) &&
		len(name) > len(base) && strings.ContainsRune(".-_", rune(name[len(stem)]))
}

// maxSiblings bounds the search for a rotated file.
const maxSiblings = 10_000

// findRotated looks beside path for the file that was there: by its key where
// it was renamed, by its first bytes where it was copied. It returns an open
// file, or nil.
func findRotated(path string, key fileKey, print fingerprint, size int64) (*os.File, string) {
	dir, base := filepath.Split(path)
	d, err := os.Open(filepath.Clean(dir))
	if err != nil {
		return nil, ""
	}
	names, _ := d.Readdirnames(maxSiblings) // what could be read is what there is to search
	d.Close()
	var copied *os.File
	copiedPath := ""
	for _, name := range names {
		if !rotationOf(base, name) {
			continue
		}
		at := filepath.Join(dir, name)
		f, info, err := openRegular(at)
		if err != nil {
			continue
		}
		switch {
		case info.Size() < size || !print.matches(f):
			f.Close()
		case keyOf(at, info) == key:
			if copied != nil {
				copied.Close()
			}
			return f, at
		case print.Size >= tellingBytes && copied == nil:
			copied, copiedPath = f, at
		default:
			f.Close()
		}
	}
	return copied, copiedPath
}

// openRegular opens a file for reading, if it is a regular one.
func openRegular(path string) (*os.File, os.FileInfo, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() { // opening a pipe would wait for its writer
		return nil, nil, errors.New("not a regular file")
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	if info, err = f.Stat(); err != nil {
		f.Close()
		return nil, nil, err
	}
	return f, info, nil
}
