// Package blob stores named objects in a directory or in S3-compatible object
// storage: where backups and cold days go.
//
// It owns keys, whole-object reads and writes, and the location syntax that
// users write (a path, or s3://bucket/prefix). It does not own what the objects
// mean, nor checksums: those who store say what they expect.
//
// The entry point is Open. Invariants:
//
//   - A Put that returned nil is durable and whole; one that failed has left the
//     object as it was.
//   - Keys are relative slash paths without empty, "." or ".." elements.
//   - String never shows a credential.
//
// It is the only importer of minio-go.
package blob
