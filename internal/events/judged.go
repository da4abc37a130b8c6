package events

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// await keeps judgements until their Calls come. Where there are too many, the
// oldest are counted without.
func (j *Judgements) await(fresh []*waiting) {
	if len(fresh) == 0 {
		return
	}
	j.mu.Lock()
	j.pending = append(j.pending, fresh...)
	var early []*waiting
	if over := len(j.pending) - maxPendingFeedback; over > 0 {
		early = append(early, j.pending[:over]...)
		j.pending = append(j.pending[:0:0], j.pending[over:]...)
	}
	j.mu.Unlock()
	for _, w := range early {
		j.o.Counted(&w.stored)
	}
}

// settleEvery is how often the Calls of those that wait are looked for.
const settleEvery = time.Second

// Run looks for the Calls of judgements that came before them, until ctx ends.
// Then those that still wait are counted as they are.
func (j *Judgements) Run(ctx context.Context) {
	tick := time.NewTicker(settleEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			j.settle(ctx, j.o.Store.now())
		case <-ctx.Done():
			j.mu.Lock()
			rest := j.pending
			j.pending = nil
			j.mu.Unlock()
			for _, w := range rest {
				j.o.Counted(&w.stored)
			}
			return
		}
	}
}

// settle looks once for the Calls of those that wait.
func (j *Judgements) settle(ctx context.Context, now time.Time) {
	j.mu.Lock()
	pending := j.pending
	j.pending = nil
	j.mu.Unlock()
	var left []*waiting
	for _, w := range pending {
		refs, exact := j.index.find(&w.stored)
		last := !now.Before(w.deadline)
		if len(refs) == 0 && last && !w.asked {
			refs, exact, _ = j.ask(llm.WithTenant(ctx, w.stored.Tenant), &w.stored)
		}
		switch {
		case len(refs) > 0:
			f := w.stored
			fill(&f, refs, exact)
			j.amend(ctx, w, &f)
		case last:
			j.o.Counted(&w.stored)
		default:
			left = append(left, w)
		}
	}
	j.mu.Lock()
	j.pending = append(left, j.pending...)
	j.mu.Unlock()
}

// amend stores a judgement anew, now that its Call is known, and counts it. Its
// time stays: all versions have one.
func (j *Judgements) amend(ctx context.Context, w *waiting, f *Feedback) {
	f.RowID, f.Supersedes = ulid.Make().String(), w.stored.RowID
	defer j.lock([]*Judgement{{Feedback: *f, Key: f.ID}})()
	if w.keyed {
		j.mu.Lock()
		v, ok := j.known[f.ID]
		j.mu.Unlock()
		if ok && v.f.RowID != w.stored.RowID { // replaced meanwhile: the newer version stays the last
			j.o.Counted(f)
			return
		}
	}
	if err := j.o.Submit(ctx, []llm.Record{{Feedback: f}}); err != nil {
		j.log.Warn("a judgement could not be completed from its call", "err", err)
	} else if w.keyed {
		j.remember(f.ID, versionOf(f, w.said))
	}
	j.o.Counted(f)
}

// judgedCalls finds the Calls that a judgement is of, newest first.
func (s *Store) judgedCalls(ctx context.Context, f *Feedback) (refs []callRef, exact bool, err error) {
	r := s.resolveOpen(Range{})
	find := func(filter string, r Range) error {
		rows, err := s.rows(ctx, request{
			op: "find the call", r: r, fresh: true,
			query: countedStream + " status:* " + filter + ` | fields id, _time, trace_id, span_id, response_id, session, service, provider, ` +
				fieldModel + `, operation, feature, prompt_name, prompt_version | sort by (_time desc) limit ` + strconv.Itoa(maxOfOne),
		})
		for _, m := range rows {
			at, perr := time.Parse(time.RFC3339Nano, m["_time"])
			if perr != nil {
				return fmt.Errorf("find the call: time of row %q: %w", m["id"], perr)
			}
			refs = append(refs, callRef{
				id: m["id"], trace: m["trace_id"], span: m["span_id"], response: m["response_id"], session: m["session"], service: m["service"],
				provider: m["provider"], model: m[fieldModel], operation: m["operation"], feature: m["feature"],
				promptName: m["prompt_name"], promptVersion: m["prompt_version"], at: at,
			})
		}
		return err
	}
	switch {
	case f.CallID != "":
		err = find("id:="+quote(f.CallID), s.rangeOfID(f.CallID))
		exact = true
	case f.ResponseID != "":
		err = find("response_id:="+quote(f.ResponseID), r)
		refs, exact = refs[:min(len(refs), 1)], true
	case f.TraceID != "":
		err = find("trace_id:="+quote(f.TraceID), r)
		for _, ref := range refs {
			if f.SpanID != "" && ref.span == f.SpanID {
				return []callRef{ref}, true, err
			}
		}
	case f.SessionID != "":
		err = find("session:="+quote(f.SessionID), r)
	}
	return refs, exact && len(refs) > 0, err
}
