package pitot

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// OpenTelemetry's entry of a W3C tracestate and what it says about sampling:
// th is the threshold that the randomness of a trace reached, 56 bits in hex
// without trailing zeros, so that the trace stands for 1/(1 − th/2^56) traces;
// rv is randomness given explicitly.
const (
	stateKey      = "ot"
	thresholdKey  = "th:"
	randomnessKey = "rv:"
)

// attrSlow marks a span as slow, which exports it whatever its trace's share.
const attrSlow = attribute.Key("pitot.slow")

// shareSampler decides at the start of a trace whether it is in the share that is
// exported whole. All spans are recorded all the same: a span that fails or is
// slow is exported whatever the share, and that is known only at its end.
//
// Spans of a trace outside of the share carry the sampled flag unset, so that
// the programs that are called make the same choice.
type shareSampler struct {
	threshold uint64 // a trace is in the share if its randomness is at least this
	state     string // the value of stateKey of traces in the share; "": all are
	parents   bool   // follow the sampled flag of remote parents
}

const fullThreshold = 1 << 56 // no randomness reaches it

func newShareSampler(share float64, parents bool) *shareSampler {
	s := &shareSampler{parents: parents}
	s.threshold = uint64(math.Round((1 - share) * fullThreshold))
	if share > 0 {
		// A share so small that it rounds to nothing is still a share.
		s.threshold = min(s.threshold, fullThreshold-1)
	}
	if s.threshold > 0 && s.threshold < fullThreshold {
		s.state = thresholdKey + strings.TrimRight(fmt.Sprintf("%014x", s.threshold), "0")
	}
	return s
}

// Description names the sampler.
func (s *shareSampler) Description() string {
	return fmt.Sprintf("Pitot{share:%g,parents:%t}", 1-float64(s.threshold)/fullThreshold, s.parents)
}

// ShouldSample follows a local parent, and a remote one where the settings say
// so; otherwise the trace's id decides.
func (s *shareSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	parent := trace.SpanContextFromContext(p.ParentContext)
	ts := parent.TraceState()
	if parent.IsValid() && (s.parents || !parent.IsRemote()) {
		return samplingResult(parent.IsSampled(), ts)
	}
	if ts.Len() == 0 && s.state == "" { // the common case
		return samplingResult(s.threshold == 0, ts)
	}
	ot := ts.Get(stateKey)
	if randomness(p.TraceID, ot) < s.threshold {
		return samplingResult(false, withState(ts, "", ot))
	}
	return samplingResult(true, withState(ts, s.state, ot))
}

func samplingResult(sampled bool, ts trace.TraceState) sdktrace.SamplingResult {
	if sampled {
		return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample, Tracestate: ts}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.RecordOnly, Tracestate: ts}
}

// withState is ts with the threshold replaced in its entry of OpenTelemetry.
func withState(ts trace.TraceState, threshold, ot string) trace.TraceState {
	entries := otherEntries(ot)
	if threshold != "" {
		entries = append([]string{threshold}, entries...)
	}
	if len(entries) == 0 {
		return ts.Delete(stateKey)
	}
	changed, err := ts.Insert(stateKey, strings.Join(entries, ";"))
	if err != nil { // what came in cannot be written back
		return trace.TraceState{}
	}
	return changed
}

// otherEntries are the parts of OpenTelemetry's tracestate but the threshold.
func otherEntries(ot string) []string {
	var out []string
	for e := range strings.SplitSeq(ot, ";") {
		if e != "" && !strings.HasPrefix(e, thresholdKey) {
			out = append(out, e)
		}
	}
	return out
}

// randomness is what a trace's share is decided by: 56 bits, given explicitly or
// the last seven bytes of the id.
func randomness(id trace.TraceID, ot string) uint64 {
	for e := range strings.SplitSeq(ot, ";") {
		if rv, ok := strings.CutPrefix(e, randomnessKey); ok && len(rv) == 14 {
			if v, err := strconv.ParseUint(rv, 16, 64); err == nil {
				return v
			}
		}
	}
	return binary.BigEndian.Uint64(id[8:]) & (fullThreshold - 1)
}

// spanFilter decides about spans when they end: those of a trace in the share
// go out; outside of it, those that failed or were slow, and their ancestors.
//
// Such spans stand for themselves alone, in the share or outside of it: all of
// them are exported, so none may be counted for others.
type spanFilter struct {
	out  *batcher[endedSpan]
	kept keepSet
}

// OnEnd takes a span that ended.
func (f *spanFilter) OnEnd(s sdktrace.ReadOnlySpan) {
	traceEnded(s)
	sc := s.SpanContext()
	if sc.IsSampled() {
		if ts := sc.TraceState(); ts.Len() == 0 || ts.Get(stateKey) == "" { // nothing is weighed
			f.out.put(endedSpan{s, false})
			return
		}
	}
	alone := f.kept.take(spanKey{sc.TraceID(), sc.SpanID()}) || s.Status().Code == codes.Error || markedSlow(s)
	if alone {
		if parent := s.Parent(); parent.SpanID().IsValid() && !parent.IsRemote() {
			f.kept.add(spanKey{parent.TraceID(), parent.SpanID()})
		}
	}
	if alone || sc.IsSampled() {
		f.out.put(endedSpan{s, alone})
	}
}

func markedSlow(s sdktrace.ReadOnlySpan) bool {
	for _, kv := range s.Attributes() {
		if kv.Key == attrSlow {
			switch kv.Value.Type() {
			case attribute.BOOL:
				return kv.Value.AsBool()
			case attribute.EMPTY:
				return false
			default: // which thresholds were passed
				return true
			}
		}
	}
	return false
}

// maxKept is how many open ancestors of exported spans are remembered.
const maxKept = 8192

type spanKey struct {
	trace trace.TraceID
	span  trace.SpanID
}

// keepSet remembers the spans that must be exported when they end. It is
// bounded: past maxKept the oldest is forgotten, and counted. The zero value is
// ready to use.
type keepSet struct {
	n         atomic.Int64 // len(slots), read without the lock
	forgotten atomic.Uint64

	mu    sync.Mutex
	slots map[spanKey]int // → index in ring
	ring  []spanKey
	next  int
}

// take reports whether the span is in the set, and removes it.
func (k *keepSet) take(key spanKey) bool {
	if k.n.Load() == 0 {
		return false
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	_, ok := k.slots[key]
	if ok {
		delete(k.slots, key)
		k.n.Store(int64(len(k.slots)))
	}
	return ok
}

func (k *keepSet) add(key spanKey) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if _, there := k.slots[key]; there {
		return
	}
	if k.slots == nil {
		k.slots = map[spanKey]int{}
	}
	at := k.next
	k.next = (k.next + 1) % maxKept
	if at < len(k.ring) {
		old := k.ring[at]
		if i, there := k.slots[old]; there && i == at {
			delete(k.slots, old)
			k.forgotten.Add(1)
		}
		k.ring[at] = key
	} else {
		k.ring = append(k.ring, key)
	}
	k.slots[key] = at
	k.n.Store(int64(len(k.slots)))
}
