package budget

import "github.com/pitot-dev/pitot/internal/llm"

// Share counts a call that another replica has recorded and the store has. One
// that was counted here already does not count again; neither does one so old
// that this cannot be told.
func (e *Engine) Share(c *llm.Call) {
	if len(*e.active.Load()) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, seen := e.recent.seen(c.ID); seen || c.ID == "" {
		return
	}
	if c.Time.UnixNano() <= e.recent.floor {
		e.counters.tooLate.Add(1)
		return
	}
	e.recent.add(c.ID, c.Time)
	r := RequestOf(c)
	now := e.now()
	for _, l := range *e.active.Load() {
		e.count(l, c, &r, now)
	}
}

// Budgets says whether there are any.
func (e *Engine) Budgets() bool { return len(*e.active.Load()) > 0 }
