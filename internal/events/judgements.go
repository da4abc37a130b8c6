package events

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Judgement is feedback that comes in.
type Judgement struct {
	Feedback
	// Key makes it idempotent: of those with one key the last version is kept, and
	// one is counted. An ID that is given does the same. Neither meets those of
	// another Space: who may only add cannot replace what others said.
	Key   string
	Space string
	// At is when it was made. It counts where Time is not given and the Call is not
	// known.
	At time.Time
	// Hasty says that nobody waits for the answer of the store: the Call is looked
	// for among the recent ones, and in the store later.
	Hasty bool
}

// JudgementOptions are what Judgements need. Store and Submit are required.
type JudgementOptions struct {
	Store *Store
	// Submit makes records durable; it masks them in place before.
	Submit func(context.Context, []llm.Record) error
	// Counted is told of each judgement once, when it is durable and its Call was
	// found or not, as it is stored.
	Counted func(*Feedback)
	// Settle is how long a judgement waits for its Call to come after it; default
	// 15 s.
	Settle     time.Duration
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Judgements take feedback in: they find the Call that it is of, see to it that
// it counts once, and make it durable. They are safe for concurrent use.
type Judgements struct {
	o     JudgementOptions
	log   *slog.Logger
	index *callIndex
	total *prometheus.CounterVec

	locks [64]sync.Mutex // by id: one version after the other

	mu      sync.Mutex
	known   map[string]version // last versions of those with a key
	order   []string           // of known, in a circle
	oldest  int
	pending []*waiting
}

// version is the last version of a judgement.
type version struct {
	f    Feedback // without its texts
	hash [16]byte // of what it said; after a restart, of what the masks left of that
}

func versionOf(f *Feedback, said [16]byte) version {
	v := version{*f, said}
	v.f.Comment, v.f.Metadata = "", nil
	return v
}

// ref is what a version knows of the Call, for the next one.
func (v *version) ref() callRef {
	f := &v.f
	return callRef{
		id: f.CallID, trace: f.TraceID, span: f.SpanID, response: f.ResponseID, session: f.SessionID, service: f.Service, provider: f.Provider,
		model: f.Model, operation: string(f.Operation), feature: f.Feature, promptName: f.PromptName, promptVersion: f.PromptVersion, at: f.Time,
	}
}

// waiting is a judgement whose Call is not known yet.
type waiting struct {
	stored   Feedback
	said     [16]byte
	keyed    bool
	asked    bool // the store was asked for the Call
	deadline time.Time
}

const (
	maxKnownFeedback   = 1 << 15
	maxPendingFeedback = 4096
	defaultSettle      = 15 * time.Second
	// lookupTimeout bounds the search for a Call in the store: the judgement is
	// worth more than its labels.
	lookupTimeout = 3 * time.Second
)

// The results of a judgement, in the metric.
const (
	resultStored    = "stored"
	resultReplaced  = "replaced"
	resultDuplicate = "duplicate"
	resultRefused   = "refused"
)

// NewJudgements returns Judgements. Run looks for the Calls that come late.
func NewJudgements(o JudgementOptions) (*Judgements, error) {
	if o.Store == nil || o.Submit == nil {
		return nil, errors.New("events: judgements need a store and a way to it")
	}
	if o.Settle <= 0 {
		o.Settle = defaultSettle
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Counted == nil {
		o.Counted = func(*Feedback) {}
	}
	j := &Judgements{
		o: o, log: o.Logger, index: newCallIndex(recentCalls), known: map[string]version{},
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "pitot_feedback_total", Help: "Judgements that came in, by what became of them: stored, replaced (a version before), duplicate, refused.",
		}, []string{"result"}),
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(j.total); err != nil {
			return nil, fmt.Errorf("events: judgements: %w", err)
		}
	}
	return j, nil
}

// ObserveCall remembers a Call for the judgements that will be of it.
func (j *Judgements) ObserveCall(c *llm.Call) { j.index.add(c) }

