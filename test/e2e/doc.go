// Package e2e tests the real binary from outside: its processes, its ports, its
// files and its output, and nothing of its inside.
//
// It owns what only the whole can show: that numbers arrive as they were sent,
// that secrets stay out, that a kill or a full disk loses nothing silently.
//
// The tests build the binary once, or take the one that PITOT_BIN names.
// PITOT_E2E_LONG=1 kills 50 times instead of a few. With -short the slowest
// parts are left out.
package e2e
