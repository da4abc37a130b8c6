//go:build !unix

package journal

import (
	"os"
	"path/filepath"
)

// lockDir only opens the lock file: this system has no flock.
func lockDir(dir string) (*os.File, error) {
	return os.OpenFile(filepath.Join(dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
}
