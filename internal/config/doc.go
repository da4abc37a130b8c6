// Package config reads Pitot's one configuration file: YAML, then defaults,
// then a strict decode, then validation of the whole.
//
// It owns the file's grammar: unknown keys are errors, ${NAME} stands for an
// environment variable, durations and sizes have units, secrets are never
// printed, and every error names file, line, column and what was expected; all
// errors of a file are reported at once. It does not own the meaning of a
// section: option structs live in the packages that use them, and the sections
// `prometheus`, `alertmanager`, `slos` and `budgets` are kept verbatim ([Raw])
// for theirs.
//
// What needs a restart is a flag, what can be reloaded stands in the file; the
// few exceptions are named by [NonReloadable].
//
// The entry points are [Load] and [Parse], or a [Loader] where the environment
// or the validation of verbatim sections is to be injected. A *Config is
// read-only once it has been returned.
package config
