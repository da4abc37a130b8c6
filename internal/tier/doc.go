// Package tier moves days of the event store that have grown old to cold
// storage, and brings them back when somebody asks.
//
// It owns the cold copies (their objects, manifests and checksums), the moves in
// both directions and the cache of days that were brought back. It does not own
// the engine: it asks it through the interface Engine to attach and detach days,
// and moves directories next to its own.
//
// The entry type is Manager. Invariants:
//
//   - A day's manifest is written after all its objects, and removed before any
//     of them: a manifest means that the cold copy is whole.
//   - A local copy goes only after every byte of the cold copy was read back and
//     had the right checksum.
//   - At most one local copy of a day is where the engine sees it, so that no row
//     is found twice; whichever step a crash interrupts, the next start finds the
//     day in at least one place.
//   - Days that are cold take no rows any more, from the first moment of a process
//     on: a copy that was brought back is equal to the cold one, and going again
//     costs nothing.
//   - Of a day that is here and cold the cold copy goes only when the one here is
//     known to have all rows. Where that is not known, both are put together.
//
// # Format, version 1
//
//	days/YYYYMMDD.manifest      a line "pitot-cold 1 SHA256\n" and JSON: day, bytes, files with size and SHA-256
//	days/YYYYMMDD/PATH          the engine's files of that day
//
// A data directory, and so its backups, refer to cold days: see Reference.
package tier
