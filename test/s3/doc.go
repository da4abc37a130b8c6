// Package s3 tests what Pitot keeps in S3-compatible object storage against a
// server that speaks its protocol, gofakes3. It is a module of its own so that
// Pitot does not depend on that server.
package s3
