// Package e2e tests the real binary from outside: its processes, its ports, its
// files and its output, and nothing of its inside.
//
// It owns what only the whole can show: that numbers arrive as they were sent,
// that secrets stay out, that a kill or a full disk loses nothing silently.
//
// The tests build the binary once, or take the one that PITOT_BIN names.
// With -short the slowest parts are left out. `make endurance` makes some of them
// last: docs/reliability.md says by which variables.
package e2e
