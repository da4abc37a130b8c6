// Package durable writes small files so that a crash leaves the old one or the
// new one, and never a part.
//
// It owns the order of the steps: write beside, sync, rename, sync the directory.
// It owns no format. Its entry points are WriteFile and Replace.
package durable

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// WriteFile replaces a file by one that holds b and that only the owner may read.
func WriteFile(path string, b []byte) error {
	return Replace(path, func(w io.Writer) error {
		_, err := w.Write(b)
		return err
	})
}

// Replace replaces a file by what write writes. Where write fails the old file
// stays.
func Replace(path string, write func(io.Writer) error) error {
	f, err := os.CreateTemp(filepath.Dir(path), TempPrefix+filepath.Base(path)+"-*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone after the rename
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err == nil {
		err = SyncDir(filepath.Dir(path))
	}
	return err
}

// TempPrefix begins the names of files that are not yet what they shall be. After
// a crash one may stay.
const TempPrefix = ".tmp-"

// SyncDir makes new and changed names in a directory durable. Windows has no such
// step: its file system keeps names by itself.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
