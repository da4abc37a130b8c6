package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// formatVersion is that of the data directory as a whole: which files there are
// and what they mean to each other. Each file has a version of its own besides.
const formatVersion = 1

// formatFile says which version made the data directory.
const formatFile = "pitot-data.json"

type dataFormat struct {
	Format  string    `json:"format"`
	Version int       `json:"version"`
	Created time.Time `json:"created"`
	Pitot   string    `json:"pitot"` // the version of the program that made it
}

// checkFormat refuses a data directory that a newer Pitot has made, before
// anything in it is touched, and marks one that has no mark yet.
func checkFormat(dir, version string) error {
	name := filepath.Join(dir, formatFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		b, err := json.Marshal(dataFormat{"pitot-data", formatVersion, time.Now().UTC().Truncate(time.Second), version})
		if err == nil {
			err = replaceFile(name, append(b, '\n'))
		}
		if err != nil {
			return fmt.Errorf("data directory: %w", err)
		}
		return nil
	}
	if err != nil {
		return fmt.Errorf("data directory: %w", err)
	}
	var f dataFormat
	if err := json.Unmarshal(b, &f); err != nil || f.Format != "pitot-data" || f.Version < 1 {
		return fmt.Errorf("data directory %s: %s is damaged: if the directory is Pitot's, remove that file and start again", dir, formatFile)
	}
	if f.Version > formatVersion {
		return fmt.Errorf("data directory %s has format %d, made by Pitot %s; this program (%s) reads up to %d: use that version or a later one, or restore a backup into another directory",
			dir, f.Version, f.Pitot, version, formatVersion)
	}
	return nil
}

// replaceFile writes a file so that after a crash there is the old or the new.
func replaceFile(name string, b []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".tmp*")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(f.Name()) }() // gone after the rename
	_, err = f.Write(b)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err == nil {
		err = syncDir(filepath.Dir(name))
	}
	return err
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
