package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// pitot is a running server and its API.
type pitot struct {
	cmd           *exec.Cmd
	api, gateway  string // base URLs
	otlp, grpc    string
	mu            sync.Mutex
	log           bytes.Buffer
	ended         chan struct{}
	client        http.Client
	readyDeadline time.Duration
}

var upLine = regexp.MustCompile(`msg="pitot is up" .*?\bapi=(\S+) gateway=(\S+) otlp_grpc=(\S+) otlp_http=(\S+)`)

// startPitot runs a server in dir with the given configuration and waits until it
// can record.
func startPitot(ctx context.Context, binary, dir, config string) (*pitot, error) {
	file := filepath.Join(dir, "pitot.yml")
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	p := &pitot{ended: make(chan struct{}), client: http.Client{Timeout: 30 * time.Second}, readyDeadline: 30 * time.Second}
	p.cmd = exec.Command(binary, "serve", //nolint:gosec // the binary to test is the caller's choice
		"--config", file, "--data", filepath.Join(dir, "data"), "--listen.api=127.0.0.1:0",
		"--listen.gateway=127.0.0.1:0", "--listen.otlp-grpc=127.0.0.1:0", "--listen.otlp-http=127.0.0.1:0")
	p.cmd.Env = append(os.Environ(), "NO_COLOR=1")
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start pitot: %w", err)
	}
	up := make(chan []string, 1)
	go p.read(out, up)
	timer := time.NewTimer(p.readyDeadline)
	defer timer.Stop()
	select {
	case m := <-up:
		p.api, p.gateway, p.grpc, p.otlp = "http://"+m[1], "http://"+m[2], m[3], "http://"+m[4]
	case <-p.ended:
		return nil, fmt.Errorf("pitot ended at once:\n%s", p.output())
	case <-timer.C:
		p.stop()
		return nil, fmt.Errorf("pitot did not come up:\n%s", p.output())
	case <-ctx.Done():
		p.stop()
		return nil, ctx.Err()
	}
	if err := p.eventually(ctx, func() error { return p.get(ctx, "/-/ready", nil) }); err != nil {
		p.stop()
		return nil, fmt.Errorf("pitot does not get ready: %w", err)
	}
	return p, nil
}

func (p *pitot) read(r io.Reader, up chan<- []string) {
	defer close(p.ended)
	for s := bufio.NewScanner(r); s.Scan(); {
		p.mu.Lock()
		if p.log.Len() < 1<<20 {
			p.log.WriteString(s.Text() + "\n")
		}
		p.mu.Unlock()
		if m := upLine.FindStringSubmatch(s.Text()); m != nil {
			select {
			case up <- m:
			default:
			}
		}
	}
	_ = p.cmd.Wait() // how it ended shows in its log
}

func (p *pitot) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// stop ends the server, at last by force.
func (p *pitot) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	t := time.NewTimer(15 * time.Second)
	defer t.Stop()
	select {
	case <-p.ended:
	case <-t.C:
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// eventually repeats f until it succeeds, for a while.
func (p *pitot) eventually(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, p.readyDeadline)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-p.ended:
			return fmt.Errorf("pitot ended: %w", err)
		case <-tick.C:
		}
	}
}

func (p *pitot) get(ctx context.Context, path string, to any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.api+path, nil)
	if err != nil {
		return err
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s: %s", path, resp.Status, bytes.TrimSpace(body))
	}
	if to == nil {
		return nil
	}
	return json.Unmarshal(body, to)
}

// call is a Call as the API returns it.
type call struct {
	ID            string   `json:"id"`
	Source        string   `json:"source"`
	TraceID       string   `json:"trace_id"`
	SpanID        string   `json:"span_id"`
	Provider      string   `json:"provider"`
	Operation     string   `json:"operation"`
	RequestModel  string   `json:"request_model"`
	ResponseModel string   `json:"response_model"`
	ResponseID    string   `json:"response_id"`
	Stream        bool     `json:"stream"`
	Status        string   `json:"status"`
	ErrorType     string   `json:"error_type"`
	HTTPStatus    int      `json:"http_status"`
	FinishReasons []string `json:"finish_reasons"`
	Usage         struct {
		Input      *int64 `json:"input_tokens"`
		Output     *int64 `json:"output_tokens"`
		CacheRead  *int64 `json:"cache_read_tokens"`
		CacheWrite *int64 `json:"cache_write_tokens"`
		Reasoning  *int64 `json:"reasoning_tokens"`
		Source     string `json:"source"`
	} `json:"usage"`
	Cost struct {
		USD   *float64 `json:"usd"`
		State string   `json:"state"`
	} `json:"cost"`
	Duration float64   `json:"duration_seconds"`
	TTFT     *float64  `json:"ttft_seconds"`
	User     string    `json:"user"`
	Session  string    `json:"session"`
	Agent    string    `json:"agent"`
	Workflow string    `json:"workflow"`
	Dialect  string    `json:"dialect"`
	Scope    string    `json:"scope"`
	Input    []message `json:"input"`
	Output   []message `json:"output"`
}

