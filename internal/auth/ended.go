package auth

import (
	"errors"
	"sync"
	"time"
)

const (
	// maxOver bounds what is remembered of sessions and of users; past it what ends
	// first is forgotten.
	maxOver = 10_000
	// maxGossip is longer than all of that, sealed.
	maxGossip = 16 << 20
)

// Ended remembers which sealed sessions were ended, here or at another replica.
// Replicas tell each other what they ended, sealed with the secret of the sessions:
// who does not have it can neither read who logged out nor end anybody's session.
// It can be a state of a gossip.
type Ended struct {
	auth *Auth
	tell func([]byte) // nil: there is nobody to tell

	mu    sync.Mutex
	ids   map[string]time.Time // until when they could have lasted
	users map[string]time.Time // sessions that began up to then
}

// ended is one session that was ended, or all of a user up to a moment.
type ended struct {
	ID   string `json:"i,omitempty"`
	User string `json:"u,omitempty"`
	At   int64  `json:"t"` // Unix milliseconds: its latest end, or that moment
}

// Ended is what replicas tell each other of sessions that were ended.
func (a *Auth) Ended() *Ended { return &a.over }

// SetBroadcast sets what tells the other replicas.
func (o *Ended) SetBroadcast(tell func([]byte)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.tell = tell
}

func (o *Ended) has(x *sealedSession, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if until, ok := o.ids[x.ID]; ok && now.Before(until) {
		return true
	}
	at, ok := o.users[x.Name]
	return ok && !time.UnixMilli(x.Created).After(at)
}

// end ends sessions, and tells the others.
func (o *Ended) end(e ended) {
	if o.add([]ended{e}) {
		o.broadcast([]ended{e})
	}
}

// add remembers what was ended, and says whether any of it was new.
func (o *Ended) add(es []ended) (news bool) {
	now := o.auth.now()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, e := range es {
		m, key, past := &o.ids, e.ID, now
		if e.User != "" {
			m, key, past = &o.users, e.User, time.Time{}
		}
		at := time.UnixMilli(e.At)
		if old, known := (*m)[key]; key == "" || known && !at.After(old) || !at.After(past) {
			continue
		}
		*m = remember(*m, key, at, past)
		news = true
	}
	return news
}

func (o *Ended) broadcast(es []ended) {
	o.mu.Lock()
	tell := o.tell
	o.mu.Unlock()
	if seal := o.auth.seal.Load(); tell != nil && seal != nil {
		if text, err := seal.seal(sealEnded, es); err == nil {
			tell([]byte(text))
		}
	}
}

// MarshalBinary returns all that is remembered, for a replica that has just come.
func (o *Ended) MarshalBinary() ([]byte, error) {
	seal := o.auth.seal.Load()
	if seal == nil {
		return nil, nil
	}
	var es []ended
	o.mu.Lock()
	for id, at := range o.ids {
		es = append(es, ended{ID: id, At: at.UnixMilli()})
	}
	for user, at := range o.users {
		es = append(es, ended{User: user, At: at.UnixMilli()})
	}
	o.mu.Unlock()
	text, err := seal.seal(sealEnded, es)
	return []byte(text), err
}

// Merge takes over what another replica says, and passes on what is new.
func (o *Ended) Merge(b []byte) error {
	var es []ended
	if len(b) == 0 {
		return nil // its sessions are in memory
	}
	if !o.auth.seal.Load().open(sealEnded, string(b), &es) {
		return errors.New("another replica says which sessions were ended, with another auth.session.secret_file")
	}
	if o.add(es) && len(es) == 1 {
		o.broadcast(es)
	}
	return nil
}

// remember adds an entry, drops those that are past, and, when there are too many,
// the earliest.
func remember(m map[string]time.Time, key string, t, now time.Time) map[string]time.Time {
	if m == nil {
		m = map[string]time.Time{}
	}
	if len(m) >= maxOver {
		first := ""
		for k, until := range m {
			if !until.After(now) {
				delete(m, k)
			} else if first == "" || until.Before(m[first]) {
				first = k
			}
		}
		if len(m) >= maxOver {
			delete(m, first)
		}
	}
	m[key] = t
	return m
}
