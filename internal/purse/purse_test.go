package purse

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

func TestLateCosts(t *testing.T) {
	now := time.Unix(1_750_000_000, 0)
	p := New("")
	p.Limits(1, nil)
	if err := p.Begin("free", now); err != nil {
		t.Fatal(err)
	}
	p.Pay("free", now, 0, false) // a model without a price
	for range 10 {
		if err := p.Begin("free", now); err != nil {
			t.Fatal(err)
		}
	}
	if _, _, unpriced := p.Spent("free", now); unpriced != 1 {
		t.Errorf("unpriced %d", unpriced)
	}
	// A cost that never comes is booked as the dearest.
	p.Pay("dear", now, 0.3, true)
	if err := p.Begin("dear", now); err != nil {
		t.Fatal(err)
	}
	later := now.Add(lateCost + time.Second)
	if usd, _, _ := p.Spent("dear", later); usd < 0.59 || usd > 0.61 {
		t.Errorf("spent %v", usd)
	}
	if err := p.Begin("dear", later); err != nil {
		t.Errorf("0.9 of 1: %v", err)
	}
	if err := p.Begin("dear", later); !errors.Is(err, ErrPaused) {
		t.Errorf("1.2 of 1: %v", err)
	}
	if err := p.Begin("other", later); err != nil && !errors.Is(err, ErrPaused) {
		t.Error(err)
	}
}

func TestCaps(t *testing.T) {
	now := time.Unix(1_750_000_000, 0)
	file := filepath.Join(t.TempDir(), "spent.json")
	p := New(file)
	p.Limits(0.035, map[string]float64{"q": 0.015})
	if err := p.Begin("q", now); err != nil {
		t.Fatal(err)
	}
	if err := p.Begin("q", now); !errors.Is(err, ErrFirst) {
		t.Errorf("a second call before the first has a cost: %v", err)
	}
	p.Pay("q", now, 0.01, true)
	if err := p.Begin("q", now); !errors.Is(err, ErrPaused) {
		t.Errorf("its own cap: %v", err)
	}
	for range 2 {
		if err := p.Begin("p", now); err != nil {
			t.Fatal(err)
		}
		p.Pay("p", now, 0.01, true)
	}
	if err := p.Begin("p", now); !errors.Is(err, ErrPaused) {
		t.Errorf("the cap of all: %v", err)
	}
	p.Save(now)
	again := New(file)
	again.Limits(0.035, nil)
	if err := again.Begin("p", now); !errors.Is(err, ErrPaused) {
		t.Errorf("after a restart: %v", err)
	}
	if err := again.Begin("p", now.Add(24*time.Hour)); err != nil {
		t.Errorf("the next day: %v", err)
	}
	if err := os.WriteFile(file, []byte("{nonsense"), 0o600); err != nil {
		t.Fatal(err)
	}
	broken := New(file)
	broken.Limits(1, nil)
	if err := broken.Begin("p", now); err != nil {
		t.Errorf("with a broken file: %v", err)
	}
}

// Whatever the order of calls and costs, a cap is passed by no more than the
// dearest call is dearer than the one before it.
func TestConcurrentCallsStayWithinTheCap(t *testing.T) {
	now := time.Unix(1_750_000_000, 0)
	p := New("")
	p.Limits(1, nil)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for range 200 {
				if p.Begin("j", now) == nil {
					p.Pay("j", now, 0.05, true)
				}
			}
		})
	}
	wg.Wait()
	if usd, limit, _ := p.Spent("j", now); usd > limit+1e-9 || usd < 0.9 {
		t.Errorf("spent %v of %v", usd, limit)
	}
}
