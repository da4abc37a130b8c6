package quality

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// purse keeps what judges spent today and knows their budgets.
//
// What a call costs is known only after the pipeline has priced it. Until then
// it is counted at the price of the dearest one so far, and until one price is
// known a judge makes one call at a time: a budget is passed by the difference
// between a call and the dearest one before it, at most.
type purse struct {
	file string

	mu     sync.Mutex
	all    float64
	caps   map[string]float64
	day    string
	judges map[string]*spending
	saved  time.Time
}

// spending is what one judge spent.
type spending struct {
	USD      float64 `json:"usd"`
	Unpriced int64   `json:"unpriced,omitempty"`
	Dearest  float64 `json:"dearest"` // of all days
	Known    bool    `json:"known"`   // a call has come back, priced or not

	open []time.Time // when calls began whose cost is not known yet
}

type purseState struct {
	Day    string               `json:"day"`
	Judges map[string]*spending `json:"judges"`
}

// lateCost is how long after its start the cost of a call may come. One that
// never comes is booked as the dearest.
const lateCost = 15 * time.Minute

func newPurse(file string) *purse {
	p := &purse{file: file, caps: map[string]float64{}, judges: map[string]*spending{}}
	if file == "" {
		return p
	}
	// A file that is missing or broken costs at most one more day's budget.
	b, err := os.ReadFile(file)
	if err != nil {
		return p
	}
	var st purseState
	if json.Unmarshal(b, &st) == nil {
		p.day = st.Day
		for name, s := range st.Judges {
			if s != nil {
				p.judges[name] = s
			}
		}
	}
	return p
}

func (p *purse) limits(all float64, caps map[string]float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.all, p.caps = all, caps
}

// today turns the page when the day has changed. p.mu is held.
func (p *purse) today(now time.Time) {
	day := now.UTC().Format(time.DateOnly)
	if day == p.day {
		return
	}
	p.day = day
	for _, s := range p.judges {
		s.USD, s.Unpriced = 0, 0
	}
}

func (p *purse) of(name string, now time.Time) *spending {
	s := p.judges[name]
	if s == nil {
		s = &spending{}
		p.judges[name] = s
	}
	for len(s.open) > 0 && now.Sub(s.open[0]) > lateCost {
		s.open = s.open[1:]
		s.USD += s.Dearest
	}
	return s
}

func (s *spending) booked() float64 { return s.USD + float64(len(s.open))*s.Dearest }

// begin takes the money for one call. It returns errPaused where there is none,
// errFirst where nobody knows yet what a call costs.
func (p *purse) begin(name string, now time.Time) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.today(now)
	s := p.of(name, now)
	if !s.Known && len(s.open) > 0 {
		return errFirst
	}
	if c, ok := p.caps[name]; ok && s.booked()+s.Dearest > c {
		return errPaused
	}
	total := s.Dearest
	for _, s := range p.judges {
		total += s.booked()
	}
	if total > p.all {
		return errPaused
	}
	s.open = append(s.open, now)
	return nil
}

// saveInterval is how often the state goes to disk at most.
const saveInterval = 10 * time.Second

// pay books what a call cost.
func (p *purse) pay(name string, now time.Time, usd float64, priced bool) {
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
		p.save(now)
	}
}

// spent is what a judge spent today, and its budget.
func (p *purse) spent(name string, now time.Time) (usd, limit float64, unpriced int64) {
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

// save writes the state. An error is not the judges': the next one tries again.
func (p *purse) save(now time.Time) {
	if p.file == "" {
		return
	}
	p.mu.Lock()
	p.today(now)
	b, err := json.Marshal(purseState{p.day, p.judges})
	p.mu.Unlock()
	if err != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(p.file), ".judges-*")
	if err != nil {
		return
	}
	_, err = f.Write(b)
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), p.file)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
}
