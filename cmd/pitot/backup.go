package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/api"
	"github.com/pitot-dev/pitot/internal/backup"
	"github.com/pitot-dev/pitot/internal/blob"
	"github.com/pitot-dev/pitot/internal/journal"
	"github.com/pitot-dev/pitot/internal/tier"
)

type backupCmd struct {
	Create backupCreateCmd `cmd:"" default:"withargs" help:"Make a backup; the default. The server may run meanwhile."`
	List   backupListCmd   `cmd:"" help:"List the backups of a place."`
	Verify backupVerifyCmd `cmd:"" help:"Read a backup and compare all checksums."`
	Prune  backupPruneCmd  `cmd:"" help:"Remove all backups but the newest ones."`
}

// place is where backups are.
type place struct {
	Place    string `arg:"" name:"place" help:"Directory, or s3://BUCKET/PREFIX with credentials from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and so on." placeholder:"DIR|s3://…"`
	Endpoint string `name:"s3-endpoint" help:"Address of object storage other than Amazon's, such as https://minio.example.com:9000." env:"AWS_ENDPOINT_URL_S3" placeholder:"URL"`
	Region   string `name:"s3-region" help:"Region of the bucket." env:"AWS_REGION" placeholder:"REGION"`
}

func (p *place) open(ctx context.Context, create bool) (*backup.Repository, error) {
	store, err := blob.Open(p.Place, blob.S3{Endpoint: p.Endpoint, Region: p.Region})
	if err != nil {
		return nil, usageError{err}
	}
	return backup.Open(ctx, store, create)
}

type backupCreateCmd struct {
	place
	remote
	Data string `help:"Data directory of a server that does not run; by default the running server is asked." type:"path" placeholder:"DIR"`
	JSON bool   `name:"json" help:"Print JSON."`
}

// Run makes a backup.
func (c *backupCreateCmd) Run(ctx context.Context, s *streams) error {
	repo, err := c.open(ctx, true)
	if err != nil {
		return err
	}
	begun := time.Now()
	var m *backup.Manifest
	held := 0.0
	if c.Data != "" {
		m, err = c.offline(ctx, repo)
	} else {
		m, held, err = c.online(ctx, repo, s.err)
	}
	if err != nil {
		return err
	}
	if c.JSON {
		short := *m
		short.Files = nil
		return printJSON(s.out, short)
	}
	fmt.Fprintf(s.out, "backup %s: %d files, %s; %d files, %s were new; took %s", m.ID, len(m.Files), megabytes(m.Bytes), m.Added, megabytes(m.AddedBytes), time.Since(begun).Round(time.Millisecond))
	if c.Data == "" {
		fmt.Fprintf(s.out, "; the event store was held for %.0f ms, the gateway never", held*1000)
	}
	fmt.Fprintln(s.out)
	return nil
}

// online copies a snapshot that the running server makes.
func (c *backupCreateCmd) online(ctx context.Context, repo *backup.Repository, warn io.Writer) (_ *backup.Manifest, held float64, err error) {
	var snap api.SnapshotReport
	if err := c.postJSON(ctx, "/api/pitot/v1/admin/snapshots", nil, &snap); err != nil {
		return nil, 0, err
	}
	defer func() {
		// Also where ctx has ended: it takes disk space.
		resp, rerr := c.send(context.WithoutCancel(ctx), http.MethodDelete, "/api/pitot/v1/admin/snapshots/"+url.PathEscape(snap.ID), nil, nil)
		if rerr != nil {
			fmt.Fprintf(warn, "pitot: the snapshot %s was not removed and goes by itself at %s: %v\n", snap.Dir, snap.Expires.Format(time.RFC3339), rerr)
			return
		}
		resp.Body.Close()
	}()
	if _, err := os.Stat(snap.Dir); err != nil {
		return nil, 0, fmt.Errorf("the server's snapshot is in %s, which cannot be read from here: run `pitot backup` on the server's machine, as its user: %w", snap.Dir, err)
	}
	m, err := repo.Create(ctx, backup.Source{Dir: snap.Dir, Name: snap.DataDir, Pitot: snap.Version}, nil)
	return m, snap.HeldSeconds, err
}

// offline copies the data directory of a server that does not run.
func (c *backupCreateCmd) offline(ctx context.Context, repo *backup.Repository) (*backup.Manifest, error) {
	if err := notInUse(c.Data); err != nil {
		return nil, err
	}
	if _, err := os.Stat(filepath.Join(c.Data, "journal")); err != nil {
		return nil, fmt.Errorf("%s is no data directory of Pitot: %w", c.Data, err)
	}
	return repo.Create(ctx, backup.Source{Dir: c.Data, Name: c.Data, Pitot: resolveVersion(), Skip: skipOffline}, nil)
}

// skipOffline leaves out what belongs to a running process, and what says of the
// present days which of them are whole: when the backup is restored, a cold copy
// may have more.
func skipOffline(name string) bool {
	switch name {
	case "snapshots", "cold/cache", "journal/lock", "journal/repair.tmp", "events/flock.lock", "events/tier.json", "metrics/lock", "metrics/queries.active":
		return true
	}
	return strings.HasPrefix(path.Base(name), ".")
}

func notInUse(data string) error {
	used, err := journal.InUse(filepath.Join(data, "journal"))
	if err != nil {
		return err
	}
	if used {
		return fmt.Errorf("a server runs on %s: leave --data out to back up the running server, or stop it", data)
	}
	return nil
}

func megabytes(n int64) string { return fmt.Sprintf("%.1f MB", float64(n)/1e6) }

