package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"sync"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/metrics"
	"github.com/pitot-dev/pitot/internal/server"
	"github.com/pitot-dev/pitot/internal/testkit/fleet"
	"github.com/pitot-dev/pitot/internal/testkit/traffic"
)

// demoHistory is what the demo makes up of the time before it was started.
type demoHistory struct {
	srv        *server.Server
	gen        *traffic.Generator
	out        *outside
	machines   fleet.Config
	probes     *probePast
	start, end time.Time
}

// machineStep is how often the history has figures of model servers.
const machineStep = 15 * time.Second

// fill stores the history while the server runs.
func (h *demoHistory) fill(ctx context.Context, log *slog.Logger) {
	began := time.Now()
	calls := 0
	err := h.srv.Backfill(ctx, server.Backfill{
		Start: h.start, End: h.end,
		Produce: func(start, end time.Time, emit func(llm.Record) error) error {
			err := h.gen.Past(start, end, h.end, func(r llm.Record) error {
				if r.Log != nil {
					h.out.line(ctx, r.Log)
					return ctx.Err()
				}
				if r.Call != nil {
					calls++
				}
				return emit(r)
			})
			h.out.flush(ctx)
			return err
		},
		Scrape: h.scrape,
	})
	switch {
	case ctx.Err() != nil:
	case err != nil:
		log.Error("the history is not complete", "err", err)
	default:
		log.Info("history is complete", "calls", calls, "of", h.end.Sub(h.start), "took", time.Since(began).Round(100*time.Millisecond))
	}
}

// scrape gives what model servers and GPUs said. It is another Fleet than the
// one that is scraped now, which is further on.
func (h *demoHistory) scrape(start, end time.Time, emit server.ScrapedFunc) error {
	f := fleet.New(h.machines)
	targets := f.Targets()
	for t := h.start; t.Before(end); t = t.Add(machineStep) {
		f.Advance(t)
		if t.Before(start) {
			continue
		}
		answers := []metrics.Answer{{Target: map[string]string{"job": "pitot", "instance": "pitot"}, Families: h.probes.families(t)}}
		for _, x := range targets {
			labels := map[string]string{"job": x.Job, "instance": x.Instance, "cluster": x.Cluster}
			answers = append(answers, metrics.Answer{Target: labels, Families: f.Families(x.Path)})
		}
		if err := emit(t, answers); err != nil {
			return err
		}
	}
	return nil
}

// outside sends what applications send over HTTP: log lines, as a log shipper
// does, and feedback. What cannot be sent is said once.
type outside struct {
	api    string
	client *http.Client
	log    *slog.Logger

	mu    sync.Mutex
	bulk  bytes.Buffer
	lines int
	said  sync.Map // what went wrong, by path
}

// maxLines is how many lines go in one request.
const maxLines = 2000

// line ships a log line, with others.
func (o *outside) line(ctx context.Context, l *llm.Log) {
	doc := maps.Clone(l.Attributes)
	if doc == nil {
		doc = map[string]any{}
	}
	for k, v := range map[string]string{
		"@timestamp": l.Time.Format(time.RFC3339Nano), "level": l.Level, "message": l.Message, "service": l.Service,
		"environment": l.Environment, "logger": l.Scope, "trace_id": l.TraceID, "span_id": l.SpanID,
	} {
		if v != "" {
			doc[k] = v
		}
	}
	body, err := json.Marshal(doc)
	if err != nil {
		return
	}
	o.mu.Lock()
	fmt.Fprintf(&o.bulk, `{"index":{"_id":%q}}`+"\n%s\n", l.ID, body)
	o.lines++
	full := o.lines >= maxLines
	o.mu.Unlock()
	if full {
		o.flush(ctx)
	}
}

// flush sends the lines that wait.
func (o *outside) flush(ctx context.Context) {
	o.mu.Lock()
	body := bytes.Clone(o.bulk.Bytes())
	o.bulk.Reset()
	o.lines = 0
	o.mu.Unlock()
	if len(body) > 0 {
		o.post(ctx, "/app-logs/_bulk", "application/x-ndjson", body)
	}
}

// judge sends feedback, as the page of the application does.
func (o *outside) judge(ctx context.Context, f *llm.Feedback) {
	body, err := json.Marshal(struct {
		ResponseID string           `json:"response_id,omitempty"`
		SessionID  string           `json:"session_id,omitempty"`
		Name       string           `json:"name,omitempty"`
		Score      llm.Opt[float64] `json:"score,omitzero"`
		Label      string           `json:"label,omitempty"`
		Comment    string           `json:"comment,omitempty"`
		Evaluator  string           `json:"evaluator,omitempty"`
		User       string           `json:"user,omitempty"`
	}{f.ResponseID, f.SessionID, f.Name, f.Score, f.Label, f.Comment, f.Evaluator, f.User})
	if err == nil {
		o.post(ctx, "/api/pitot/v1/feedback", "application/json", body)
	}
}

// post sends a body, again where the server has no room for it now.
func (o *outside) post(ctx context.Context, path, contentType string, body []byte) {
	for attempt := range 5 {
		req, err := http.NewRequestWithContext(ctx, http.MethodPost, o.api+path, bytes.NewReader(body))
		if err != nil {
			return
		}
		req.Header.Set("Content-Type", contentType)
		resp, err := o.client.Do(req)
		if err != nil {
			o.say(ctx, path, err.Error())
			return
		}
		answer, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
		resp.Body.Close()
		switch {
		case resp.StatusCode < 300:
			return
		case resp.StatusCode != http.StatusTooManyRequests && resp.StatusCode != http.StatusServiceUnavailable:
			o.say(ctx, path, resp.Status+": "+string(answer))
			return
		}
		select {
		case <-time.After(time.Duration(attempt+1) * time.Second):
		case <-ctx.Done():
			return
		}
	}
}

func (o *outside) say(ctx context.Context, path, detail string) {
	if _, before := o.said.LoadOrStore(path, true); !before && ctx.Err() == nil {
		o.log.Warn("the demo could not send everything", "path", path, "err", detail)
	}
}