// Restored learns of a row of feedback that is durable and may not be in the
// store yet.
func (j *Judgements) Restored(row []byte) {
	rec, err := DecodeRow(row)
	if err != nil || rec.Feedback == nil {
		return
	}
	j.remember(rec.Feedback.ID, versionOf(rec.Feedback, contentHash(rec.Feedback)))
}

// keyID is the id of the judgements with one key.
func keyID(parts ...string) string {
	h := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return ulid.ULID(h[:16]).String()
}

// Insert stores judgements, all or none: when it returns nil they are durable.
// It fills each with what was stored. Errors are *QueryError where a judgement
// is at fault, *UnavailableError where it cannot be known whether a key was used
// before, and those of Submit.
func (j *Judgements) Insert(ctx context.Context, in []*Judgement) error {
	now := j.o.Store.now().UTC()
	tenant := llm.TenantOf(ctx)
	for i, g := range in {
		g.Tenant = tenant
		if tenant != llm.DefaultTenant {
			g.Space = tenant + "\x00" + g.Space // no id and no key meets those of others
		}
		if err := j.prepare(g, now); err != nil {
			j.total.WithLabelValues(resultRefused).Inc()
			if len(in) > 1 {
				err.Param = fmt.Sprintf("[%d].%s", i, err.Param)
			}
			return err
		}
	}
	defer j.lock(in)()
	before, err := j.before(ctx, in)
	if err != nil {
		return err
	}
	var (
		recs  []llm.Record
		fresh []*waiting // those that are counted once their Calls are known
		known []func()
		done  = map[string]*Judgement{} // of this batch, by id
	)
	for _, g := range in {
		said := contentHash(&g.Feedback)
		prev, had := before[g.ID]
		if twin := done[g.ID]; twin != nil || had && prev.hash == said {
			// Once more the same, or twice in one batch: the first one stands.
			stands := prev.f
			if twin != nil {
				stands = twin.Feedback
			}
			stands.Comment, stands.Metadata = g.Comment, g.Metadata
			g.Feedback = stands
			j.total.WithLabelValues(resultDuplicate).Inc()
			continue
		}
		found, asked := had, false
		if had {
			fill(&g.Feedback, []callRef{prev.ref()}, true)
			g.Time, g.Supersedes, g.RowID = prev.f.Time, prev.f.RowID, ulid.Make().String()
		} else {
			found, asked = j.find(ctx, g)
			g.RowID = keyID("row", g.ID)
		}
		stored := g.Feedback
		if !j.o.Store.Accepts(stored.Time) {
			j.total.WithLabelValues(resultRefused).Inc()
			return &QueryError{Param: "time", Message: "is outside of the retention"}
		}
		done[g.ID] = g
		recs = append(recs, llm.Record{Feedback: &stored})
		keyed := g.Key != ""
		known = append(known, func() {
			if keyed {
				j.remember(stored.ID, versionOf(&stored, said))
			}
			g.Feedback = stored // masked
			switch {
			case had:
				j.total.WithLabelValues(resultReplaced).Inc()
			case found:
				j.total.WithLabelValues(resultStored).Inc()
				j.o.Counted(&stored)
			default:
				j.total.WithLabelValues(resultStored).Inc()
				fresh = append(fresh, &waiting{stored: stored, said: said, keyed: keyed, asked: asked, deadline: now.Add(j.o.Settle)})
			}
		})
	}
	if len(recs) == 0 {
		return nil
	}
	if err := j.o.Submit(ctx, recs); err != nil {
		return err
	}
	for _, f := range known {
		f()
	}
	j.await(fresh)
	return nil
}

