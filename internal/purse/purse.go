// Package purse keeps what things that call models by themselves (probes, judges)
// spent today, and knows their caps.
//
// What a call costs is known only after the pipeline has priced it. Until then
// it is counted at the price of the dearest one so far, and until one price is
// known only one call is let out at a time: a cap is passed by the difference
// between a call and the dearest one before it, at most.
//
// The entry type is Purse. Days are those of UTC. What was spent survives a
// restart where there is a file for it; a file that is lost costs at most one
// more day's cap.
package purse

import (
	"encoding/json"
	"errors"
	"os"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/durable"
)

// Purse is safe for concurrent use.
type Purse struct {
	file string

	mu    sync.Mutex
	all   float64
	caps  map[string]float64
	day   string
	names map[string]*spending
	saved time.Time
}

// spending is what one of them spent.
type spending struct {
	USD      float64 `json:"usd"`
	Unpriced int64   `json:"unpriced,omitempty"`
	Dearest  float64 `json:"dearest"` // of all days
	Known    bool    `json:"known"`   // a call has come back, priced or not

	open []time.Time // when calls began whose cost is not known yet
}

type state struct {
	Day   string               `json:"day"`
	Names map[string]*spending `json:"names"`
}

// What Begin returns where there is no money.
var (
	// ErrPaused: the cap of today is reached.
	ErrPaused = errors.New("the spending cap of today is reached; it goes on at midnight UTC")
	// ErrFirst: nobody knows yet what a call costs.
	ErrFirst = errors.New("the cost of the first call is awaited")
)

// lateCost is how long after its start the cost of a call may come. One that
// never comes is booked as the dearest.
const lateCost = 15 * time.Minute

// New returns a Purse with what the file has kept; an empty name keeps nothing.
func New(file string) *Purse {
	p := &Purse{file: file, caps: map[string]float64{}, names: map[string]*spending{}}
	if file == "" {
		return p
	}
	// A file that is missing or broken costs at most one more day's cap.
	b, err := os.ReadFile(file)
	if err != nil {
		return p
	}
	var st state
	if json.Unmarshal(b, &st) == nil {
		p.day = st.Day
		for name, s := range st.Names {
			if s != nil {
				p.names[name] = s
			}
		}
	}
	return p
}

// Limits sets the cap of all together, and of those that have one of their own,
// in US dollars a day.
func (p *Purse) Limits(all float64, caps map[string]float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all, p.caps = all, caps
}

// today turns the page when the day has changed. p.mu is held.
func (p *Purse) today(now time.Time) {
	day := now.UTC().Format(time.DateOnly)
	if day == p.day {
		return
	}
	p.day = day
	for _, s := range p.names {
		s.USD, s.Unpriced = 0, 0
	}
}

func (p *Purse) of(name string, now time.Time) *spending {
	s := p.names[name]
	if s == nil {
		s = &spending{}
		p.names[name] = s
	}
	for len(s.open) > 0 && now.Sub(s.open[0]) > lateCost {
		s.open = s.open[1:]
		s.USD += s.Dearest
	}
	return s
}

func (s *spending) booked() float64 { return s.USD + float64(len(s.open))*s.Dearest }

// Begin takes the money for one call. It returns ErrPaused where there is none,
// ErrFirst where nobody knows yet what a call costs.
func (p *Purse) Begin(name string, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.today(now)
	s := p.of(name, now)
	if !s.Known && len(s.open) > 0 {
		return ErrFirst
	}
	if c, ok := p.caps[name]; ok && s.booked()+s.Dearest > c {
		return ErrPaused
	}
	total := s.Dearest
	for _, s := range p.names {
		total += s.booked()
	}
	if total > p.all {
		return ErrPaused
	}
	s.open = append(s.open, now)
	return nil
}

// saveInterval is how often the state goes to disk at most.
const saveInterval = 10 * time.Second

// Pay books what a call cost. One without a price is counted apart.
func (p *Purse) Pay(name string, now time.Time, usd float64, priced bool) {
	p.mu.Lock()
	p.today(now)
	s := p.of(name, now)
	if len(s.open) > 0 {
		s.open = s.open[1:]
	}
	s.Known = true
	if priced {
		s.USD += usd
		s.Dearest = max(s.Dearest, usd)
	} else {
		s.Unpriced++
	}
	due := p.file != "" && now.Sub(p.saved) >= saveInterval
	if due {
		p.saved = now
	}
	p.mu.Unlock()
	if due {
		p.Save(now)
	}
}

// Spent is what a name spent today, its cap, else that of all, and how many of
// its calls had no price.
func (p *Purse) Spent(name string, now time.Time) (usd, limit float64, unpriced int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.today(now)
	s := p.of(name, now)
	limit, ok := p.caps[name]
	if !ok {
		limit = p.all
	}
	return s.USD, limit, s.Unpriced
}

// Save writes the state. An error is nobody's: the next one tries again.
func (p *Purse) Save(now time.Time) {
	if p.file == "" {
		return
	}
	p.mu.Lock()
	p.today(now)
	b, err := json.Marshal(state{p.day, p.names})
	p.mu.Unlock()
	if err != nil {
		return
	}
	_ = durable.WriteFile(p.file, b) // it is tried again with the next change
}
