package gateway

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/common/model"
)

const (
	// keyCommandTime bounds one run of a command that prints a provider's key, and
	// maxKeyOutput what it prints.
	keyCommandTime = 10 * time.Second
	maxKeyOutput   = 16 << 10
	// defaultKeyRefresh is how often it runs, retryKey how soon again while there is
	// no key at all.
	defaultKeyRefresh = 5 * time.Minute
	minKeyRefresh     = time.Second
	retryKey          = 5 * time.Second
)

// runKeyCommand runs a command, without a shell, and returns the key that it
// prints. Errors hold nothing of what it printed, on either stream: it may be the
// key, or half of it.
func runKeyCommand(ctx context.Context, command []string, limit time.Duration) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	out := &cappedBuffer{left: maxKeyOutput}
	c := exec.CommandContext(ctx, command[0], command[1:]...) //nolint:gosec // the operator's own
	c.Stdout = out
	c.WaitDelay = time.Second // for children of its own that keep the pipe
	err := c.Run()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("it ran for more than %v and was ended", limit)
	case out.over:
		return "", fmt.Errorf("it printed more than %d bytes", maxKeyOutput)
	case err != nil:
		return "", err
	}
	key := bytes.TrimSpace(out.b)
	if len(key) == 0 {
		return "", errors.New("it printed nothing")
	}
	if slices.ContainsFunc(key, func(b byte) bool { return b <= ' ' || b >= 0x7f }) {
		return "", errors.New("what it printed is no key: it has spaces, several lines or characters that no header may have")
	}
	return string(key), nil
}

// cappedBuffer keeps the beginning of what is written and takes the rest, so that
// the command does not wait.
type cappedBuffer struct {
	b    []byte
	left int
	over bool
}

func (c *cappedBuffer) Write(p []byte) (int, error) {
	n := min(len(p), c.left)
	c.b, c.left, c.over = append(c.b, p[:n]...), c.left-n, c.over || n < len(p)
	return len(p), nil
}

// keyRefresher keeps the key of an upstream that a command prints.
type keyRefresher struct {
	u       *upstream
	every   time.Duration
	limit   time.Duration
	log     *slog.Logger
	metrics *gatewayMetrics
}

// refresh gets the key anew and says whether that worked. What there was stays
// where it did not.
func (k *keyRefresher) refresh(ctx context.Context) bool {
	key, err := runKeyCommand(ctx, k.u.cfg.APIKeyCommand, k.limit)
	if ctx.Err() != nil {
		return false // closed meanwhile
	}
	if err != nil {
		k.metrics.keyRefreshes.WithLabelValues(k.u.cfg.Name, "failed").Inc()
		k.log.Warn("the command for a provider's key failed", "upstream", k.u.cfg.Name, "program", k.u.cfg.APIKeyCommand[0], "err", err, "old_key_kept", k.u.cred.Load().header != "")
		return false
	}
	c := credentialOf(k.u.cfg.Dialect, key)
	k.u.cred.Store(&c)
	k.metrics.keyRefreshes.WithLabelValues(k.u.cfg.Name, "ok").Inc()
	return true
}

func (k *keyRefresher) run(ctx context.Context) {
	for {
		wait := k.every
		if k.u.cred.Load().header == "" {
			wait = min(wait, retryKey)
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
			k.refresh(ctx)
		case <-ctx.Done():
			t.Stop()
			return
		}
	}
}

// startKeys gets the keys that commands print, all at once, and keeps them fresh
// until the table is closed. Those that old has of the same commands are used
// where a command fails now.
func (t *table) startKeys(old *table, limit time.Duration, log *slog.Logger, m *gatewayMetrics) {
	ctx, cancel := context.WithCancel(context.Background())
	t.stop = cancel
	var first sync.WaitGroup
	for _, name := range t.names {
		u := t.upstreams[name]
		if len(u.cfg.APIKeyCommand) == 0 {
			continue
		}
		if old != nil {
			if was := old.upstreams[name]; was != nil && slices.Equal(was.cfg.APIKeyCommand, u.cfg.APIKeyCommand) && was.cfg.Dialect == u.cfg.Dialect {
				u.cred.Store(was.cred.Load())
			}
		}
		k := &keyRefresher{u: u, every: time.Duration(cmp.Or(u.cfg.APIKeyRefresh, model.Duration(defaultKeyRefresh))), limit: limit, log: log, metrics: m}
		first.Go(func() { k.refresh(ctx) })
		t.refreshers = append(t.refreshers, k)
	}
	first.Wait()
	for _, k := range t.refreshers {
		t.running.Go(func() { k.run(ctx) })
	}
}

// close ends what keeps keys fresh and the idle connections.
func (t *table) close() {
	t.stop()
	t.running.Wait()
	for _, u := range t.upstreams {
		u.close()
	}
}
