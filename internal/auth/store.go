package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/durable"
)

// FileName is the name of the file of keys in the data directory.
const FileName = "auth.json"

// fileVersion is the version of its format.
const fileVersion = 1

const (
	// maxFile and maxKeys bound the file.
	maxFile = 16 << 20
	maxKeys = 10_000
	// lookEvery is how often at most the file is looked at for changes that another
	// process made: the time until a key that `pitot keys` revokes is refused.
	lookEvery = time.Second
	// lockWait is how long to wait for another process that writes, and lockStale
	// the age from which its lock is one of a process that has died.
	lockWait  = 5 * time.Second
	lockStale = 30 * time.Second
)

// file is the content of auth.json.
type file struct {
	Version int    `json:"version"`
	Keys    []*Key `json:"keys"`
}

// Store keeps the keys in a file that several processes may read and write: the
// server, and `pitot keys` beside it.
type Store struct {
	path string
	now  func() time.Time

	mu     sync.RWMutex
	keys   map[string]*Key // by id; the map and its keys are not changed
	stamp  stamp
	looked time.Time
	broken error // why the file on disk could not be taken over
	used   map[string]time.Time
	// declared are those of the configuration, by id.
	declared map[string]*Key
}

// stamp tells versions of the file apart.
type stamp struct {
	size int64
	mod  time.Time
}

// OpenStore reads the keys in a data directory; none where there is no file.
func OpenStore(dir string, now func() time.Time) (*Store, error) {
	s := &Store{path: filepath.Join(dir, FileName), now: now, used: map[string]time.Time{}}
	keys, st, err := s.read()
	if err != nil {
		return nil, err
	}
	s.keys, s.stamp, s.looked = keys, st, now()
	return s, nil
}

func (s *Store) read() (map[string]*Key, stamp, error) {
	info, err := os.Stat(s.path)
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]*Key{}, stamp{}, nil
	}
	if err != nil {
		return nil, stamp{}, fmt.Errorf("read keys: %w", err)
	}
	if info.Size() > maxFile {
		return nil, stamp{}, fmt.Errorf("read keys: %s has %d bytes: it is some other file", s.path, info.Size())
	}
	b, err := os.ReadFile(s.path)
	if err != nil {
		return nil, stamp{}, fmt.Errorf("read keys: %w", err)
	}
	keys, err := parseFile(b)
	if err != nil {
		return nil, stamp{}, fmt.Errorf("read keys: %s: %w", s.path, err)
	}
	return keys, stamp{info.Size(), info.ModTime()}, nil
}

func parseFile(b []byte) (map[string]*Key, error) {
	var f file
	dec := json.NewDecoder(bytes.NewReader(b))
	if err := dec.Decode(&f); err != nil {
		return nil, fmt.Errorf("not the keys of Pitot: %w", err)
	}
	if f.Version != fileVersion {
		return nil, fmt.Errorf("the format has version %d: this Pitot reads version %d", f.Version, fileVersion)
	}
	if len(f.Keys) > maxKeys {
		return nil, fmt.Errorf("%d keys: at most %d are possible", len(f.Keys), maxKeys)
	}
	keys := make(map[string]*Key, len(f.Keys))
	for i, k := range f.Keys {
		switch {
		case k == nil || len(k.ID) != keyIDLength || len(k.Hash) != 64:
			return nil, fmt.Errorf("keys[%d] is not whole", i)
		case keys[k.ID] != nil:
			return nil, fmt.Errorf("keys[%d]: the id %s is there twice", i, k.ID)
		}
		keys[k.ID] = k
	}
	return keys, nil
}

