package auth

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Entry is one line of the audit log: who did what, when and from where.
type Entry struct {
	Time   time.Time `json:"time"`
	Action string    `json:"action"` // content, change, login, logout, denied, ...
	Who    string    `json:"who,omitempty"`
	Kind   string    `json:"kind,omitempty"` // user, key or open
	KeyID  string    `json:"key_id,omitempty"`
	Tenant string    `json:"tenant,omitempty"`
	From   string    `json:"from,omitempty"` // address
	Method string    `json:"method,omitempty"`
	Path   string    `json:"path,omitempty"`
	Query  string    `json:"query,omitempty"` // parameters of the request
	Status int       `json:"status,omitempty"`
	Detail string    `json:"detail,omitempty"`
}

// The actions of entries.
const (
	ActionContent = "content" // content could be seen in the answer
	ActionChange  = "change"
	ActionLogin   = "login"
	ActionRefused = "login_refused"
	ActionLogout  = "logout"
	ActionDenied  = "denied"
	ActionKeyMade = "key_created"
	ActionKeyGone = "key_revoked"
)

const (
	auditName = "audit"
	// minAuditSize is the least size of the log, auditFiles the files it has.
	minAuditSize     = 1 << 20
	defaultAuditSize = 128 << 20
	auditFiles       = 8
	// maxAuditField bounds a text in an entry.
	maxAuditField = 1024
	// strangersName and strangersFiles are those of what nobody was recognised for.
	strangersName  = "strangers"
	strangersFiles = 2
)

// Audit is the audit log: JSON lines in audit/audit.jsonl of the data directory,
// the older ones in audit.1.jsonl and so on. What those do who were not recognised
// is in files of its own, strangers.jsonl: nobody who is at the door can make so
// many entries that those of the people inside go.
type Audit struct {
	dir string
	log *slog.Logger
	now func() time.Time

	written *prometheus.CounterVec

	mu        sync.Mutex
	cfg       AuditConfig
	own       ring
	strangers ring
	down      bool // cannot be written; logged once
}

// ring are files of which the oldest goes.
type ring struct {
	dir, name string
	files     int
	f         *os.File
	size      int64
}

// OpenAudit opens the log in a data directory.
func OpenAudit(dir string, cfg AuditConfig, logger *slog.Logger, now func() time.Time) (*Audit, error) {
	a := &Audit{dir: filepath.Join(dir, auditName), cfg: cfg, log: logger, now: now}
	a.own, a.strangers = ring{dir: a.dir, name: auditName, files: auditFiles}, ring{dir: a.dir, name: strangersName, files: strangersFiles}
	a.written = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "pitot_audit_entries_total", Help: "Entries of the audit log, by whether they were written.",
	}, []string{"result"})
	for _, r := range []string{"ok", "failed"} {
		a.written.WithLabelValues(r)
	}
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	if err := a.own.open(); err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	return a, nil
}

// Collector counts the entries.
func (a *Audit) Collector() prometheus.Collector { return a.written }

func (a *ring) path(n int) string {
	if n == 0 {
		return filepath.Join(a.dir, a.name+".jsonl")
	}
	return filepath.Join(a.dir, a.name+"."+strconv.Itoa(n)+".jsonl")
}

