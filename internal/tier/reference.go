package tier

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pitot-dev/pitot/internal/blob"
	"github.com/pitot-dev/pitot/internal/durable"
)

// ReferenceDir is where a data directory says which days are cold: a backup holds
// these words instead of the days, which are a copy already.
const ReferenceDir = "cold-days"

// referenceFile is in it, beside a copy of each day's manifest.
const referenceFile = "place.json"

// ReferencePath is the path of the reference below a data directory.
const ReferencePath = ReferenceDir + "/" + referenceFile

// Reference says where the cold days of a data directory are, and how to tell
// that they are whole.
type Reference struct {
	Version  int    `json:"version"`
	Location string `json:"location"`
	Endpoint string `json:"endpoint,omitempty"`
	Region   string `json:"region,omitempty"`
	// Days are by the day; their manifests name every file with its checksum.
	Days map[string]ReferenceDay `json:"days"`
}

// ReferenceDay is one cold day.
type ReferenceDay struct {
	Bytes    int64     `json:"bytes"`
	Manifest string    `json:"manifest"` // SHA-256 of the manifest, as it is stored
	Expires  time.Time `json:"expires"`  // when it is past its retention
}

const referenceVersion = 1

// ReferenceManifest is the path of the copy of a day's manifest.
func ReferenceManifest(day string) string { return ReferenceDir + "/" + day + ".manifest" }

// Hold keeps days where they are until release is called.
func (m *Manager) Hold() (release func()) {
	m.work.Lock()
	return m.work.Unlock
}

// Note writes to dir, a data directory, which days are cold. The caller holds the
// days.
func (m *Manager) Note(ctx context.Context, dir string) error {
	if err := m.refresh(ctx); err != nil {
		return err
	}
	return m.note(ctx, dir)
}

// noteChanges notes which days are cold where that has changed.
func (m *Manager) noteChanges(ctx context.Context) error {
	m.mu.Lock()
	var days []string
	for day := range m.days {
		days = append(days, day+m.movedAt[day].String())
	}
	slices.Sort(days)
	now, was := strings.Join(days, " "), m.noted
	m.mu.Unlock()
	if now == was {
		return nil
	}
	if err := m.note(ctx, m.opts.Data); err != nil {
		return err
	}
	m.mu.Lock()
	m.noted = now
	m.mu.Unlock()
	return nil
}

func (m *Manager) note(ctx context.Context, dir string) error {
	c := &m.opts.Config
	ref := Reference{Version: referenceVersion, Location: c.Location, Endpoint: c.Endpoint, Region: c.Region, Days: map[string]ReferenceDay{}}
	to := filepath.Join(dir, ReferenceDir)
	if err := os.MkdirAll(to, 0o700); err != nil {
		return fmt.Errorf("note cold days: %w", err)
	}
	m.mu.Lock()
	var days []string
	for day, n := range m.days {
		if n > 0 {
			days = append(days, day)
		}
	}
	m.mu.Unlock()
	slices.Sort(days)
	for _, day := range days {
		b, err := m.cold.raw(ctx, day)
		if err != nil {
			return err
		}
		man, err := decodeManifest(b)
		if err != nil {
			return fmt.Errorf("cold day %s: %w", day, err)
		}
		t, err := time.Parse(dayLayout, day)
		if err != nil {
			return fmt.Errorf("cold day %s: %w", day, err)
		}
		sum := sha256.Sum256(b)
		ref.Days[day] = ReferenceDay{
			Bytes: man.Bytes, Manifest: hex.EncodeToString(sum[:]), Expires: t.Add(24*time.Hour + m.opts.Hot + time.Duration(c.Retention)),
		}
		if err := durable.WriteFile(filepath.Join(dir, filepath.FromSlash(ReferenceManifest(day))), b); err != nil {
			return fmt.Errorf("note cold days: %w", err)
		}
	}
	b, err := json.Marshal(ref)
	if err == nil {
		err = durable.WriteFile(filepath.Join(to, referenceFile), b)
	}
	if err != nil {
		return fmt.Errorf("note cold days: %w", err)
	}
	return dropOld(to, ref.Days)
}

