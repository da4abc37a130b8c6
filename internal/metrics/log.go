package metrics

import (
	"context"
	"log/slog"
)

// demote logs what is at level info at level debug.
type demote struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h demote) Enabled(ctx context.Context, l slog.Level) bool {
	return h.Handler.Enabled(ctx, demoted(l))
}

// Handle implements slog.Handler.
func (h demote) Handle(ctx context.Context, r slog.Record) error {
	r.Level = demoted(r.Level)
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h demote) WithAttrs(a []slog.Attr) slog.Handler { return demote{h.Handler.WithAttrs(a)} }

// WithGroup implements slog.Handler.
func (h demote) WithGroup(name string) slog.Handler { return demote{h.Handler.WithGroup(name)} }

func demoted(l slog.Level) slog.Level {
	if l >= slog.LevelInfo && l < slog.LevelWarn {
		return slog.LevelDebug
	}
	return l
}