type backupListCmd struct {
	place
	JSON bool `name:"json" help:"Print JSON."`
}

// Run lists backups.
func (c *backupListCmd) Run(ctx context.Context, s *streams) error {
	repo, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	ids, err := repo.IDs(ctx)
	if err != nil {
		return err
	}
	widths := []int{22, -8, -12, -8, -12, 20}
	if !c.JSON {
		row(s.out, widths, "BACKUP", "FILES", "SIZE", "NEW", "NEW SIZE", "BY")
	}
	for _, id := range ids {
		m, err := repo.Manifest(ctx, id)
		if err != nil {
			fmt.Fprintln(s.err, "pitot:", err)
			continue
		}
		if c.JSON {
			m.Files = nil
			if err := json.NewEncoder(s.out).Encode(m); err != nil {
				return err
			}
			continue
		}
		row(s.out, widths, id, strconv.Itoa(len(m.Files)), megabytes(m.Bytes), strconv.Itoa(m.Added), megabytes(m.AddedBytes), clean(m.Pitot, 20))
	}
	return nil
}

type backupVerifyCmd struct {
	place
	ID  string `name:"id" help:"The backup; by default the newest." placeholder:"ID"`
	All bool   `help:"Verify all backups of the place."`
	// Cold days can be many gigabytes over a network.
	SkipCold bool `help:"Leave out the days in cold storage that the backup refers to."`
}

// Run verifies backups.
func (c *backupVerifyCmd) Run(ctx context.Context, s *streams) error {
	repo, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	ids := []string{c.ID}
	if c.All {
		if ids, err = repo.IDs(ctx); err != nil {
			return err
		}
	}
	bad := 0
	cold := &tier.Checker{}
	for _, id := range ids {
		m, err := repo.Manifest(ctx, id)
		if err != nil {
			return err
		}
		faults, err := repo.Verify(ctx, m, nil)
		if err != nil {
			return err
		}
		days, err := c.cold(ctx, repo, m, cold, s)
		if err != nil {
			return err
		}
		faults = append(faults, days.Faults...)
		for _, f := range faults {
			fmt.Fprintln(s.err, clean(f, 500))
		}
		if bad += len(faults); len(faults) == 0 {
			fmt.Fprintf(s.out, "backup %s is whole: %d files, %s", m.ID, len(m.Files), megabytes(m.Bytes))
			if days.Days > 0 {
				fmt.Fprintf(s.out, "; %d days in cold storage, %s", days.Days, megabytes(days.Bytes))
			}
			fmt.Fprintln(s.out)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%d files are damaged; an older backup may be whole (--all), and the next backup stores what is missing again", bad)
	}
	return nil
}

// cold checks the days in cold storage that a backup refers to.
func (c *backupVerifyCmd) cold(ctx context.Context, repo *backup.Repository, m *backup.Manifest, k *tier.Checker, s *streams) (tier.Checked, error) {
	ref, err := repo.ReadFile(ctx, m, tier.ReferencePath)
	if errors.Is(err, fs.ErrNotExist) || c.SkipCold {
		return tier.Checked{}, nil
	}
	if err != nil {
		return tier.Checked{Faults: []string{err.Error()}}, nil //nolint:nilerr // a fault of the backup
	}
	found, err := k.Check(ctx, ref, func(path string) ([]byte, error) { return repo.ReadFile(ctx, m, path) })
	for _, n := range found.Notes {
		fmt.Fprintln(s.out, clean(n, 500))
	}
	return found, err
}

type backupPruneCmd struct {
	place
	Keep int `help:"How many of the newest backups stay." required:"" placeholder:"N"`
}

// Run removes old backups.
func (c *backupPruneCmd) Run(ctx context.Context, s *streams) error {
	repo, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	p, err := repo.Prune(ctx, c.Keep)
	if err != nil {
		return err
	}
	fmt.Fprintf(s.out, "removed %d backups and %d files, %s\n", len(p.Backups), p.Objects, megabytes(p.Bytes))
	return nil
}

type restoreCmd struct {
	place
	ID    string `name:"id" help:"The backup; by default the newest." placeholder:"ID"`
	Data  string `help:"Data directory to restore into; it must be empty or not exist." type:"path" default:"pitot-data" env:"PITOT_DATA"`
	Force bool   `help:"Move what is in the data directory aside first, to DIR.before-restore-TIME."`
}

// Run restores a backup.
func (c *restoreCmd) Run(ctx context.Context, s *streams) error {
	repo, err := c.open(ctx, false)
	if err != nil {
		return err
	}
	m, err := repo.Manifest(ctx, c.ID)
	if err != nil {
		return err
	}
	if err := notInUse(c.Data); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("%w; a restore needs it stopped", err)
	}
	if c.Force {
		aside := strings.TrimRight(c.Data, string(filepath.Separator)) + ".before-restore-" + time.Now().UTC().Format("20060102T150405Z")
		switch err := os.Rename(c.Data, aside); {
		case err == nil:
			fmt.Fprintln(s.err, "what was there is now in", aside)
		case !errors.Is(err, os.ErrNotExist):
			return err
		}
	}
	begun := time.Now()
	if err := repo.Restore(ctx, m, c.Data, nil); err != nil {
		return err
	}
	fmt.Fprintf(s.out, "restored backup %s into %s: %d files, %s, all checksums right, in %s\n", m.ID, c.Data, len(m.Files), megabytes(m.Bytes), time.Since(begun).Round(time.Millisecond))
	return nil
}
