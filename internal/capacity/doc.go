// Package capacity predicts how much disk, memory and processor time a Pitot
// needs for given traffic.
//
// It owns the model and the measured numbers in it, which docs/performance.md
// and docs/data.md explain. It does not measure: what a running server has seen
// comes in as Observed. It is pure.
//
// The entry type is Traffic. Invariants:
//
//   - Every number of the model is an assumption that the Plan lists, so that a
//     reader can see what it rests on.
//   - What a server has seen replaces an assumption where there is enough of it.
package capacity
