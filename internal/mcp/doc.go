// Package mcp lets coding agents look: a Model Context Protocol server with
// tools that read metrics, calls, traces, logs, explanations, objectives, alerts
// and costs, over streamable HTTP and over standard input and output.
//
// It owns what the tools are called, what they take, how much of an answer fits
// into a model's context and what is said where it does not fit. It owns no data
// and no queries: each tool asks Pitot's HTTP API through a Backend, so that
// whoever may not see something by the API may not see it by a tool either.
//
// New is where to start. Invariants: no tool changes anything; an answer has at
// most Options.MaxBytes and says what was left out; an unknown or wrong argument
// is an error that says what is allowed; content of prompts, answers and logs is
// given only to whoever may see it.
package mcp
