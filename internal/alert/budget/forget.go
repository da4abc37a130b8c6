package budget

import "slices"

// Has says whether there is an account of a value of a dimension.
func (e *Engine) Has(dim, key string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.ContainsFunc(*e.active.Load(), func(l *ledger) bool {
		_, ok := l.accounts[key]
		return ok && l.Each == dim
	})
}

// Forget removes the accounts that one value of a dimension has, such as those
// of a user, and the notifications about them that wait. It returns how many
// accounts there were. What has been spent stays in the budgets of all.
func (e *Engine) Forget(dim, key string) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	n := 0
	for _, l := range *e.active.Load() {
		if l.Each != dim {
			continue
		}
		if _, ok := l.accounts[key]; ok {
			delete(l.accounts, key)
			n++
		}
	}
	e.pending = slices.DeleteFunc(e.pending, func(a Alert) bool { return a.Dimension == dim && a.Account == key })
	if n > 0 {
		e.changed = true
	}
	return n
}
