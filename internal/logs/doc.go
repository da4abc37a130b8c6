// Package logs takes in logs: from senders that speak to Elasticsearch
// (fluentd, fluent-bit, Logstash, rsyslog, Vector, Filebeat, the official
// clients), and from files on disk that it tails.
//
// It owns the part of Elasticsearch's HTTP API that such senders use, the
// tailing of files with its checkpoint, the mapping of the fields that people
// write onto those of a [llm.Log], and the recognition of lines that describe a
// request to a model, which become a Call besides their Log. It does not own
// what becomes of the records: that is behind [Sink]. OTLP logs are not its
// business either.
//
// [NewElasticsearch] gives an http.Handler; [Match] and [WantsElasticsearch] say
// which requests of a shared listener belong to it. [NewTailer] gives a [Tailer].
//
// # Invariants
//
//   - A line is acknowledged to its sender, or passed over in a file's
//     checkpoint, only after Sink.Submit returned nil for it.
//   - A document with an `_id`, and every line of a file, has the same record id
//     each time that it is read, so that what is sent twice is stored once.
//   - A bad line costs itself alone.
//   - Bodies, lines, documents, attributes, open files and remembered positions
//     are bounded; where a bound bites, the answer or a counter says so.
//   - Credentials of senders are neither checked nor kept.
//
// # Format on disk
//
// The tailer keeps its positions in logs-checkpoint.json in the data directory, a
// JSON object {"version":1,"files":[...]} that is replaced as a whole by rename.
package logs
