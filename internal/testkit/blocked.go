package testkit

import (
	"bytes"
	"runtime"
)

// Blocked reports whether a goroutine that is in a function of the name, such as
// "events.(*Store).insert", waits for a lock.
func Blocked(function string) bool {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for g := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		head, _, _ := bytes.Cut(g, []byte("\n"))
		if bytes.Contains(g, []byte(function+"(")) && (bytes.Contains(head, []byte("[sync.")) || bytes.Contains(head, []byte("[semacquire"))) {
			return true
		}
	}
	return false
}
