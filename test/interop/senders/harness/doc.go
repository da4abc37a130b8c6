// Package harness runs telemetry senders as their users do, against simulated
// providers whose every answer is dictated and remembered.
//
// It owns the table of scenarios, the providers behind a base URL a run, an OTLP
// receiver that keeps what arrives, and what must be known about the calls that
// were really made (Want). It does not own what becomes of the telemetry: command
// capture keeps it as test data, command live asks a running Pitot about it.
//
// A sender is a program that reads its scenario's name from SCENARIO and uses
// nothing but the environment variables of Endpoints.Env, all but SCENARIO,
// INTEROP_USER and INTEROP_SESSION those that its libraries document.
//
// Invariants: what a Want says comes from the provider's log and from the table of
// scenarios, never from telemetry; nothing about the machine is kept (see Scrub).
package harness
