package server

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/pitot-dev/pitot/internal/durable"
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
			err = durable.WriteFile(name, append(b, '\n'))
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
