// Package auth says who somebody is and what he may do: users with passwords,
// sessions, API keys, logins through an OpenID provider, and the audit log.
//
// It owns the file auth.json in the data directory, the audit log beside it,
// the sessions in memory, and the configuration section `auth`. It does not own
// routes: package api says what each needs, and asks a [Principal] whether it
// may.
//
// The entry type is [Auth]. Invariants: no secret is stored or logged, only
// hashes; a credential is compared in a time that does not hang on how much of
// it is right; whoever cannot be recognised is nobody; a role or a scope never
// gives more than its table says; every table in memory is bounded.
package auth
