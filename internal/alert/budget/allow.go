package budget

import (
	"context"
	"fmt"
	"time"
)

// Decision says whether a call may start.
type Decision struct {
	Deny bool
	// Budget that denies or warns, and the account of it.
	Budget, Account string
	// Message of a denial says why and what can be done; Warning goes to the
	// client of an admitted call.
	Message, Warning string
	// ResetAt is when it may be tried again; the zero time where that is not known.
	ResetAt time.Time
}

// Enforcing says whether any budget could deny or warn.
func (e *Engine) Enforcing() bool { return len(*e.enforced.Load()) > 0 }

// Allow decides whether a call may start, and reserves its estimate in each hard
// budget that it belongs to. Record with the call's id settles the reservation.
//
// What a hard budget has spent exceeds its limit at most by what the calls that
// were on their way cost above their estimates: a call is admitted only where
// spent, reserved and its own estimate together stay within the limit. Without
// estimates the last one is admitted while anything is left.
//
// It never blocks for long and admits where it cannot decide.
func (e *Engine) Allow(ctx context.Context, r Request) (d Decision) {
	all := *e.enforced.Load()
	if len(all) == 0 {
		return Decision{}
	}
	matched := false
	for _, l := range all {
		if l.matches(&r) {
			matched = true
			break
		}
	}
	if !matched || ctx.Err() != nil {
		return Decision{}
	}
	return e.decide(all, &r)
}

func (e *Engine) decide(all []*ledger, r *Request) (d Decision) {
	e.mu.Lock()
	defer e.mu.Unlock()
	defer func() {
		if p := recover(); p != nil { // a mistake here must not take calls down
			e.counters.failedOpen.Add(1)
			e.log.Error("budget decision failed, the call is admitted", "panic", fmt.Sprint(p))
			d = Decision{}
		}
	}()
	now := e.now()
	var holds []hold
	for _, l := range all {
		if !l.matches(r) {
			continue
		}
		a := l.account(r, l.Enforce == Hard)
		if a == nil || a.key == OtherAccount {
			continue // many share this account: nobody is refused for the others
		}
		spent := a.totals(&l.period, now).Amount
		if l.Enforce == Soft {
			if spent >= l.limit && d.Warning == "" {
				d.Budget, d.Account = l.Name, a.key
				d.Warning = l.message(a, spent, now)
			}
			continue
		}
		estimate := l.estimate(r)
		committed := spent + a.reserved
		if committed+estimate > l.limit || committed >= l.limit {
			l.denied++
			return Decision{
				Deny: true, Budget: l.Name, Account: a.key, ResetAt: l.resetAt(a, now),
				Message: l.message(a, spent, now) + l.why(committed-spent, estimate, spent),
			}
		}
		holds = append(holds, hold{a, estimate})
	}
	e.reserve(r.CallID, holds, now)
	return d
}

// reserve holds the estimates until the call ends.
func (e *Engine) reserve(id string, holds []hold, now time.Time) {
	if len(holds) == 0 {
		return
	}
	if _, twice := e.reservations[id]; id == "" || twice {
		return
	}
	if len(e.reservations) >= maxReservations {
		if e.sweep(now); len(e.reservations) >= maxReservations {
			e.counters.unreserved.Add(1)
			return
		}
	}
	for _, h := range holds {
		h.a.reserved += h.amount
	}
	e.reservations[id] = reservation{at: now, holds: holds}
}

// Release gives up the reservation of a call that will not be recorded.
func (e *Engine) Release(callID string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.release(callID)
}

func (e *Engine) release(id string) {
	res, ok := e.reservations[id]
	if !ok {
		return
	}
	delete(e.reservations, id)
	for _, h := range res.holds {
		h.a.reserved -= h.amount
	}
}

// sweep gives up the reservations of calls that never ended.
func (e *Engine) sweep(now time.Time) {
	if now.Sub(e.swept) < time.Minute && now.After(e.swept) {
		return
	}
	e.swept = now
	for id, res := range e.reservations {
		if now.Sub(res.at) > reservationTTL {
			e.release(id)
		}
	}
}

func (l *ledger) estimate(r *Request) int64 {
	if l.Unit == USD {
		return USD.units(r.EstimatedUSD)
	}
	return Tokens.units(float64(r.EstimatedTokens))
}

// message says how much of the budget is spent.
func (l *ledger) message(a *account, spent int64, now time.Time) string {
	who := ""
	if l.Each != "" {
		who = fmt.Sprintf(" of %s %q", l.each.name, a.key)
	}
	until := ""
	if !l.period.rolling() {
		_, end := l.period.bounds(now)
		until = ", which ends " + end.Format(time.RFC3339)
	}
	return fmt.Sprintf("budget %q%s: %s of %s are spent in %s%s",
		l.Name, who, l.Unit.format(l.Unit.value(spent)), l.Unit.format(l.Limit), l.period.describe(), until)
}

func (l *ledger) why(reserved, estimate, spent int64) string {
	switch {
	case spent >= l.limit:
		return "; ask the owner of the budget to raise it"
	case reserved >= l.limit-spent:
		return fmt.Sprintf("; calls on their way may need the rest (%s): try again when they have ended", l.Unit.format(l.Unit.value(reserved)))
	default:
		return fmt.Sprintf("; this call may need %s, which is more than is left: ask for fewer output tokens", l.Unit.format(l.Unit.value(estimate)))
	}
}

// resetAt is when there is something to spend again: the end of the period, or
// when enough of a rolling window has become too old.
func (l *ledger) resetAt(a *account, now time.Time) time.Time {
	if !l.period.rolling() {
		_, end := l.period.bounds(now)
		return end
	}
	left := a.totals(&l.period, now).Amount
	for _, s := range a.slots {
		if s.Start < l.period.oldest(now) {
			continue
		}
		if left -= s.Amount; left < l.limit {
			return time.Unix(s.Start, 0).Add(l.period.granule + l.period.length).UTC()
		}
	}
	return time.Time{}
}
