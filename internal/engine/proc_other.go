//go:build !linux

package engine

// machineMemory is unknown here: the least default applies.
func machineMemory() int64 { return 0 }

// residentBytes is unknown here.
func residentBytes(int) int64 { return 0 }

// stepBack is not known here.
func stepBack() {}