// dropOld removes the manifests of days that are not cold any more.
func dropOld(dir string, days map[string]ReferenceDay) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("note cold days: %w", err)
	}
	for _, e := range entries {
		day, ok := strings.CutSuffix(e.Name(), ".manifest")
		if _, known := days[day]; ok && !known {
			err = errors.Join(err, os.Remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}

// maxManifest bounds a manifest that is read, in bytes.
const maxManifest = 256 << 20

// raw is a manifest as it is stored.
func (c cold) raw(ctx context.Context, day string) ([]byte, error) {
	r, err := c.store.Get(ctx, manifestKey(day))
	if err != nil {
		return nil, err
	}
	defer r.Close()
	b, err := io.ReadAll(io.LimitReader(r, maxManifest))
	if err != nil {
		return nil, fmt.Errorf("cold day %s: %w", day, err)
	}
	return b, nil
}

// Checked is what Check found of the cold days of a backup.
type Checked struct {
	Days   int
	Bytes  int64
	Faults []string // what is missing or damaged
	Notes  []string // what is another than it was, for a reason
}

// Checker reads cold days that backups refer to, each once.
type Checker struct {
	done map[string]string // day and checksum of its manifest → fault
	Now  func() time.Time  // default time.Now
}

// Check compares every byte of the cold days that a reference names with the
// manifests that file returns by their path.
func (k *Checker) Check(ctx context.Context, b []byte, file func(path string) ([]byte, error)) (Checked, error) {
	var ref Reference
	if err := json.Unmarshal(b, &ref); err != nil {
		return Checked{}, fmt.Errorf("%s: %w", ReferencePath, err)
	}
	if ref.Version > referenceVersion {
		return Checked{}, fmt.Errorf("%s has version %d, this program reads %d: %w", ReferencePath, ref.Version, referenceVersion, errNewer)
	}
	if k.Now == nil {
		k.Now = time.Now
	}
	if k.done == nil {
		k.done = map[string]string{}
	}
	var out Checked
	if len(ref.Days) == 0 {
		return out, nil
	}
	store, err := blob.Open(ref.Location, blob.S3{Endpoint: ref.Endpoint, Region: ref.Region})
	if err != nil {
		return out, fmt.Errorf("cold storage: %w", err)
	}
	days := make([]string, 0, len(ref.Days))
	for day := range ref.Days {
		days = append(days, day)
	}
	slices.Sort(days)
	for _, day := range days {
		d := ref.Days[day]
		fault, note := k.day(ctx, cold{store}, day, d, file)
		if ctx.Err() != nil {
			return out, ctx.Err()
		}
		if fault != "" {
			out.Faults = append(out.Faults, "cold day "+day+" in "+store.String()+": "+fault)
			continue
		}
		if note != "" {
			out.Notes = append(out.Notes, "cold day "+day+" in "+store.String()+": "+note)
			continue
		}
		out.Days++
		out.Bytes += d.Bytes
	}
	return out, nil
}

// day checks one day.
func (k *Checker) day(ctx context.Context, c cold, day string, d ReferenceDay, file func(string) ([]byte, error)) (fault, note string) {
	want, err := file(ReferenceManifest(day))
	if err != nil {
		return err.Error(), ""
	}
	if sum := sha256.Sum256(want); hex.EncodeToString(sum[:]) != d.Manifest {
		return "the backup's copy of its manifest is another one", ""
	}
	have, err := c.raw(ctx, day)
	switch {
	case errors.Is(err, blob.ErrNotFound) && k.Now().After(d.Expires):
		return "", "it is past its retention, and gone"
	case errors.Is(err, blob.ErrNotFound):
		return "it is not there; a server that brought it back for an erasure or an age has it until it moves again", ""
	case err != nil:
		return err.Error(), ""
	}
	if !bytes.Equal(have, want) {
		note = "it was stored anew since the backup, after an erasure or an age"
		want = have
	}
	sum := sha256.Sum256(want)
	key := day + hex.EncodeToString(sum[:])
	fault, done := k.done[key]
	if !done {
		m, err := decodeManifest(want)
		if err == nil {
			err = c.verify(ctx, m)
		}
		if err != nil {
			fault = err.Error()
		}
		k.done[key] = fault
	}
	return fault, note
}
