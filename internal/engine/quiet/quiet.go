// Package quiet keeps the engine's libraries from speaking before main does.
//
// It owns nothing else. Linking VictoriaLogs into the binary runs the package
// initialisers of its libraries in every `pitot` command, and two of them
// print: one reports to the standard logger that the kernel has no pressure
// information, the other reports to stderr that a fractional CPU quota was
// rounded (and rounds GOMAXPROCS of the whole process). No user of `pitot
// calls` wants to read that, and the gateway wants its CPUs.
//
// The language orders initialisation: of the packages whose imports are done,
// the one whose path sorts first goes next. This package needs little, so it
// is done long before the libraries that it silences; package engine, which
// imports them, is done after them and calls Restore. TestNothingIsPrinted
// fails if a new version of a library changes that.
package quiet

import (
	"io"
	"log"
	"os"
	"runtime"
	"strconv"
)

// goMaxProcs is set while initialisers run: the library leaves GOMAXPROCS
// alone, and says nothing, where this is set.
const goMaxProcs = "GOMAXPROCS"

// muted remembers what Restore has to undo.
var muted = mute()

type state struct {
	w      io.Writer
	hadEnv bool
}

func mute() state {
	s := state{w: log.Writer()}
	log.SetOutput(io.Discard)
	if _, s.hadEnv = os.LookupEnv(goMaxProcs); !s.hadEnv {
		os.Setenv(goMaxProcs, strconv.Itoa(runtime.GOMAXPROCS(0)))
	}
	return s
}

// Restore gives the standard logger and the environment back. Package engine
// calls it once, when the libraries' initialisers have run.
func Restore() bool {
	log.SetOutput(muted.w)
	if !muted.hadEnv {
		os.Unsetenv(goMaxProcs)
	}
	return true
}
