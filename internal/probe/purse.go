package probe

import (
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// purse keeps what probes spent today and knows their caps.
//
// What a call costs is known only after the pipeline has priced it, so that one
// that is not priced yet is counted at the price of the dearest one so far: the
// cap is passed by at most the first call of each probe.
type purse struct {
	file string

	mu     sync.Mutex
	all    float64            // cap of all together
	caps   map[string]float64 // of single probes, where they have one
	day    string
	probes map[string]*spending
	saved  time.Time
}

// spending is what one probe spent.
type spending struct {
	USD      float64 `json:"usd"`
	Unpriced int64   `json:"unpriced,omitempty"`
	Dearest  float64 `json:"dearest"` // of all days: what the next one may cost

	open bool // a run whose cost is not known yet
}

// purseState is the state file.
type purseState struct {
	Day    string               `json:"day"`
	Probes map[string]*spending `json:"probes"`
}

// booked is what was spent, with what may still come.
func (s *spending) booked() float64 {
	if s.open {
		return s.USD + s.Dearest
	}
	return s.USD
}

func newPurse(file string) *purse {
	p := &purse{file: file, caps: map[string]float64{}, probes: map[string]*spending{}}
	if file == "" {
		return p
	}
	// A file that is missing or broken costs at most one more day's cap.
	b, err := os.ReadFile(file)
	if err != nil {
		return p
	}
	var st purseState
	if json.Unmarshal(b, &st) == nil {
		p.day = st.Day
		for name, s := range st.Probes {
			if s != nil {
				p.probes[name] = s
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

// today turns the page when the day has changed.
func (p *purse) today(now time.Time) {
	day := now.UTC().Format(time.DateOnly)
	if day == p.day {
		return
	}
	p.day = day
	for _, s := range p.probes {
		s.USD, s.Unpriced = 0, 0
	}
}

func (p *purse) of(name string) *spending {
	s := p.probes[name]
	if s == nil {
		s = &spending{}
		p.probes[name] = s
	}
	return s
}

// allows says whether one more run of a probe stays within the caps.
func (p *purse) allows(name string, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.today(now)
	s := p.of(name)
	if c, ok := p.caps[name]; ok && s.booked()+s.Dearest > c {
		return false
	}
	total := s.Dearest
	for _, s := range p.probes {
		total += s.booked()
	}
	return total <= p.all
}

// begin notes that a probe runs. A run before it whose cost never came is booked
// as the dearest one.
func (p *purse) begin(name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := p.of(name)
	if s.open {
		s.USD += s.Dearest
	}
	s.open = true
}

// saveInterval is how often the state goes to disk at most.
const saveInterval = 10 * time.Second

// pay books what a call cost.
func (p *purse) pay(name string, now time.Time, usd float64, priced bool) {
	p.mu.Lock()
	p.today(now)
	s := p.of(name)
	s.open = false
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

// spent is what a probe spent today, and its cap.
func (p *purse) spent(name string, now time.Time) (usd, limit float64, unpriced int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.today(now)
	s := p.of(name)
	limit, ok := p.caps[name]
	if !ok {
		limit = p.all
	}
	return s.USD, limit, s.Unpriced
}

// save writes the state. An error is not the probes': the next one tries again.
func (p *purse) save(now time.Time) {
	if p.file == "" {
		return
	}
	p.mu.Lock()
	p.today(now)
	b, err := json.Marshal(purseState{p.day, p.probes})
	p.mu.Unlock()
	if err != nil {
		return
	}
	f, err := os.CreateTemp(filepath.Dir(p.file), ".probes-*")
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