// open opens the newest file. A line that a crash has cut is ended, so that the
// next one is whole.
func (a *ring) open() error {
	f, err := os.OpenFile(a.path(0), os.O_CREATE|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size > 0 {
		var last [1]byte
		if _, err = f.ReadAt(last[:], size-1); err == nil && last[0] != '\n' {
			_, err = f.WriteString("\n")
			size++
		}
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	a.f, a.size = f, size
	return nil
}

func (a *Audit) fileSize() int64 {
	return cmp.Or(int64(a.cfg.MaxSize), defaultAuditSize) / (auditFiles + strangersFiles)
}

// Configure takes over what can change while the server runs.
func (a *Audit) Configure(cfg AuditConfig) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.cfg = cfg
}

// Write adds an entry. Where the disk does not take it, that is logged and
// counted, and what it is about goes on: a full disk must not lock out those who
// would empty it.
func (a *Audit) Write(e Entry) {
	if a == nil {
		return
	}
	e.Time = a.now().UTC()
	for _, s := range []*string{&e.Who, &e.KeyID, &e.Tenant, &e.From, &e.Method, &e.Path, &e.Query, &e.Detail} {
		if len(*s) > maxAuditField {
			*s = (*s)[:maxAuditField] + "…"
		}
	}
	line, err := json.Marshal(e)
	if err != nil {
		return // texts and numbers always encode
	}
	line = append(line, '\n')
	a.mu.Lock()
	defer a.mu.Unlock()
	to := &a.own
	if e.Action == ActionRefused || e.Who == "" && e.KeyID == "" {
		to = &a.strangers
	}
	if err := to.append(line, a.fileSize()); err != nil {
		a.written.WithLabelValues("failed").Inc()
		if !a.down {
			a.down = true
			a.log.Error("the audit log cannot be written", "err", err)
		}
	} else {
		a.written.WithLabelValues("ok").Inc()
		a.down = false
	}
	if a.cfg.Log {
		a.log.Info("audit", "action", e.Action, "who", e.Who, "kind", e.Kind, "key_id", e.KeyID, "tenant", e.Tenant, "from", e.From, "method", e.Method, "path", e.Path, "query", e.Query, "status", e.Status, "detail", e.Detail)
	}
}

// append writes a line, in a new file where the old one is full.
func (a *ring) append(line []byte, fileSize int64) error {
	if a.f == nil {
		if err := a.open(); err != nil {
			return err
		}
	}
	if a.size > 0 && a.size+int64(len(line)) > fileSize {
		if err := a.rotate(); err != nil {
			return err
		}
	}
	n, err := a.f.Write(line)
	a.size += int64(n)
	return err
}

// rotate renames the files, the oldest goes.
func (a *ring) rotate() error {
	err := a.f.Close()
	a.f = nil
	if err != nil {
		return err
	}
	for n := a.files - 1; n > 0; n-- {
		if err := os.Rename(a.path(n-1), a.path(n)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return a.open()
}

// AuditQuery selects entries.
type AuditQuery struct {
	Start, End time.Time
	Action     string
	Who        string
	Tenant     string
	AllTenants bool
	Limit      int
}

// Read returns the newest entries that match, newest first.
func (a *Audit) Read(q AuditQuery) ([]Entry, error) {
	out, err := a.own.read(&q)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	others, err := a.strangers.read(&q)
	if err != nil {
		return nil, fmt.Errorf("audit log: %w", err)
	}
	if len(others) > 0 {
		out = append(out, others...)
		slices.SortStableFunc(out, func(a, b Entry) int { return b.Time.Compare(a.Time) })
	}
	return out[:min(len(out), q.Limit)], nil
}

// read returns the newest entries that match, newest first, and at most as many as
// are asked for.
func (a *ring) read(q *AuditQuery) ([]Entry, error) {
	var out []Entry
	for n := range a.files {
		b, err := os.ReadFile(a.path(n))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		own := matching(b, q)
		slices.Reverse(own)
		out = append(out, own...)
		if len(out) >= q.Limit {
			return out[:q.Limit], nil
		}
	}
	return out, nil
}

func matching(b []byte, q *AuditQuery) []Entry {
	var out []Entry
	for line := range bytes.Lines(b) {
		var e Entry
		if json.Unmarshal(line, &e) != nil {
			continue // cut by a crash
		}
		switch {
		case !q.Start.IsZero() && e.Time.Before(q.Start), !q.End.IsZero() && !e.Time.Before(q.End),
			q.Action != "" && q.Action != e.Action, q.Who != "" && q.Who != e.Who, !q.AllTenants && q.Tenant != e.Tenant:
			continue
		}
		out = append(out, e)
	}
	return out
}

// Close closes the files.
func (a *Audit) Close() error {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return errors.Join(a.own.close(), a.strangers.close())
}

func (a *ring) close() error {
	if a.f == nil {
		return nil
	}
	err := a.f.Close()
	a.f = nil
	return err
}
