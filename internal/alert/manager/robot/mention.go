package robot

import "slices"

// When says which notifications name people. Its fields are inlined into the
// `mentions:` of a receiver.
type When struct {
	// Severities at which people are named; empty for all.
	Severities []string `yaml:"severities,omitempty" doc:"Severities at which people are named; empty for all. Resolved alerts name nobody."`
}

// At says whether a message that fires with this severity names people.
func (w When) At(severity string) bool {
	return len(w.Severities) == 0 || slices.Contains(w.Severities, severity)
}
