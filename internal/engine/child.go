package engine

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/VictoriaLogs/app/vlinsert"
	"github.com/VictoriaMetrics/VictoriaLogs/app/vlinsert/insertutil"
	"github.com/VictoriaMetrics/VictoriaLogs/app/vlselect"
	"github.com/VictoriaMetrics/VictoriaLogs/app/vlstorage"
	"github.com/VictoriaMetrics/VictoriaMetrics/lib/logger"
	"github.com/VictoriaMetrics/metrics"

	"github.com/pitot-dev/pitot/internal/engine/quiet"
)

// The engine's libraries have been initialised: see package quiet, which made
// them silent until here.
var _ = quiet.Restore()

// readyPrefix starts the line on stdout that tells the parent the address.
const readyPrefix = "pitot-engine-ready "

// Exit statuses of the child.
const (
	exitOK    = 0
	exitPanic = 2
	exitUsage = 64
)

// Main is the engine's child process. It reads its configuration from stdin,
// says its address on stdout, logs JSON lines to stderr and serves until stdin
// closes, which happens when the parent stops it or dies. It returns the
// status to exit with. Of all of Pitot only this process parses the flags that
// the engine's packages register.
func Main([]string) int {
	// The parent decides when to stop: it still has records to deliver while a
	// terminal's Ctrl-C or a service manager's SIGTERM reaches the whole group.
	signal.Ignore(os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)

	stdin := bufio.NewReader(os.Stdin)
	var cfg childConfig
	line, err := stdin.ReadBytes('\n')
	if err == nil {
		err = json.Unmarshal(line, &cfg)
	}
	if err != nil || cfg.Password == "" {
		fmt.Fprintln(os.Stderr, "without flags, pitot engine is started by `pitot serve`; to run a node of a cluster give it flags: see pitot engine --help")
		return exitUsage
	}
	if err := flag.CommandLine.Parse(cfg.flags()); err != nil {
		fmt.Fprintln(os.Stderr, "engine flags:", err)
		return exitUsage
	}
	stepBack()
	debug.SetMemoryLimit(cfg.Memory)
	logger.InitNoLogFlags()

	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		logger.Errorf("listen: %s", err)
		return exitPanic
	}
	if err := dropDeletions(cfg.Dir); err != nil {
		logger.Errorf("drop deletions: %s", err)
		return exitPanic
	}
	vlstorage.Init()
	vlselect.Init()
	insertutil.SetLogRowsStorage(&vlstorage.Storage{})
	vlinsert.Init()

	srv := &http.Server{
		Handler:           &childHandler{password: sha256.Sum256([]byte(cfg.Password))},
		ReadHeaderTimeout: 10 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          logger.StdErrorLogger(),
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(ln) }()
	fmt.Fprintln(os.Stdout, readyPrefix+ln.Addr().String())

	orphaned := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, stdin) // however it ends, the parent is gone or wants an end
		close(orphaned)
	}()
	status := exitOK
	select {
	case <-orphaned:
	case err := <-served:
		logger.Errorf("serve: %s", err)
		status = exitPanic
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := srv.Shutdown(ctx); errors.Is(err, context.DeadlineExceeded) {
		srv.Close() // a live tail does not end by itself
	}
	vlinsert.Stop()
	vlselect.Stop()
	vlstorage.Stop()
	return status
}

// dropDeletions forgets the deletions that a crash has cut. The engine would go on
// with them while it merges the files that it has just opened, which can end it
// (see package events); the parent knows of them and asks again.
func dropDeletions(dir string) error {
	err := os.Remove(filepath.Join(dir, "delete_tasks.json"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func (c *childConfig) flags() []string {
	return []string{
		"-loggerFormat=json",
		"-loggerDisableTimestamps",
		"-loggerMaxArgLen=300",
		"-storageDataPath=" + c.Dir,
		"-retentionPeriod=" + strconv.Itoa(c.RetentionDays) + "d",
		"-retention.maxDiskSpaceUsageBytes=" + strconv.FormatInt(c.MaxDisk, 10),
		"-storage.minFreeDiskSpaceBytes=" + strconv.FormatInt(c.MinFreeDisk, 10),
		"-inmemoryDataFlushInterval=" + FlushInterval.String(),
		"-memory.allowedBytes=" + strconv.FormatInt(c.Memory/2, 10),
		"-insert.maxLineSizeBytes=" + strconv.Itoa(MaxRowBytes+1<<20), // escapes make a line longer than its row
		"-insert.maxFieldsPerLine=" + strconv.Itoa(MaxFields),
		"-delete.enable",                  // only the parent reaches this API: see package data
		"-search.logSlowQueryDuration=0s", // a query may hold what a user searched for
	}
}

// childHandler lets the parent in and nobody else.
type childHandler struct{ password [sha256.Size]byte }

// endOnPanic ends the process on a panic, as the engine's code counts on;
// net/http would recover it and leave the storage in a state that nobody has
// thought of.
func endOnPanic() {
	if err := recover(); err != nil {
		buf := make([]byte, 64<<10)
		fmt.Fprintf(os.Stderr, "panic: %v\n\n%s", err, buf[:runtime.Stack(buf, false)])
		os.Exit(exitPanic)
	}
}

// ServeHTTP implements http.Handler.
func (h *childHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer endOnPanic()
	got := sha256.Sum256([]byte(strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")))
	if subtle.ConstantTimeCompare(got[:], h.password[:]) != 1 {
		http.Error(w, "this engine is private to its Pitot process", http.StatusUnauthorized)
		return
	}
	serveEngine(w, r)
}

// serveEngine answers what the engine answers.
func serveEngine(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/metrics":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		metrics.WritePrometheus(w, false)
	case vlinsert.RequestHandler(w, r), vlselect.RequestHandler(w, r), vlstorage.RequestHandler(w, r):
	default:
		http.NotFound(w, r)
	}
}
