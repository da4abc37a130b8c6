package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"
)

// Version is that of the repository's format.
const Version = 1

// ErrNewer is the error of what a newer Pitot wrote.
var ErrNewer = errors.New("it was written by a newer Pitot: use that version or a later one")

// magic begins a manifest.
const magic = "pitot-backup"

// maxManifest bounds a manifest that is read, in bytes: about 5 million files.
const maxManifest = 1 << 30

// Manifest is one backup.
type Manifest struct {
	ID      string    `json:"id"`
	Created time.Time `json:"created"`
	Pitot   string    `json:"pitot"` // the version that made it
	// Source is the data directory.
	Source string `json:"source,omitempty"`
	Files  []File `json:"files"`
	Bytes  int64  `json:"bytes"` // of all files
	// Added and AddedBytes are what was not in the repository before.
	Added      int   `json:"added"`
	AddedBytes int64 `json:"added_bytes"`
}

// File is a file of a backup.
type File struct {
	Path     string      `json:"path"` // below the data directory, with slashes
	Size     int64       `json:"size"`
	Mode     fs.FileMode `json:"mode"`
	Modified time.Time   `json:"modified"`
	SHA256   string      `json:"sha256"`
}

// object is the key of a file's content.
func (f *File) object() string { return objectKey(f.SHA256) }

func objectKey(sum string) string { return "objects/" + sum[:2] + "/" + sum }

func manifestKey(id string) string { return "backups/" + id + ".manifest" }

const idLayout = "20060102T150405.000Z"

func encodeManifest(m *Manifest) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode manifest: %w", err)
	}
	sum := sha256.Sum256(body)
	return append(fmt.Appendf(nil, "%s %d %x\n", magic, Version, sum), body...), nil
}

func decodeManifest(data []byte) (*Manifest, error) {
	head, body, ok := bytes.Cut(data, []byte("\n"))
	var version int
	var sum string
	if _, err := fmt.Sscanf(string(head), magic+" %d %64s", &version, &sum); err != nil || !ok {
		return nil, errors.New("not a manifest of a backup, or damaged in its first line")
	}
	if version > Version {
		return nil, fmt.Errorf("manifest has version %d, this program reads up to %d: %w", version, Version, ErrNewer)
	}
	if got := sha256.Sum256(body); version < 1 || hex.EncodeToString(got[:]) != sum {
		return nil, errors.New("checksum of the manifest differs: it is damaged")
	}
	m := &Manifest{}
	if err := json.Unmarshal(body, m); err != nil {
		return nil, fmt.Errorf("decode manifest: %w", err)
	}
	seen := make(map[string]bool, len(m.Files))
	for i := range m.Files {
		f := &m.Files[i]
		if !filepath.IsLocal(filepath.FromSlash(f.Path)) || strings.Contains(f.Path, `\`) || seen[f.Path] {
			return nil, fmt.Errorf("manifest names the file %q: damaged or forged", f.Path)
		}
		seen[f.Path] = true
		if b, err := hex.DecodeString(f.SHA256); err != nil || len(b) != sha256.Size || f.Size < 0 {
			return nil, fmt.Errorf("manifest has no checksum of %q", f.Path)
		}
	}
	return m, nil
}