// look takes over what another process wrote. A file that cannot be read changes
// nothing: a broken one must neither lock everybody out nor bring keys back.
func (s *Store) look() {
	now := s.now()
	s.mu.RLock()
	due := now.Sub(s.looked) >= lookEvery || now.Before(s.looked)
	s.mu.RUnlock()
	if !due {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.looked = now
	info, err := os.Stat(s.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.stamp == stamp{}:
		return
	case err == nil && (s.stamp == stamp{info.Size(), info.ModTime()}):
		return
	}
	keys, st, err := s.read()
	if s.broken = err; err == nil {
		s.keys, s.stamp = keys, st
	}
}

// Broken says why the file on disk is not in force; nil where it is.
func (s *Store) Broken() error {
	s.look()
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.broken
}

// Lookup returns the key that a text is; nil where it is none that may be used.
func (s *Store) Lookup(text string) *Key {
	id, secret, ok := splitKey(text)
	if !ok {
		return nil
	}
	s.look()
	s.mu.RLock()
	k := s.find(id)
	s.mu.RUnlock()
	now := s.now()
	if k == nil || !k.valid(secret, now) {
		return nil
	}
	s.use(id, now)
	return k
}

// same returns a key as it is now, where it may still be used.
func (s *Store) same(k *Key) *Key {
	s.look()
	s.mu.RLock()
	now := s.find(k.ID)
	s.mu.RUnlock()
	if now == nil || now.Hash != k.Hash || !now.Active(s.now()) {
		return nil
	}
	return now
}

// usedEvery is how exact the time of last use is.
const usedEvery = time.Minute

func (s *Store) use(id string, now time.Time) {
	s.mu.RLock()
	last := s.used[id]
	s.mu.RUnlock()
	if now.Sub(last) < usedEvery {
		return
	}
	s.mu.Lock()
	s.used[id] = now.UTC().Truncate(time.Second)
	s.mu.Unlock()
}

// Declare makes the keys of the configuration the only declared ones.
func (s *Store) Declare(keys []*Key) {
	m := make(map[string]*Key, len(keys))
	for _, k := range keys {
		m[k.ID] = k
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.declared = m
}

// find returns a key by its id. One in the file comes before a declared one: it
// may be revoked. s.mu is held.
func (s *Store) find(id string) *Key {
	if k := s.keys[id]; k != nil {
		return k
	}
	return s.declared[id]
}

// Info is a key as it is shown.
type Info struct {
	Key
	// Declared says that the key is one of the configuration's.
	Declared bool `json:"declared,omitempty"`
	// State is active, expired or revoked.
	State string `json:"state"`
	// LastUsed is when it was used last since the server's start, to the minute.
	LastUsed time.Time `json:"last_used,omitzero"`
}

// MarshalJSON writes all in one object.
func (i Info) MarshalJSON() ([]byte, error) {
	type plain Key
	return marshal(struct {
		plain
		Hash     string    `json:"hash,omitempty"`
		Declared bool      `json:"declared,omitempty"`
		State    string    `json:"state"`
		LastUsed time.Time `json:"last_used,omitzero"`
	}{plain(i.Key), "", i.Declared, i.State, i.LastUsed})
}

// List returns all keys, the newest first.
func (s *Store) List() []Info {
	s.look()
	now := s.now()
	s.mu.RLock()
	defer s.mu.RUnlock()
	out := make([]Info, 0, len(s.keys))
	for id, k := range s.keys {
		out = append(out, s.info(k, s.used[id], now))
	}
	for id, k := range s.declared {
		if s.keys[id] == nil {
			out = append(out, s.info(k, s.used[id], now))
		}
	}
	slices.SortFunc(out, func(a, b Info) int {
		if c := b.Created.Compare(a.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	return out
}

func (*Store) info(k *Key, used, now time.Time) Info {
	i := Info{Key: k.Shown(), Declared: k.declared, State: "active", LastUsed: used}
	switch {
	case !k.Revoked.IsZero():
		i.State = "revoked"
	case !k.Active(now):
		i.State = "expired"
	}
	return i
}

// Get returns a key by its id.
func (s *Store) Get(id string) (Info, error) {
	s.look()
	s.mu.RLock()
	defer s.mu.RUnlock()
	k := s.find(id)
	if k == nil {
		return Info{}, ErrNoKey
	}
	return s.info(k, s.used[id], s.now()), nil
}

// Create makes a key and returns it, and its secret, which nobody can show
// again.
func (s *Store) Create(n NewKey, creator string) (info Info, secret string, err error) {
	if err := n.Check(s.now()); err != nil {
		return Info{}, "", err
	}
	var k *Key
	err = s.change(func(keys map[string]*Key) error {
		if len(keys) >= maxKeys {
			return refuse("there are %d keys: delete the data of old ones first", len(keys))
		}
		for k == nil || keys[k.ID] != nil {
			k, secret = n.make(creator, s.now())
		}
		keys[k.ID] = k
		return nil
	})
	if err != nil {
		return Info{}, "", err
	}
	return s.info(k, time.Time{}, s.now()), secret, nil
}

// keepRevoked is how long a revoked key stays in the list.
const keepRevoked = 90 * 24 * time.Hour

// Revoke ends a key for ever. Revoking it again changes nothing.
func (s *Store) Revoke(id string) (Info, error) {
	var out *Key
	err := s.change(func(keys map[string]*Key) error {
		k := keys[id]
		switch {
		case k == nil && s.declared[id] != nil:
			return refuse("the key %s is declared in the configuration: take it out of auth.keys and reload", id)
		case k == nil:
			return ErrNoKey
		}
		now := s.now().UTC().Truncate(time.Second)
		for other, o := range keys {
			if !o.Revoked.IsZero() && now.Sub(o.Revoked) > keepRevoked {
				delete(keys, other)
			}
		}
		c := *k
		if c.Revoked.IsZero() {
			c.Revoked = now
		}
		keys[id] = &c
		out = &c
		return nil
	})
	if err != nil {
		return Info{}, err
	}
	return s.info(out, time.Time{}, s.now()), nil
}

// change reads the file, changes it and writes it, while no other process does.
func (s *Store) change(f func(map[string]*Key) error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.MkdirAll(filepath.Dir(s.path), 0o700); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	unlock, err := lockFile(s.path + ".lock")
	if err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	defer unlock()
	keys, _, err := s.read()
	if err != nil {
		return err
	}
	if err := f(keys); err != nil {
		return err
	}
	if err := writeFile(s.path, keys); err != nil {
		return fmt.Errorf("write keys: %w", err)
	}
	s.keys, s.broken, s.looked = keys, nil, s.now()
	if info, err := os.Stat(s.path); err == nil {
		s.stamp = stamp{info.Size(), info.ModTime()}
	}
	return nil
}

// writeFile replaces the file as a whole: after a crash it is the old or the
// new one.
func writeFile(path string, keys map[string]*Key) error {
	f := file{Version: fileVersion, Keys: make([]*Key, 0, len(keys))}
	for _, k := range keys {
		f.Keys = append(f.Keys, k)
	}
	slices.SortFunc(f.Keys, func(a, b *Key) int {
		if c := a.Created.Compare(b.Created); c != 0 {
			return c
		}
		return strings.Compare(a.ID, b.ID)
	})
	b, err := json.MarshalIndent(f, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(b, '\n'))
}

// lockFile keeps other processes from writing until unlock is called.
func lockFile(path string) (unlock func(), err error) {
	until := time.Now().Add(lockWait)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
		if err == nil {
			_ = f.Close()
			return func() { _ = os.Remove(path) }, nil
		}
		if !errors.Is(err, fs.ErrExist) {
			return nil, err
		}
		if info, err := os.Stat(path); err == nil && time.Since(info.ModTime()) > lockStale {
			_ = os.Remove(path) // of a process that has died
			continue
		}
		if time.Now().After(until) {
			return nil, fmt.Errorf("another process holds %s: try again", path)
		}
		<-time.After(20 * time.Millisecond)
	}
}

func marshal(v any) ([]byte, error) { return json.Marshal(v) }
