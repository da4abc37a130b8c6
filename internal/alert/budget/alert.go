package budget

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

const (
	// maxPending bounds the notifications that wait to be delivered; the accounts
	// of those past it are looked at again.
	maxPending = 1000
	// forecastBit marks the notification of a forecast; the thresholds have the
	// bits below it.
	forecastBit = 1 << maxThresholds
	// rearm is by how many percent a rolling window has to fall under a threshold
	// before that is notified again.
	rearm = 5
)

// Alert is one notification: a threshold of a budget was passed, or will be.
type Alert struct {
	Budget      string
	Description string
	// Dimension and Account are set for a budget with `each`.
	Dimension, Account string
	Unit               Unit
	// Threshold in percent of the limit; 0 for a forecast.
	Threshold float64
	Spent     float64
	Limit     float64
	// Forecast of the amount at the end of the period; nil where it is too early.
	Forecast *float64
	// Unpriced calls are not in Spent.
	Unpriced int64
	// Start and End of the period; End is the present for a rolling window.
	Start, End time.Time
	Rolling    bool
	Enforce    Enforcement
	At         time.Time
	Labels     map[string]string
}

// Severity is critical where the limit is reached, warning before.
func (a *Alert) Severity() string {
	if a.Threshold >= 100 {
		return "critical"
	}
	return "warning"
}

// Summary is the notification in a sentence.
func (a *Alert) Summary() string {
	who := ""
	if a.Account != "" {
		who = fmt.Sprintf(" of %s %s", a.Dimension, a.Account)
	}
	spent := fmt.Sprintf("%s of %s are spent", a.Unit.format(a.Spent), a.Unit.format(a.Limit))
	if a.Threshold == 0 {
		return fmt.Sprintf("budget %s%s will be exceeded: %s, the forecast is %s", a.Budget, who, spent, a.Unit.format(*a.Forecast))
	}
	return fmt.Sprintf("budget %s%s is over %v %%: %s", a.Budget, who, a.Threshold, spent)
}

// SummaryZH is the notification in a Chinese sentence.
func (a *Alert) SummaryZH() string {
	who := ""
	if a.Account != "" {
		who = fmt.Sprintf("（%s %s）", dimensionZH(a.Dimension), a.Account)
	}
	spent := fmt.Sprintf("已用 %s，限额 %s", a.Unit.format(a.Spent), a.Unit.format(a.Limit))
	if a.Threshold == 0 {
		return fmt.Sprintf("预算 %s%s 预计将超出：%s，预测 %s", a.Budget, who, spent, a.Unit.format(*a.Forecast))
	}
	return fmt.Sprintf("预算 %s%s 超过 %v %%：%s", a.Budget, who, a.Threshold, spent)
}

// dimensionZH is a dimension in Chinese.
func dimensionZH(name string) string {
	switch name {
	case "user":
		return "用户"
	case "key":
		return "密钥"
	case "service":
		return "服务"
	case "provider":
		return "供应商"
	case "model":
		return "模型"
	case "feature":
		return "功能"
	case "environment":
		return "环境"
	default: // a tag has the name that its sender gave it
		return strings.Replace(name, "tag.", "标签 ", 1)
	}
}

// tick looks at what has changed and returns the notifications that are due,
// each once a threshold and period. They stay until they are delivered.
func (e *Engine) tick(now time.Time) []Alert {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.sweep(now)
	again := e.dirty[:0]
	for _, d := range e.dirty {
		if len(e.pending) >= maxPending {
			again = append(again, d)
			continue
		}
		d.a.dirty = false
		e.pending = append(e.pending, d.l.due(d.a, now)...)
	}
	e.dirty = again
	if len(e.pending) > 0 {
		e.changed = true
	}
	return slices.Clone(e.pending)
}

// delivered takes the first n notifications off.
func (e *Engine) delivered(n int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.pending = slices.Delete(e.pending, 0, n)
}

// due marks and returns the notifications of an account. Of several thresholds
// that are passed at once the highest is notified: it says all.
func (l *ledger) due(a *account, now time.Time) []Alert {
	total := a.totals(&l.period, now)
	if total.Calls == 0 && !l.period.rolling() {
		return nil // and no slot is made for it
	}
	percent := 100 * float64(total.Amount) / float64(l.limit)
	notified := a.marks(&l.period, now)
	if l.period.rolling() {
		for i, t := range l.Thresholds {
			if percent < t-rearm {
				*notified &^= 1 << i
			}
		}
	}
	var out []Alert
	for i, t := range slices.Backward(l.Thresholds) {
		if percent < t {
			continue
		}
		if *notified&(1<<i) == 0 {
			out = append(out, l.alert(a, total, t, now))
		}
		*notified |= 1<<(i+1) - 1 // and all under it
		break
	}
	if f := l.forecast(a, total, now); l.Forecast && f != nil && len(out) == 0 {
		switch {
		case *f < l.Limit*(1-rearm/100.0) && l.period.rolling():
			*notified &^= forecastBit
		case *f > l.Limit && percent < 100 && *notified&forecastBit == 0 && l.late(now):
			*notified |= forecastBit
			out = append(out, l.alert(a, total, 0, now))
		}
	}
	return out
}

