// Package api is Pitot's HTTP surface: the calls API, the Jaeger query API, the
// LogsQL and Prometheus APIs that the engines supply, status, health and the
// pages of the web UI, which somebody else supplies.
//
// It owns routes, parameters, error shapes and the OpenAPI document. It owns no
// data: stores stand behind the interfaces of this package.
//
// Invariants: every parameter is validated, and a bad one is answered by a 400
// that says what is allowed; an error has the shape
// {"error":{"code","message","hint"}} except where a foreign API prescribes its
// own; nothing is answered to a page of another origin.
package api