type message struct {
	Parts []struct {
		Type, Content, Name string
	} `json:"parts"`
}

// calls returns the calls of a service, oldest first.
func (p *pitot) calls(ctx context.Context, service string) ([]call, error) {
	var page struct{ Calls []call }
	err := p.get(ctx, "/api/pitot/v1/calls?order=oldest&limit=1000&service="+url.QueryEscape(service), &page)
	return page.Calls, err
}

func (p *pitot) detail(ctx context.Context, id string) (call, error) {
	var c call
	err := p.get(ctx, "/api/pitot/v1/calls/"+id, &c)
	return c, err
}

// span is what a trace says of a span.
type span struct {
	name string
	tags []string // values that are text
}

// ancestors returns the spans around a span, outermost first.
func (p *pitot) ancestors(ctx context.Context, traceID, spanID string) ([]span, error) {
	var answer struct {
		Data []struct {
			Spans []struct {
				SpanID        string `json:"spanID"`
				OperationName string `json:"operationName"`
				References    []struct {
					SpanID string `json:"spanID"`
				} `json:"references"`
				Tags []struct {
					Value any `json:"value"`
				} `json:"tags"`
			} `json:"spans"`
		} `json:"data"`
	}
	if err := p.get(ctx, "/jaeger/api/traces/"+traceID, &answer); err != nil {
		return nil, err
	}
	if len(answer.Data) != 1 {
		return nil, fmt.Errorf("%d traces have the id %s", len(answer.Data), traceID)
	}
	spans, parent := map[string]span{}, map[string]string{}
	for _, s := range answer.Data[0].Spans {
		one := span{name: s.OperationName}
		for _, t := range s.Tags {
			if text, ok := t.Value.(string); ok {
				one.tags = append(one.tags, text)
			}
		}
		spans[s.SpanID] = one
		if len(s.References) > 0 {
			parent[s.SpanID] = s.References[0].SpanID
		}
	}
	var out []span
	for id := parent[spanID]; id != "" && len(out) <= len(spans); id = parent[id] {
		out = append([]span{spans[id]}, out...)
	}
	return out, nil
}

// query returns the single value of a PromQL expression.
func (p *pitot) query(ctx context.Context, expr string) (float64, error) {
	var answer struct {
		Data struct {
			Result []struct {
				Value [2]any `json:"value"`
			} `json:"result"`
		} `json:"data"`
	}
	if err := p.get(ctx, "/api/v1/query?query="+url.QueryEscape(expr), &answer); err != nil {
		return 0, err
	}
	if len(answer.Data.Result) == 0 {
		return 0, nil
	}
	text, _ := answer.Data.Result[0].Value[1].(string)
	return strconv.ParseFloat(text, 64)
}

// account is the ledger of one source of records.
type account struct {
	Source   string            `json:"source"`
	InFlight int64             `json:"in_flight"`
	Dropped  map[string]uint64 `json:"dropped"`
}

func (p *pitot) ledger(ctx context.Context) ([]account, error) {
	var ledger struct{ Sources []account }
	err := p.get(ctx, "/api/pitot/v1/ledger", &ledger)
	return ledger.Sources, err
}

// settled is nil when everything that was received is stored.
func (p *pitot) settled(ctx context.Context) error {
	accounts, err := p.ledger(ctx)
	for _, a := range accounts {
		if a.InFlight > 0 {
			err = errors.Join(err, fmt.Errorf("the ledger has %d records of %s in flight", a.InFlight, a.Source))
		}
	}
	return err
}

// dropped is nil when nothing was dropped but what is counted elsewhere.
func (p *pitot) dropped(ctx context.Context) error {
	accounts, err := p.ledger(ctx)
	for _, a := range accounts {
		for reason, n := range a.Dropped {
			if n > 0 && reason != "duplicate" {
				err = errors.Join(err, fmt.Errorf("the ledger says that %d records of %s were dropped: %s", n, a.Source, reason))
			}
		}
	}
	return err
}
