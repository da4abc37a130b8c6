package main

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"io"
	"os"
	"strings"
	"time"
)

// archived is a file of an archive.
type archived struct {
	name, path string
	mode       int64
}

// epoch is the time of every file: the day of the build says nothing.
func epoch() time.Time { return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC) }

// writeArchive writes a zip or a tar.gz with all files in one directory.
func writeArchive(path, dir string, files []archived) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if strings.HasSuffix(path, ".zip") {
		return writeZip(f, dir, files)
	}
	return writeTar(f, dir, files)
}

func writeZip(w io.Writer, dir string, files []archived) error {
	z := zip.NewWriter(w)
	for _, file := range files {
		h := &zip.FileHeader{Name: dir + "/" + file.name, Method: zip.Deflate, Modified: epoch()}
		h.SetMode(os.FileMode(file.mode))
		out, err := z.CreateHeader(h)
		if err != nil {
			return err
		}
		if err := copyFile(out, file.path); err != nil {
			return err
		}
	}
	return z.Close()
}

func writeTar(w io.Writer, dir string, files []archived) error {
	g, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	t := tar.NewWriter(g)
	for _, file := range files {
		info, err := os.Stat(file.path)
		if err != nil {
			return err
		}
		h := &tar.Header{Name: dir + "/" + file.name, Mode: file.mode, Size: info.Size(), ModTime: epoch(), Typeflag: tar.TypeReg, Format: tar.FormatPAX}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if err := copyFile(t, file.path); err != nil {
			return err
		}
	}
	if err := t.Close(); err != nil {
		return err
	}
	return g.Close()
}

func copyFile(w io.Writer, path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = io.Copy(w, f)
	return err
}