// prepare checks a judgement and gives it what does not hang on others.
func (j *Judgements) prepare(g *Judgement, now time.Time) *QueryError {
	if err := checkFeedback(&g.Feedback); err != nil {
		if q, ok := errors.AsType[*QueryError](err); ok {
			return q
		}
	}
	g.Received, g.RowID, g.Supersedes = now, "", ""
	if g.Evaluator == "" {
		g.Evaluator = "user"
	}
	switch {
	case g.Key != "":
		g.ID = keyID("key", g.Space, g.Key)
	case g.ID != "" && g.Space != "":
		g.Key, g.ID = g.ID, keyID("id", g.Space, g.ID)
	case g.ID != "":
		g.Key = g.ID
	default:
		g.ID = ulid.Make().String()
	}
	if !g.Time.IsZero() {
		g.Time = g.Time.UTC()
		if !j.o.Store.Accepts(g.Time) {
			return &QueryError{Param: "time", Message: "is outside of the retention"}
		}
	}
	if g.At.IsZero() || !j.o.Store.Accepts(g.At) {
		g.At = now
	}
	return nil
}

// lock holds off other versions of the same judgements.
func (j *Judgements) lock(in []*Judgement) (unlock func()) {
	var places []int
	for _, g := range in {
		if g.Key != "" {
			h := sha256.Sum256([]byte(g.ID))
			places = append(places, int(h[0])%len(j.locks))
		}
	}
	slices.Sort(places) // in one order, so that no two wait for each other
	places = slices.Compact(places)
	for _, p := range places {
		j.locks[p].Lock()
	}
	return func() {
		for _, p := range places {
			j.locks[p].Unlock()
		}
	}
}

// before returns the versions that are there of judgements with a key.
func (j *Judgements) before(ctx context.Context, in []*Judgement) (map[string]version, error) {
	out := map[string]version{}
	var ask []string
	hasty := false
	j.mu.Lock()
	for _, g := range in {
		if g.Key == "" {
			continue
		}
		if v, ok := j.known[g.ID]; ok {
			out[g.ID] = v
		} else {
			ask, hasty = append(ask, g.ID), hasty || g.Hasty
		}
	}
	j.mu.Unlock()
	if len(ask) == 0 {
		return out, nil
	}
	stored, err := j.o.Store.versions(ctx, ask)
	if err != nil {
		if hasty {
			return out, nil // who cannot send it again must not lose it
		}
		return nil, err
	}
	for id, f := range stored {
		v := versionOf(f, contentHash(f))
		out[id] = v
		j.remember(id, v)
	}
	return out, nil
}

// find completes a judgement from its Call, and says whether that was found and
// whether the store was asked.
func (j *Judgements) find(ctx context.Context, g *Judgement) (found, asked bool) {
	refs, exact := j.index.find(&g.Feedback)
	if len(refs) == 0 && !g.Hasty {
		refs, exact, asked = j.ask(ctx, &g.Feedback)
	}
	fill(&g.Feedback, refs, exact)
	if g.Time.IsZero() {
		g.Time = g.At
		if len(refs) > 0 {
			g.Time = refs[0].at.UTC()
		}
		if !j.o.Store.Accepts(g.Time) {
			g.Time = g.At
		}
	}
	return len(refs) > 0, asked
}

// ask looks for the Calls of a judgement in the store.
func (j *Judgements) ask(ctx context.Context, f *Feedback) (refs []callRef, exact, asked bool) {
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	refs, exact, err := j.o.Store.judgedCalls(ctx, f)
	return refs, exact, err == nil
}

// remember keeps the last version of a judgement with a key.
func (j *Judgements) remember(id string, v version) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if _, ok := j.known[id]; !ok {
		if len(j.order) < maxKnownFeedback {
			j.order = append(j.order, id)
		} else {
			delete(j.known, j.order[j.oldest])
			j.order[j.oldest] = id
			j.oldest = (j.oldest + 1) % len(j.order)
		}
	}
	j.known[id] = v
}

// contentHash identifies what a judgement says, and of what.
func contentHash(f *Feedback) [16]byte {
	score := "-"
	if v, ok := f.Score.Get(); ok {
		score = fmt.Sprint(v)
	}
	h := sha256.Sum256([]byte(strings.Join([]string{score, f.Name, f.Label, f.Comment, f.Evaluator, f.User, string(f.Metadata)}, "\x00")))
	return [16]byte(h[:16])
}
