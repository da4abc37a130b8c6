package main

import (
	"archive/tar"
	"io"
	"os"
	"path/filepath"
)

// nobody is the user of the image.
const nobody = 65532

// rootfsName is the file tree of the image, but for the program.
const rootfsName = "rootfs.tar"

// writeRootfs writes it. A container file from scratch cannot make directories
// with owners and modes; it can unpack them.
func writeRootfs(dir string) (err error) {
	f, err := os.Create(filepath.Join(dir, rootfsName))
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	t := tar.NewWriter(f)
	for _, e := range []struct {
		name, text string
		mode       int64
		owner      int
	}{
		{"data/", "", 0o700, nobody},
		{"etc/", "", 0o755, 0},
		{"etc/group", "pitot:x:65532:\n", 0o644, 0},
		{"etc/passwd", "pitot:x:65532:65532:pitot:/data:/nologin\n", 0o644, 0},
		{"tmp/", "", 0o1777, 0},
	} {
		h := &tar.Header{Name: e.name, Mode: e.mode, Uid: e.owner, Gid: e.owner, Size: int64(len(e.text)), ModTime: epoch(), Typeflag: tar.TypeReg, Format: tar.FormatUSTAR}
		if e.name[len(e.name)-1] == '/' {
			h.Typeflag = tar.TypeDir
		}
		if err := t.WriteHeader(h); err != nil {
			return err
		}
		if _, err := io.WriteString(t, e.text); err != nil {
			return err
		}
	}
	return t.Close()
}
