// Package engine embeds the event engine: VictoriaLogs' own insert, select and
// storage handlers, run as a supervised child process of the same binary.
//
// It owns the child (Main, which `pitot engine` calls), its supervision
// (Supervisor), the private connection between the two and the engine's own
// log and metrics. It does not own what is stored: package events speaks to it
// over HTTP, as it would speak to a cluster.
//
// A child process, because the engine ends its process when its disk is full
// or its data is corrupt: the gateway, the alerts and the metrics outlive it.
//
// The entry type is Supervisor. Invariants:
//
//   - The child listens on a loopback port that the kernel chooses and answers
//     only to the password of this run, which travels over the child's stdin.
//     Nothing secret is on a command line or in the environment.
//   - The child lives exactly as long as its stdin is open: when the parent
//     dies, however it dies, the child flushes and exits.
//   - Epoch grows each time a child becomes ready. Rows acknowledged under an
//     older epoch may be lost, unless they are older than FlushInterval twice.
//   - Start never fails because of the data: what is wrong with it is in Status.
package engine
