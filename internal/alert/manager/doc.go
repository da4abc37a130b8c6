// Package manager is the Alertmanager inside Pitot: routing, grouping,
// inhibition, silences, the notification log, the API v2, templates and
// clustering, with the Alertmanager's own configuration, and DingTalk and Feishu
// as further channels.
//
// The entry type is Manager, which New returns running. Its life is New, any
// number of Notify, Reload and requests to Handler, then Close.
//
// It owns the wiring, the isolation and the state of the channels, the shipped
// templates, what is on disk (silences, notification log) and the steadiness
// against clock steps. It does not decide what fires (rules do), nor why
// (Explain does), nor does it own a listener.
//
// Invariants:
//   - A configuration is applied whole or not at all: all that can fail is built
//     before anything of the old one stops.
//   - A silence that was answered with success is on disk.
//   - A channel that hangs blocks no other, and a template that fails still
//     notifies wherever the channel has a text to say so.
//   - Steps of the wall clock neither resolve nor repeat what rules report.
//   - All that grows has a bound: silences, alerts of one name, groups, what
//     waits for a channel.
package manager
