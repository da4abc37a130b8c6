// Package backup copies data directories into a repository and back:
// incrementally, with a checksum for every file, in a versioned format.
//
// It owns the repository's layout, the manifests, verification, pruning and
// restoring. It does not own how a data directory is made to stand still: it is
// given a directory whose files do not change, which a running server makes by
// a snapshot.
//
// The entry type is Repository. Invariants:
//
//   - A backup counts once its manifest is there, which is written last: one that
//     was cut leaves objects that the next one uses, and nothing else.
//   - Objects are named by the SHA-256 of their content and never changed. A file
//     whose content is in the repository is not sent again.
//   - Create, Verify and Restore compute the checksum of every byte that they
//     move.
//   - Restore writes only into a directory that is not there or is empty, and puts
//     it in place in one step when all of it is whole.
//   - What a newer Pitot wrote is refused by name, and left alone.
//
// # Format, version 1
//
//	pitot-backup.json           {"format":"pitot-backup","version":1}
//	backups/ID.manifest         a line "pitot-backup 1 SHA256\n" and JSON; the checksum is of the JSON
//	objects/ab/ab...            the content with that SHA-256
//	running/ID                  while a backup is being made
//
// ID is the UTC time of the backup, 20060102T150405.000Z, so that IDs sort by
// time.
package backup
