package traffic

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"

	"github.com/pitot-dev/pitot/internal/llm"
)

// liveStats count what Live does.
type liveStats struct {
	tasks, calls, unreachable, skipped atomic.Uint64
}

// Stats are counts of what Live did so far.
type Stats struct {
	Tasks       uint64 // begun
	Calls       uint64 // sent, whatever the answer
	Unreachable uint64 // calls that got no answer at all though the client stayed
	Skipped     uint64 // tasks that were due while too many ran
}

// Stats returns what Live did so far.
func (g *Generator) Stats() Stats {
	s := &g.stats
	return Stats{s.tasks.Load(), s.calls.Load(), s.unreachable.Load(), s.skipped.Load()}
}

// tooLate is how far behind its time a task may start. After a pause of the
// machine the load goes on from now, without a stampede.
const tooLate = 10 * time.Second

// Live plays the load through a gateway until ctx is done, in real time: each
// call as a request in its provider's format, with the X-Pitot-* headers and
// the trace context that an application would send, and the X-Fake-* headers
// that tell package provider how to answer. The spans of workflows, agents and
// tools go to sink, once per task, as the SDK of the application would have
// sent them; sink must not block for long and may be nil.
//
// An unreachable gateway is counted, not fatal. Live returns when everything
// that it started has ended; its error is about gatewayURL.
func (g *Generator) Live(ctx context.Context, gatewayURL string, client *http.Client, sink func([]llm.Record)) error {
	u, err := url.Parse(gatewayURL)
	if err != nil || u.Host == "" {
		return fmt.Errorf("live traffic: gateway URL %q: want http://host:port", gatewayURL)
	}
	if client == nil {
		client = http.DefaultClient
	}
	base := strings.TrimSuffix(gatewayURL, "/")
	slots := make(chan struct{}, g.cfg.MaxInFlight)
	var running sync.WaitGroup
	defer running.Wait()
	start := g.cfg.Begin
	if start.IsZero() {
		start = g.cfg.Now()
	}
	for t := range g.Tasks(start, start.AddDate(100, 0, 0)) {
		now := g.cfg.Now()
		if err := g.cfg.Pace(ctx, t.At.Sub(now)); err != nil || ctx.Err() != nil {
			return nil
		}
		select {
		case slots <- struct{}{}:
		default:
			g.stats.skipped.Add(1)
			continue
		}
		if now.Sub(t.At) > tooLate {
			g.stats.skipped.Add(1)
			<-slots
			continue
		}
		g.stats.tasks.Add(1)
		p := &player{g: g, client: client, base: base, task: t, sink: sink}
		running.Go(func() {
			defer func() { <-slots }()
			p.play(ctx)
		})
	}
	return nil
}

// player runs one task.
type player struct {
	g      *Generator
	client *http.Client
	base   string
	task   *Task
	sink   func([]llm.Record)
	rng    *rand.Rand
	trace  string
	spans  []llm.Record
	events []event
}

func (p *player) play(ctx context.Context) {
	p.rng = rand.New(rand.NewPCG(p.task.seed, 1))
	p.trace = p.hex(16)
	p.step(ctx, p.task.Root, "")
	if p.sink == nil {
		return
	}
	if p.g.cfg.Rich {
		trace := p.trace
		if !p.task.Traced {
			trace = "" // the application does not know of it
		}
		for _, l := range lines(p.rng, p.task, trace, p.events, p.task.At, p.g.cfg.Now()) {
			p.spans = append(p.spans, llm.Record{Log: l})
		}
	}
	if len(p.spans) > 0 {
		p.sink(p.spans)
	}
	p.remark(ctx)
}

// remark sends what people and evaluators say of the answers, when they do.
func (p *player) remark(ctx context.Context) {
	for i := range p.task.Opinions {
		o := &p.task.Opinions[i]
		for j := range p.events {
			e := &p.events[j]
			if e.call != o.Call || e.status != http.StatusOK || e.response == "" && !o.Session {
				continue
			}
			if p.g.cfg.Pace(ctx, e.ended.Add(o.After).Sub(p.g.cfg.Now())) != nil || ctx.Err() != nil {
				return
			}
			f := o.feedback(p.task, e.began, e.ended)
			f.ResponseID = e.response
			p.sink([]llm.Record{{Feedback: f}})
		}
	}
}

func (p *player) hex(n int) string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:], p.rng.Uint64()|1)
	binary.BigEndian.PutUint64(b[8:], p.rng.Uint64()|1)
	return hex.EncodeToString(b[:n])
}

func (p *player) step(ctx context.Context, s *Step, parent string) {
	if s.Call != nil {
		p.call(ctx, s.Call, parent)
		return
	}
	at := p.g.cfg.Now()
	span := newSpan(p.task, s, at)
	span.TraceID, span.SpanID, span.ParentSpanID = p.trace, p.hex(8), parent
	var id ulid.ULID
	binary.BigEndian.PutUint64(id[8:], p.rng.Uint64())
	if err := id.SetTime(ulid.Timestamp(at)); err == nil {
		span.ID = id.String()
	}
	gone := p.g.cfg.Pace(ctx, s.Before)
	for _, c := range s.Children {
		if gone = errors.Join(gone, ctx.Err()); gone != nil {
			break
		}
		p.step(ctx, c, span.SpanID)
	}
	if gone == nil {
		gone = p.g.cfg.Pace(ctx, s.After)
	}
	if gone != nil { // the demo ends: the application does, too
		span.Status, span.ErrorType = llm.StatusError, "canceled"
	}
	span.Duration = p.g.cfg.Now().Sub(at)
	p.spans = append(p.spans, llm.Record{Span: span})
	p.events = append(p.events, event{step: s, span: span.SpanID, began: at, ended: at.Add(span.Duration)})
}

// call sends one call and reads its answer as far as its reader would.
func (p *player) call(ctx context.Context, c *Call, parent string) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req, err := p.request(ctx, c, parent)
	if err != nil {
		p.g.stats.unreachable.Add(1)
		return
	}
	p.g.stats.calls.Add(1)
	e := event{call: c, span: parent, began: p.g.cfg.Now()}
	defer func() {
		e.ended = p.g.cfg.Now()
		p.events = append(p.events, e)
	}()
	resp, err := p.client.Do(req)
	if err != nil {
		if ctx.Err() == nil {
			p.g.stats.unreachable.Add(1)
		}
		return
	}
	defer resp.Body.Close()
	e.status = resp.StatusCode
	leave := -1
	if c.LeaveAfter > 0 && resp.StatusCode == http.StatusOK {
		leave = max(1, int(c.LeaveAfter*float64(c.Chunks())))
	}
	e.response = read(resp.Body, leave)
}

// responseID finds the id of an answer in its first bytes.
var responseID = regexp.MustCompile(`"(?:id|responseId)" ?: ?"([^"]{6,100})"`)

// read reads the body to its end, or until so many events have come. It returns
// the answer's id, if there is one.
func read(r io.Reader, events int) (id string) {
	buf := make([]byte, 4096)
	for seen := 0; events < 0 || seen < events; {
		n, err := r.Read(buf)
		if id == "" && seen < 3 {
			if m := responseID.FindSubmatch(buf[:n]); m != nil {
				id = string(m[1])
			}
		}
		if bytes.Contains(buf[:n], []byte("data:")) {
			seen += bytes.Count(buf[:n], []byte("data:"))
		} else {
			seen += bytes.Count(buf[:n], []byte("\n")) // lines of JSON
		}
		if err != nil {
			return id
		}
	}
	return id
}