// marks are where it stands which notifications of the present period were made.
func (a *account) marks(p *period, now time.Time) *uint32 {
	if p.rolling() {
		return &a.notified
	}
	return &a.slot(p.slotStart(now)).Notified
}

// late says whether enough of the period is over to believe a forecast.
func (l *ledger) late(now time.Time) bool {
	if l.period.rolling() {
		return true
	}
	start, end := l.period.bounds(now)
	return now.Sub(start) >= end.Sub(start)/10
}

// forecast is what will be spent at the end of the period if the rest of it is
// like what is over; of a rolling window, what it will come to if spending goes
// on as in its last quarter. Nil where it is too early to say.
func (l *ledger) forecast(a *account, total slot, now time.Time) *float64 {
	spent := l.Unit.value(total.Amount)
	if l.period.rolling() {
		quarter := a.between(l.period.slotStart(now.Add(-l.period.length/4)), now.Unix())
		return new(4 * l.Unit.value(quarter.Amount))
	}
	start, end := l.period.bounds(now)
	over, whole := now.Sub(start), end.Sub(start)
	if over < whole/50 {
		return nil
	}
	return new(spent * float64(whole) / float64(over))
}

func (l *ledger) alert(a *account, total slot, threshold float64, now time.Time) Alert {
	start, end := l.period.window(now)
	labels := map[string]string{"budget": l.Name}
	maps.Copy(labels, l.Labels)
	if l.Each != "" {
		labels["account"] = a.key
	}
	return Alert{
		Budget: l.Name, Description: l.Description, Dimension: l.Each, Account: a.key, Unit: l.Unit, Threshold: threshold,
		Spent: l.Unit.value(total.Amount), Limit: l.Limit, Forecast: l.forecast(a, total, now), Unpriced: total.Unpriced,
		Start: start, End: end, Rolling: l.period.rolling(), Enforce: l.Enforce, At: now, Labels: labels,
	}
}

// carryNotified translates the marks of old thresholds to the present ones.
func (l *ledger) carryNotified(old []float64) {
	if slices.Equal(old, l.Thresholds) {
		return
	}
	translate := func(n uint32) uint32 {
		out := n & forecastBit
		for i, t := range old {
			if j, ok := slices.BinarySearchFunc(l.Thresholds, t, cmp.Compare); ok && n&(1<<i) != 0 {
				out |= 1 << j
			}
		}
		return out
	}
	for _, a := range l.accounts {
		a.notified = translate(a.notified)
		for i := range a.slots {
			a.slots[i].Notified = translate(a.slots[i].Notified)
		}
	}
}

// Intervals of Run.
const (
	tickInterval = time.Second
	saveInterval = 10 * time.Second
	// wholeInterval is how often accounts are looked at that did not change:
	// forecasts and rolling windows move by themselves, and what is old goes.
	wholeInterval = time.Minute
)

// Run delivers notifications and saves the state until ctx ends, and then saves
// it once more.
func (e *Engine) Run(ctx context.Context) error {
	tick := time.NewTicker(tickInterval)
	defer tick.Stop()
	saved, whole := e.now(), e.now()
	for {
		select {
		case <-ctx.Done():
			return e.Save()
		case <-tick.C:
		}
		now := e.now()
		if elapsed(whole, now, wholeInterval) {
			whole = now
			e.review(now)
		}
		sent := e.notify(ctx, now)
		if sent || elapsed(saved, now, saveInterval) {
			saved = now
			if err := e.Save(); err != nil {
				e.counters.saveErrors.Add(1)
				e.log.Warn("budgets not saved", "error", err)
			}
		}
	}
}

// elapsed says whether d has passed since t; a clock that was set back has
// passed it.
func elapsed(t, now time.Time, d time.Duration) bool { return now.Sub(t) >= d || now.Before(t) }

// notify delivers what is due.
func (e *Engine) notify(ctx context.Context, now time.Time) bool {
	alerts := e.tick(now)
	if len(alerts) == 0 {
		return false
	}
	if e.opts.Notify != nil {
		if err := e.opts.Notify(ctx, alerts); err != nil {
			e.counters.notifyErrors.Add(1)
			e.log.Warn("budget notifications not delivered, they are tried again", "error", err, "alerts", len(alerts))
			return false
		}
	}
	e.delivered(len(alerts))
	return true
}

// review has every account looked at, and drops what is too old to matter.
func (e *Engine) review(now time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, l := range *e.active.Load() {
		oldest := l.period.oldest(now)
		for key, a := range l.accounts {
			a.prune(oldest)
			if len(a.slots) == 0 && a.reserved == 0 && a.notified == 0 && !a.dirty {
				delete(l.accounts, key)
				continue
			}
			e.markDirty(l, a)
		}
	}
}
