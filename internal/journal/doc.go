// Package journal is a durable queue on disk: the write-ahead log between the
// pipeline and the event store.
//
// It owns the files of one directory, their format, the group commit that
// makes an appended record durable, and the named cursors by which consumers
// read the records back in order and say how far they have come. It does not
// know what a record means.
//
// [Open] gives a [Journal]. [Journal.Append] returns once the record's group
// has been written and synced to disk; [Journal.AppendFunc] does the same with
// a callback. [Journal.Cursor] opens a durable cursor.
//
// # Invariants
//
//   - A record whose append succeeded survives the death of the process and of
//     the machine. Records of one append are durable together or not at all,
//     as far as the appender is told: a crash may leave a part of an append
//     that nobody was told of.
//   - Readers see durable records only, each once, in the order of their
//     sequence numbers.
//   - A record is deleted only after every cursor has been committed past it.
//     A full journal refuses new records with [ErrFull]; it never drops old ones.
//   - A failed write or sync fails the appends of its group and nothing else:
//     the tail is cut back to the last durable record and writing goes on in a
//     new segment as soon as the disk allows.
//   - Damage found in a file costs the records that it hit. The damaged segment
//     is kept aside under the suffix ".corrupt" and the rest is served.
//
// # Format on disk, version 1
//
// A directory holds segments, cursors and set-aside segments:
//
//	00000000, 00000001, ...   segments, in the order of writing, without gaps
//	cursor.NAME               the position of the cursor NAME
//	00000003.corrupt          a damaged segment as it was found
//	repair.tmp/               left over from an interrupted repair; removed on open
//
// A segment is a log segment as Prometheus' tsdb/wlog writes it: pages of 32 KiB,
// records cut into fragments that do not cross a page, each fragment with type,
// length and CRC-32C, no compression. Segments never share a record. Any wlog
// reader can read one.
//
// The first record of a segment that has any is the header:
//
//	type 0x00 | magic "PITOTJNL" (8 bytes) | version (1 byte)
//
// All others are data:
//
//	type 0x01 | sequence number (8 bytes, big endian) | time of the append
//	(Unix nanoseconds, 8 bytes, big endian) | payload
//
// Sequence numbers rise by one from record to record over the whole life of the
// directory; a gap means that records were lost to damage.
//
// A cursor file has two slots, at offsets 0 and 4096, that are written in turn,
// in place (so that a cursor can move on a full disk) and synced. The valid slot
// with the higher generation counts:
//
//	magic "PJC1" (4 bytes) | generation (8) | segment (8) | offset (8) |
//	sequence number of the last record consumed (8) | CRC-32C of all that (4)
//
// A cursor without a valid slot starts at the oldest record.
package journal
