//go:build unix

package logs

import (
	"os"
	"syscall"
)

// keyOf returns what tells a file apart while it exists, whatever its name.
func keyOf(_ string, info os.FileInfo) fileKey {
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return fileKey{}
	}
	return fileKey{uint64(st.Dev), uint64(st.Ino)} //nolint:unconvert // narrower on some systems
}
