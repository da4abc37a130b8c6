package logs

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

const (
	checkpointName    = "logs-checkpoint.json"
	checkpointVersion = 1

	// maxRemembered bounds the positions that are kept of files that are not there.
	maxRemembered = 10_000
	// rememberFor is how long they are kept: a volume may come back.
	rememberFor = 7 * 24 * time.Hour
)

// checkpoint is what the tailer keeps on disk.
type checkpoint struct {
	Version int `json:"version"`
	// Entries are the entries of the configuration whose files have been looked
	// for: `from` counts only the first time.
	Entries []string         `json:"entries,omitempty"`
	Files   []fileCheckpoint `json:"files"`
}

// fileCheckpoint is the position in one file.
type fileCheckpoint struct {
	// ID is part of the ids of the file's records: it stays when the file is
	// renamed, and is new when it is truncated.
	ID    string      `json:"id"`
	Path  string      `json:"path"`
	Key   fileKey     `json:"key"`
	Print fingerprint `json:"fingerprint"`
	// Offset is the first byte that is not durable yet; Skip is set where it is
	// within a line that was cut.
	Offset int64     `json:"offset"`
	Skip   bool      `json:"skip,omitempty"`
	Seen   time.Time `json:"seen"`
	// Arrivals are written before lines without a time are submitted, so that
	// read again they get the same time, and with it the same id.
	Arrivals []arrivalSpan `json:"arrivals,omitempty"`
}

// arrivalSpan says when the lines arrived that end after the span before and up
// to Until.
type arrivalSpan struct {
	Until int64     `json:"until"`
	At    time.Time `json:"at"`
}

// loadCheckpoint reads the checkpoint. One that cannot be read is set aside:
// positions are lost then, which repeats lines, but keeps none back.
func loadCheckpoint(dir string) (checkpoint, error) {
	path := filepath.Join(dir, checkpointName)
	b, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return checkpoint{}, nil
	}
	if err != nil {
		return checkpoint{}, fmt.Errorf("read checkpoint of tailed files: %w", err)
	}
	var c checkpoint
	if err := json.Unmarshal(b, &c); err != nil {
		if rerr := os.Rename(path, path+".corrupt"); rerr != nil {
			return checkpoint{}, fmt.Errorf("set aside a corrupt checkpoint: %w", rerr)
		}
		return checkpoint{}, nil
	}
	if c.Version > checkpointVersion {
		return checkpoint{}, fmt.Errorf("checkpoint of tailed files has version %d: it was written by a newer Pitot; remove %s to start anew", c.Version, path)
	}
	return c, nil
}

// save replaces the checkpoint atomically and durably.
func (c checkpoint) save(dir string) (err error) {
	c.Version = checkpointVersion
	b, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(dir, checkpointName), append(b, '\n')); err != nil {
		return fmt.Errorf("save checkpoint: %w", err)
	}
	return nil
}
