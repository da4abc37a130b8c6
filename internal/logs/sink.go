package logs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Sink takes records. It is called from many goroutines.
type Sink interface {
	// Submit takes the records and their ownership, and returns nil when they are
	// durable. An error with the methods `RetryAfter() time.Duration` and
	// `Retryable() bool`, the latter true, asks for all of them again later.
	Submit(ctx context.Context, recs []llm.Record) error
}

// Options are what [NewElasticsearch] and [NewTailer] need.
type Options struct {
	Config Config
	Sink   Sink
	// Resource is added to the resource of each record where it is absent:
	// what [EnvResource] found. The name of Pitot's own pod goes only to lines of
	// files, since documents come from other pods.
	Resource map[string]string
	// DataDir is where the tailer keeps its positions.
	DataDir string
	// Metrics count what happens; nil counts into nothing that anybody sees.
	Metrics *Metrics
	Log     *slog.Logger     // nil logs nothing
	Now     func() time.Time // nil is time.Now
}

func (o Options) withDefaults() Options {
	o.Config = o.Config.withDefaults()
	if o.Metrics == nil {
		o.Metrics = NewMetrics()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// retryable is what errors of a sink implement that ask for the records again.
type retryable interface {
	error
	RetryAfter() time.Duration
	Retryable() bool
}

// retryAfter reports whether err asks for the records again, and when.
func retryAfter(err error) (time.Duration, bool) {
	r, ok := errors.AsType[retryable](err)
	if !ok || !r.Retryable() {
		return 0, false
	}
	return max(r.RetryAfter(), 0), true
}
