package api

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"github.com/pitot-dev/pitot/internal/config"
	"github.com/pitot-dev/pitot/internal/doctor"
	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/price"
)

// plainTable is the embedded price table.
var plainTable = sync.OnceValues(func() (*price.Table, error) { return price.New(price.Config{}) })

// moneyOptions gives an API what the endpoints about money and set-up need.
func moneyOptions(t *testing.T, o *Options) {
	table, err := plainTable()
	if err != nil {
		t.Fatal(err)
	}
	o.Prices = func() *price.Table { return table }
	o.Usages = func(_ context.Context, q events.UsageQuery) ([]events.UsageGroup, error) {
		if q.State == llm.CostUnpriced {
			return []events.UsageGroup{fullUnpriced()}, nil
		}
		return []events.UsageGroup{fullUsage(q.By)}, nil
	}
	o.ScanCalls = scanOf(3)
	up := 1
	o.Config = func() ConfigReport {
		return ConfigReport{
			File: "pitot.yml", Digest: "abc", Loaded: now, LastError: "line 3", YAML: "storage: {}\n",
			Changed:  []ConfigChange{{Key: "storage.events.retention", Value: "7d", Default: "30d"}},
			Warnings: []ConfigWarning{{Code: "reload_failed", Message: "The last reload failed."}},
		}
	}
	o.Setup = func(context.Context) SetupReport {
		return SetupReport{
			Since: now, Scanning: true, Addresses: map[string]string{"api": "127.0.0.1:4400", "gateway": "0.0.0.0:4401", "otlp_grpc": "[::]:4317"},
			Ways: []SetupWay{
				{Way: WayGateway, Received: true, Count: 3, First: now, Last: now, Refused: 1, Parts: []SetupPart{{Name: "openai", Scope: "s", Count: 3, First: now, Last: now}}},
				{Way: WayScrape, Parts: []SetupPart{{Name: "vllm", Count: 2, Up: &up, Error: "connection refused"}}},
				{Way: WaySDK},
			},
		}
	}
	o.Facts = func(context.Context) doctor.Facts {
		return doctor.Facts{Started: now.Add(-time.Hour), Received: 5, Stores: 5, SamplingRate: 0.5, ContentKept: "metrics", Dropped: map[string]uint64{"too_old": 1}, Retention: 30 * day}
	}
}

func fullUsage(by []string) events.UsageGroup {
	values := map[string]string{}
	for _, b := range by {
		values[b] = "anthropic"
	}
	return events.UsageGroup{
		Values: values, Provider: "anthropic", RequestModel: "claude-sonnet-4-5", Operation: llm.OpChat, State: llm.CostComputed, Calls: 2, InputOfOne: 1000,
		Usage: llm.Usage{InputTokens: llm.Some[int64](1_000_000), CacheReadTokens: llm.Some[int64](600_000), CacheWriteTokens: llm.Some[int64](100_000), Source: llm.UsageReported},
		First: now.Add(-time.Hour), Last: now,
	}
}

func fullUnpriced() events.UsageGroup {
	return events.UsageGroup{
		Provider: "deepinfra-like", Upstream: "far", RequestModel: "acme/claude-sonnet-4-5-turbo: \"x\"", ResponseModel: "claude-x", Operation: llm.OpChat, State: llm.CostUnpriced, Reason: "unknown_model", Calls: 12,
		Usage: llm.Usage{
			InputTokens: llm.Some[int64](1_000_000), OutputTokens: llm.Some[int64](100_000), CacheReadTokens: llm.Some[int64](0), CacheWriteTokens: llm.Some[int64](0), Source: llm.UsageReported,
		},
		First: now.Add(-time.Hour), Last: now,
	}
}

// scanning makes a store of n Calls, in batches.
func scanning(n int) func(*Options) { return func(o *Options) { o.ScanCalls = scanOf(n) } }

const scanBatch = 500

func scanOf(n int) func(context.Context, events.CallFilter, bool) (int64, events.CallBatches, error) {
	return func(context.Context, events.CallFilter, bool) (int64, events.CallBatches, error) {
		return int64(n), func(_ context.Context, yield func([]*llm.Call) error) error {
			for first := 0; first < n; first += scanBatch {
				var batch []*llm.Call
				for i := first; i < min(first+scanBatch, n); i++ {
					c := *fullCall()
					c.ResponseID = strconv.Itoa(i)
					batch = append(batch, &c)
				}
				if err := yield(batch); err != nil {
					return err
				}
			}
			return nil
		}, nil
	}
}

// scanOne makes a store of these Calls.
func scanOne(calls ...*llm.Call) func(*Options) {
	return func(o *Options) {
		o.ScanCalls = func(context.Context, events.CallFilter, bool) (int64, events.CallBatches, error) {
			return int64(len(calls)), func(_ context.Context, yield func([]*llm.Call) error) error { return yield(calls) }, nil
		}
	}
}

func TestExportCSV(t *testing.T) {
	a := newAPI(t, scanning(2*scanBatch+3))
	w := wantOK(t, a.get(base+"/calls/export?start=2026-11-20T00:00:00Z&end=2026-11-21T00:00:00Z&model=m"))
	if d := w.Header().Get("Content-Disposition"); d != `attachment; filename="pitot-calls-20261120T000000Z-20261121T000000Z.csv"` {
		t.Error(d)
	}
	tr := w.Result().Trailer
	if tr.Get(trailerRows) != fmt.Sprint(2*scanBatch+3) || tr.Get(trailerComplete) != "true" {
		t.Errorf("%v", tr)
	}
	rows, err := csv.NewReader(w.Body).ReadAll()
	if err != nil || len(rows) != 2*scanBatch+4 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	got := map[string]string{}
	for i, name := range rows[0] {
		got[name] = rows[2*scanBatch+3][i]
	}
	for name, want := range map[string]string{
		"response_id": fmt.Sprint(2*scanBatch + 2), "time": "2026-11-21T09:59:00.123456Z", "stream": "true", "input_tokens": "120", "cost_usd": "0.00037", "duration_seconds": "1.2",
		"finish_reasons": "stop tool_call", "tags": `{"team":"a"}`, "weight": "10", "notes": "client_gone", "cache_write_1h_tokens": "16",
	} {
		if got[name] != want {
			t.Errorf("%s is %q, want %q", name, got[name], want)
		}
	}
}

// TestExportIsWhole compares the columns with the document that people build on.
func TestExportColumns(t *testing.T) {
	want := strings.Split("id,time,source,service,environment,upstream,provider,operation,request_model,response_model,response_id,service_tier,region,stream,status,error_type,error_message,http_status,finish_reasons,"+
		"duration_seconds,ttft_seconds,tpot_seconds,gateway_overhead_seconds,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,cache_write_1h_tokens,reasoning_tokens,input_audio_tokens,output_audio_tokens,"+
		"images,audio_seconds,characters,searches,usage_source,cost_usd,cost_state,cost_rule,cost_reason,user,session,feature,prompt_name,prompt_version,agent,workflow,dialect,scope,weight,trace_id,span_id,parent_span_id,tags,notes", ",")
	var got []string
	for _, c := range callColumns() {
		got = append(got, c.Name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestExportFormula has a user who names himself so that a spreadsheet computes.
func TestExportFormula(t *testing.T) {
	c := fullCall()
	c.User, c.ErrorMessage = `=HYPERLINK("http://evil")`, "@x\r\ny"
	a := newAPI(t, scanOne(c))
	body := wantOK(t, a.get(base+"/calls/export?bom=true")).Body.String()
	if !strings.HasPrefix(body, "\ufeffid,") || !strings.Contains(body, `,"'=HYPERLINK(""http://evil"")",`) || !strings.Contains(body, ",\"'@x\r\ny\",") {
		t.Errorf("%q", body)
	}
}

func TestExportParquet(t *testing.T) {
	bare := &llm.Call{ID: callID, Time: now, Status: llm.StatusOK} // knows nothing else
	a := newAPI(t, scanOne(fullCall(), bare, fullCall(), fullCall(), fullCall()))
	w := wantOK(t, a.get(base+"/calls/export?format=parquet"))
	f, err := parquet.OpenFile(bytes.NewReader(w.Body.Bytes()), int64(w.Body.Len()))
	if err != nil || f.NumRows() != 5 || len(f.Schema().Columns()) != len(callTable) {
		t.Fatalf("%v %v", err, f)
	}
	rows := make([]parquet.Row, 5)
	r := f.RowGroups()[0].Rows()
	defer r.Close()
	if n, err := r.ReadRows(rows); n != 5 || err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(n, err)
	}
	for i, c := range callTable {
		v := rows[1][i]
		known := slices.Contains([]string{"id", "time", "stream", "status", "duration_seconds", "weight"}, c.Name)
		if v.IsNull() == known {
			t.Errorf("%s of a call that knows nothing is %v", c.Name, v)
		}
		if rows[0][i].IsNull() && c.Name != "input_video_tokens" {
			t.Errorf("%s of a full call is null", c.Name)
		}
	}
	if at := rows[0][1]; at.Int64() != fullCall().Time.UnixMicro() {
		t.Errorf("time %v", at)
	}
}

func TestExportLines(t *testing.T) {
	a := newAPI(t, scanning(scanBatch+1))
	w := wantOK(t, a.get(base+"/calls/export?format=jsonl"))
	dec := json.NewDecoder(w.Body)
	n := 0
	for ; ; n++ {
		var c llm.Call
		if err := dec.Decode(&c); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		if c.ResponseID != fmt.Sprint(n) || c.Duration != 1200*time.Millisecond {
			t.Fatalf("%+v", c)
		}
	}
	if n != scanBatch+1 {
		t.Errorf("%d lines", n)
	}
}

func TestExportLimits(t *testing.T) {
	a := newAPI(t, scanning(maxExportCalls+1))
	wantError(t, a.get(base+"/calls/export"), http.StatusUnprocessableEntity, CodeTooManyRows)
	for _, limit := range []int{7, scanBatch} {
		w := wantOK(t, a.get(base+"/calls/export?limit="+strconv.Itoa(limit)))
		if tr := w.Result().Trailer; tr.Get(trailerRows) != strconv.Itoa(limit) || tr.Get(trailerComplete) != "false" || strings.Count(w.Body.String(), "\r\n") != limit+1 {
			t.Errorf("%v", tr)
		}
	}
	if tr := wantOK(t, newAPI(t, scanning(7)).get(base+"/calls/export?limit=7")).Result().Trailer; tr.Get(trailerComplete) != "true" {
		t.Errorf("%v", tr)
	}
	for _, format := range []string{"csv", "jsonl", "parquet"} {
		w := wantOK(t, newAPI(t, scanning(0)).get(base+"/calls/export?format="+format))
		if tr := w.Result().Trailer; tr.Get(trailerRows) != "0" || tr.Get(trailerComplete) != "true" || w.Header().Get("Content-Disposition") == "" {
			t.Errorf("%s: %v %q", format, tr, w.Body)
		}
	}
}

// TestExportFails has a store that fails at once, and one that fails later.
func TestExportFails(t *testing.T) {
	a := newAPI(t, func(o *Options) {
		o.ScanCalls = func(context.Context, events.CallFilter, bool) (int64, events.CallBatches, error) {
			return 0, nil, &events.UnavailableError{Op: "scan", Err: errors.New("gone")}
		}
	})
	a.events.failing(&events.UnavailableError{Op: "costs", Err: errors.New("gone")})
	wantError(t, a.get(base+"/calls/export"), http.StatusServiceUnavailable, CodeStoreDown)
	wantError(t, a.get(base+"/costs/export"), http.StatusServiceUnavailable, CodeStoreDown)

	a = newAPI(t, func(o *Options) {
		o.ScanCalls = func(ctx context.Context, f events.CallFilter, oldest bool) (int64, events.CallBatches, error) {
			n, all, err := scanOf(3*scanBatch)(ctx, f, oldest)
			return n, func(ctx context.Context, yield func([]*llm.Call) error) error {
				return errors.Join(all(ctx, yield), errors.New("gone"))
			}, err
		}
	})
	srv := httptest.NewServer(a.h)
	defer srv.Close()
	resp, err := http.Get(srv.URL + base + "/calls/export") //nolint:noctx // a test's own server
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if b, err := io.ReadAll(resp.Body); err == nil {
		t.Errorf("half a file of %d bytes looks whole", len(b))
	}
}

// TestExportsAreBounded has more exports at once than are taken.
func TestExportsAreBounded(t *testing.T) {
	began, end := make(chan bool, maxExports+1), make(chan bool)
	a := newAPI(t, func(o *Options) {
		o.ScanCalls = func(ctx context.Context, f events.CallFilter, oldest bool) (int64, events.CallBatches, error) {
			began <- true
			<-end
			return scanOf(1)(ctx, f, oldest)
		}
	})
	var wg sync.WaitGroup
	for range maxExports {
		wg.Go(func() {
			a.h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, base+"/calls/export", http.NoBody))
		})
		<-began
	}
	wantError(t, a.get(base+"/calls/export"), http.StatusServiceUnavailable, CodeOverloaded)
	close(end)
	wg.Wait()
	wantOK(t, a.get(base+"/calls/export"))
}

func TestExportHead(t *testing.T) {
	r := httptest.NewRequest(http.MethodHead, base+"/calls/export?format=parquet", http.NoBody)
	w := httptest.NewRecorder()
	newAPI(t).h.ServeHTTP(w, r)
	if w.Code != http.StatusOK || w.Body.Len() != 0 || w.Header().Get("Content-Type") != "application/vnd.apache.parquet" {
		t.Errorf("%d %q", w.Code, w.Body)
	}
}

func TestExportCosts(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	var asked events.CostQuery
	costs := a.events.costs
	a.events.costs = func(ctx context.Context, q events.CostQuery) ([]events.Group, error) {
		asked = q
		groups, err := costs(ctx, q)
		return groups[:1], err
	}
	w := wantOK(t, a.get(base+"/costs/export?by=user&step=1d"))
	want := "time,user,calls,errors,input_tokens,output_tokens,cache_read_tokens,cache_write_tokens,reasoning_tokens,cost_usd,cost_reported_usd,cost_computed_usd,cost_estimated_usd,calls_unpriced,duration_seconds_sum\r\n" +
		"2026-11-21T10:00:00Z,u1,100,1,1000,300,5,6,7,1.25,0,1.25,0,2,150\r\n"
	if w.Body.String() != want {
		t.Errorf("%q", w.Body)
	}
	if asked.Limit != maxExportGroups || asked.Step != day {
		t.Errorf("%+v", asked)
	}
}

func TestPrices(t *testing.T) {
	a := newAPI(t)
	a.events.full()
	a.events.costs = func(_ context.Context, q events.CostQuery) ([]events.Group, error) {
		if !q.End.Equal(now) || q.End.Sub(q.Start) != usedRange {
			t.Errorf("%+v", q.Range)
		}
		g := func(provider, model, response string) events.Group {
			return events.Group{Values: map[string]string{"provider": provider, "model": model, "response_model": response}, Totals: events.Totals{Calls: 10, CostUSD: 1}}
		}
		return []events.Group{g("openai", "gpt-4o", "gpt-4o-2024-08-06"), g("openai", "gpt-4o", ""), g("vllm", "mine", ""), g("vllm", "mine", "mine-2")}, nil
	}
	l := decode[PriceList](t, wantOK(t, a.get(base+"/prices")).Body.Bytes())
	if l.Scope != scopeUsed || len(l.Prices) == 0 || l.Truncated || l.Checked < "2025" {
		t.Fatalf("%+v", l)
	}
	var calls int64
	for _, row := range l.Prices {
		for _, u := range row.UsedBy {
			calls += u.Calls
		}
		if row.Prices.Input == nil || *row.Prices.Input <= 0 {
			t.Errorf("%+v", row)
		}
	}
	if calls != 20 {
		t.Errorf("%d calls are priced", calls)
	}
	if diff := cmp.Diff([]UnpricedModel{{"vllm", "mine", 20, "unknown_model"}}, l.Unpriced); diff != "" {
		t.Error(diff)
	}
	all := decode[PriceList](t, wantOK(t, a.get(base+"/prices?scope=all&limit=10")).Body.Bytes())
	if len(all.Prices) != 10 || !all.Truncated || len(all.Unpriced) != 0 {
		t.Errorf("%d prices", len(all.Prices))
	}
	one := decode[PriceList](t, wantOK(t, a.get(base+"/prices?model=gpt-4o&provider=openai&history=true")).Body.Bytes())
	if one.Scope != scopeAll || len(one.Prices) < 2 {
		t.Errorf("%+v", one)
	}
	for _, row := range one.Prices {
		if row.Provider != "openai" || !strings.Contains(row.Model+strings.Join(row.Also, ""), "gpt-4o") {
			t.Errorf("%+v", row)
		}
	}
}

func TestExplainPrice(t *testing.T) {
	a := newAPI(t)
	x := decode[struct {
		CallID      string `json:"call_id"`
		Comparison  string
		Explanation struct {
			Cost       llm.Cost
			Components []struct {
				Kind     string
				Quantity float64
				USD      float64
			}
		}
	}](t, wantOK(t, a.get(base+"/prices/explain?model=claude-sonnet-4-5&provider=anthropic&input_tokens=1000&cache_read_tokens=400&output_tokens=10")).Body.Bytes())
	if usd, _ := x.Explanation.Cost.USD.Get(); x.CallID != "" || x.Comparison != "" || usd <= 0 || len(x.Explanation.Components) != 3 || x.Explanation.Components[0].Quantity != 600 {
		t.Errorf("%+v", x)
	}
	wantError(t, a.get(base+"/prices/explain"), 400, CodeBadParameter)
	wantError(t, a.get(base+"/prices/explain?model=a&input_tokens=-1"), 400, CodeBadParameter)
	wantError(t, a.get(base+"/prices/explain?model=a&input_tokens=1.5"), 400, CodeBadParameter)
	wantError(t, a.get(base+"/prices/explain?model=a&call_id="+callID), 400, CodeBadParameter)
	wantError(t, a.get(base+"/prices/explain?call_id=x"), 400, CodeBadParameter)
}

// TestExplainCall has each way in which what was stored can compare.
func TestExplainCall(t *testing.T) {
	known := func() *llm.Call {
		c := fullCall()
		c.Provider, c.RequestModel, c.ResponseModel, c.ServiceTier, c.Region, c.Upstream = "openai", "gpt-4o", "", "", "", ""
		c.Usage = llm.Usage{InputTokens: llm.Some[int64](1000), OutputTokens: llm.Some[int64](100), Source: llm.UsageReported}
		return c
	}
	table, err := plainTable()
	if err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*llm.Call){
		costSame:     func(*llm.Call) {},
		costDiffers:  func(c *llm.Call) { c.Cost.USD = llm.Some(0.5) },
		costReported: func(c *llm.Call) { c.Cost = llm.Cost{State: llm.CostReported, USD: llm.Some(0.5)} },
		costSince:    func(c *llm.Call) { c.Cost = llm.Cost{State: llm.CostUnpriced, Reason: "unknown_model"} },
		costUnpriced: func(c *llm.Call) {
			c.Cost, c.RequestModel = llm.Cost{State: llm.CostUnpriced, Reason: "unknown_model"}, "unheard-of"
		},
		costNoLonger: func(c *llm.Call) { c.RequestModel = "unheard-of" },
	} {
		a := newAPI(t)
		c := known()
		c.Cost = llm.Cost{}
		c.Cost = table.Price(c)
		change(c)
		a.events.call = func(context.Context, string) (*events.CallDetail, error) { return &events.CallDetail{Call: c}, nil }
		x := decode[struct {
			CallID        string `json:"call_id"`
			Comparison    string
			Message       string
			MessageZH     string `json:"message_zh"`
			Stored        llm.Cost
			DifferenceUSD llm.Opt[float64] `json:"difference_usd"`
		}](t, wantOK(t, a.get(base+"/prices/explain?call_id="+callID)).Body.Bytes())
		differs := want == costDiffers || want == costReported
		if x.Comparison != want || x.Message == "" || x.MessageZH == "" || x.MessageZH == x.Message || x.CallID != callID || x.Stored.State != c.Cost.State || x.DifferenceUSD.Known() != differs {
			t.Errorf("%s: %+v", want, x)
		}
	}
	a := newAPI(t)
	a.events.call = func(context.Context, string) (*events.CallDetail, error) { return nil, events.ErrNotFound }
	wantError(t, a.get(base+"/prices/explain?call_id="+callID), 404, CodeNotFound)
}

// TestUnpricedSuggestionsWork pastes each suggestion into a configuration, loads
// it, and prices the calls.
func TestUnpricedSuggestionsWork(t *testing.T) {
	groups := []events.UsageGroup{fullUnpriced()}
	for _, x := range []struct{ provider, model string }{
		{"vllm", "meta-llama/Llama-3.1-70B-Instruct"},
		{"openai", "gpt-4o-secret"},
		{"ollama", "qwen2.5:7b"},
		{"somebody", "entirely unheard of"},
		{"azure", "my: deployment # 1"},
		{"", "claude-sonnet-9"},
		{"dashscope", "qwen-plus-private"},
	} {
		g := fullUnpriced()
		g.Provider, g.Upstream, g.RequestModel, g.ResponseModel = x.provider, "", x.model, ""
		groups = append(groups, g)
	}
	a := newAPI(t, func(o *Options) {
		o.Usages = func(context.Context, events.UsageQuery) ([]events.UsageGroup, error) { return groups, nil }
	})
	a.events.full()
	rep := decode[UnpricedReport](t, wantOK(t, a.get(base+"/prices/unpriced")).Body.Bytes())
	if rep.Calls != int64(12*len(groups)) || rep.TotalCalls != 200 || len(rep.Models) != len(groups) {
		t.Errorf("%+v", rep)
	}
	aliases := 0
	for i, m := range rep.Models {
		if len(m.Suggestions) == 0 || m.Advice == "" || m.AdviceZH == "" || m.AdviceZH == m.Advice {
			t.Errorf("no suggestion for %s: %+v", m.Model, m)
		}
		for _, sg := range m.Suggestions {
			cfg, err := config.Parse("pitot.yml", []byte(sg.YAML))
			if err != nil {
				t.Fatalf("%s: %v\n%s", m.Model, err, sg.YAML)
			}
			table, err := price.New(cfg.Prices)
			if err != nil {
				t.Fatal(err)
			}
			g := &groups[i]
			c := &llm.Call{Provider: g.Provider, Upstream: g.Upstream, RequestModel: g.RequestModel, ResponseModel: g.ResponseModel, Operation: g.Operation, Time: g.Last, Usage: g.Usage}
			cost := table.Price(c)
			usd, ok := cost.USD.Get()
			want, known := sg.WouldCostUSD.Get()
			if !ok || cost.State != llm.CostComputed || !known {
				t.Errorf("%s, %s of %s: %+v\n%s", m.Model, sg.Kind, sg.Like, cost, sg.YAML)
			}
			if sg.Kind == "override" && usd != want {
				t.Errorf("%s: costs %v, and %v was promised", m.Model, usd, want)
			}
			if sg.Kind == "alias" {
				aliases++
				if sim, ok := sg.Similarity.Get(); sg.Like == "" || !ok || sim < 0.4 || sim > 1 {
					t.Errorf("%+v", sg)
				}
			}
		}
	}
	if aliases < 6 {
		t.Errorf("%d aliases", aliases)
	}
}

func TestUnpricedReasons(t *testing.T) {
	g := fullUnpriced()
	g.Reason = "unknown_usage"
	lacking := fullUnpriced()
	lacking.Reason, lacking.Provider, lacking.Upstream, lacking.RequestModel, lacking.ResponseModel = "unknown_price", "openai", "", "gpt-4o", ""
	lacking.Usage = llm.Usage{InputTokens: llm.Some[int64](1), OutputTokens: llm.Some[int64](1), Source: llm.UsageReported}
	broken, fine := fullUnpriced(), fullUnpriced()
	broken.Reason, broken.Values, broken.RequestModel = "unknown_usage", map[string]string{"status": "error"}, "breaks"
	fine.Reason, fine.Values, fine.RequestModel = "unknown_usage", map[string]string{"status": "ok"}, g.RequestModel
	nameless := fullUnpriced()
	nameless.RequestModel, nameless.ResponseModel = "", ""
	since := fullUnpriced()
	since.Provider, since.Upstream, since.RequestModel, since.ResponseModel = "openai", "", "gpt-4o", ""
	a := newAPI(t, func(o *Options) {
		o.Usages = func(context.Context, events.UsageQuery) ([]events.UsageGroup, error) {
			return []events.UsageGroup{g, lacking, nameless, since, fine, broken}, nil
		}
	})
	a.events.full()
	rep := decode[UnpricedReport](t, wantOK(t, a.get(base+"/prices/unpriced?limit=5")).Body.Bytes())
	advice := map[string]bool{}
	for _, m := range rep.Models {
		advice[m.Advice] = true
	}
	if x := rep.Models[4]; len(rep.Models) != 5 || x.FailedCalls != 12 || x.Calls != 12 || rep.Models[0].Calls != 24 || rep.Models[0].FailedCalls != 0 {
		t.Errorf("%+v", rep.Models)
	}
	if len(advice) != 5 || len(rep.Models[0].Suggestions) != 0 || len(rep.Models[2].Suggestions) != 0 {
		t.Errorf("%+v", rep.Models)
	}
	short := decode[UnpricedReport](t, wantOK(t, a.get(base+"/prices/unpriced?limit=1")).Body.Bytes())
	if len(short.Models) != 1 || short.Calls != 72 {
		t.Errorf("%+v", short)
	}
}

func TestCacheCosts(t *testing.T) {
	a := newAPI(t, func(o *Options) {
		o.Usages = func(_ context.Context, q events.UsageQuery) ([]events.UsageGroup, error) {
			if !q.Cached || q.Service != "checkout" || len(q.By) != 1 {
				t.Errorf("%+v", q)
			}
			priced, not := fullUsage(q.By), fullUsage(q.By)
			priced.Values, not.Values = map[string]string{"user": "a"}, map[string]string{"user": "b"}
			not.RequestModel = "unheard-of"
			return []events.UsageGroup{priced, not}, nil
		}
	})
	a.events.costs = func(context.Context, events.CostQuery) ([]events.Group, error) {
		g := func(user string, read int64) events.Group {
			return events.Group{Values: map[string]string{"user": user}, Totals: events.Totals{Calls: 10, InputTokens: 2_000_000, CacheReadTokens: read, CacheWriteTokens: 100_000}}
		}
		return []events.Group{g("b", 600_000), g("a", 600_000), g("c", 0)}, nil
	}
	r := decode[CacheReport](t, wantOK(t, a.get(base+"/costs/cache?by=user&service=checkout")).Body.Bytes())
	if len(r.Groups) != 3 || r.Groups[0].Values["user"] != "a" || r.Totals.Calls != 30 {
		t.Fatalf("%+v", r)
	}
	// Claude Sonnet 4.5: 3 dollars of input, 0.30 read, 3.75 written.
	g := r.Groups[0]
	for name, x := range map[string]struct {
		got  llm.Opt[float64]
		want float64
	}{
		"hit_ratio": {g.HitRatio, 0.3}, "input": {g.InputUSD, 0.9 + 0.18 + 0.375}, "uncached": {g.UncachedUSD, 3}, "saved": {g.ReadSavedUSD, 1.62}, "extra": {g.WriteExtraUSD, 0.075}, "net": {g.NetUSD, 1.545},
	} {
		if v, ok := x.got.Get(); !ok || v-x.want > 1e-9 || x.want-v > 1e-9 {
			t.Errorf("%s is %v, want %v", name, v, x.want)
		}
	}
	b := r.Groups[slices.IndexFunc(r.Groups, func(g CacheGroup) bool { return g.Values["user"] == "b" })]
	if b.NetUSD.Known() || b.UnpricedCalls != 2 || b.UnpricedCacheTokens != 700_000 || b.CachedCalls != 2 {
		t.Errorf("%+v", b)
	}
	c := r.Groups[slices.IndexFunc(r.Groups, func(g CacheGroup) bool { return g.Values["user"] == "c" })]
	if v, ok := c.NetUSD.Get(); !ok || v != 0 || c.CachedCalls != 0 {
		t.Errorf("%+v", c)
	}
	if v, _ := r.Totals.NetUSD.Get(); r.Totals.UnpricedCalls != 2 || v < 1.5 {
		t.Errorf("%+v", r.Totals)
	}
}

func TestForecast(t *testing.T) {
	a := newAPI(t)
	a.events.costs = func(_ context.Context, q events.CostQuery) ([]events.Group, error) {
		if q.Model != "m" {
			t.Errorf("%+v", q)
		}
		if q.Step == 0 {
			h := q.End.Sub(q.Start).Hours()
			return []events.Group{{Totals: events.Totals{Calls: int64(h), CostUSD: 2 * h, ByState: map[llm.CostState]events.StateTotal{llm.CostUnpriced: {Calls: 1}}}}}, nil
		}
		var out []events.Group
		start := q.End.Add(-40 * day)
		for at := start; at.Before(q.End); at = at.Add(time.Hour) {
			out = append(out, events.Group{Time: at, Totals: events.Totals{Calls: 1, CostUSD: 2}})
		}
		return out, nil
	}
	r := decode[ForecastReport](t, wantOK(t, a.get(base+"/costs/forecast?model=m&time_zone=Asia/Shanghai")).Body.Bytes())
	if r.TimeZone != "Asia/Shanghai" || len(r.Periods) != 2 || r.HistoryDays != 39 || len(r.History) != 39 {
		t.Fatalf("%+v", r)
	}
	d, m := r.Periods[0], r.Periods[1]
	near := func(what string, o llm.Opt[float64], want float64) {
		t.Helper()
		if v, ok := o.Get(); !ok || v-want > 1e-6 || want-v > 1e-6 {
			t.Errorf("%s is %v, want %v", what, o, want)
		}
	}
	near("day", d.ForecastUSD, 48)
	near("low", d.LowUSD, 48)
	near("yesterday", d.PreviousUSD, 48)
	near("yesterday so far", d.PreviousSoFarUSD, 36) // 18:00 in Shanghai
	near("month", m.ForecastUSD, 30*48)
	if d.UnpricedCalls != 1 || d.TooLittle || m.PreviousUSD.Known() || !d.Start.Equal(time.Date(2026, 11, 20, 16, 0, 0, 0, time.UTC)) || d.Method != "weekday_hours" {
		t.Errorf("%+v %+v", d, m)
	}
	wantError(t, a.get(base+"/costs/forecast?time_zone=Nowhere/Land"), 400, CodeBadParameter)
	wantError(t, a.get(base+"/costs/forecast?time_zone=Local"), 400, CodeBadParameter)

	a.events.costs = func(context.Context, events.CostQuery) ([]events.Group, error) { return nil, nil }
	r = decode[ForecastReport](t, wantOK(t, a.get(base+"/costs/forecast")).Body.Bytes())
	if !r.Periods[0].TooLittle || r.Periods[0].Reason == "" || r.Periods[0].ForecastUSD.Known() || r.TimeZone != "UTC" {
		t.Errorf("%+v", r)
	}
}

func TestConfig(t *testing.T) {
	a := newAPI(t)
	if c := decode[ConfigReport](t, wantOK(t, a.get(base+"/config")).Body.Bytes()); c.Digest != "abc" || len(c.Changed) != 1 {
		t.Errorf("%+v", c)
	}
	a = newAPI(t, func(o *Options) { o.Config = func() ConfigReport { return ConfigReport{} } })
	wantOK(t, a.get(base+"/config"))
}

func TestSetup(t *testing.T) {
	a := newAPI(t)
	for host, want := range map[string]string{"pitot.example:4400": "pitot.example", "10.0.0.1": "10.0.0.1", "[fd00::1]:4400": "[fd00::1]"} {
		r := httptest.NewRequest(http.MethodGet, base+"/setup", http.NoBody)
		r.Host = host
		s := decode[SetupReport](t, wantOK(t, a.do(r)).Body.Bytes())
		if diff := cmp.Diff(map[string]string{"api": "http://127.0.0.1:4400", "gateway": "http://" + want + ":4401", "otlp_grpc": want + ":4317"}, s.Addresses); diff != "" {
			t.Errorf("%s: %s", host, diff)
		}
		if !s.Any || len(s.Ways) != 3 || s.Ways[2].Parts == nil || !s.Time.Equal(now) {
			t.Errorf("%+v", s)
		}
	}
}

func TestDoctor(t *testing.T) {
	a := newAPI(t)
	a.events.costs = func(_ context.Context, q events.CostQuery) ([]events.Group, error) {
		if q.Model == "b" {
			return nil, nil
		}
		return []events.Group{{Time: now.Add(-time.Hour), Totals: events.Totals{Calls: 7}}}, nil
	}
	a.events.calls = func(_ context.Context, q events.CallQuery) (events.CallPage, error) {
		switch q.Order {
		case events.OrderOldest: // within the first hour that has calls
			return events.CallPage{Calls: []*llm.Call{{Time: q.Start.Add(7 * time.Minute)}}}, nil
		case events.OrderNewest:
			return events.CallPage{Calls: []*llm.Call{{Time: q.End.Add(-7 * time.Second)}}}, nil
		}
		if !q.Start.After(now) {
			t.Errorf("%+v", q)
		}
		return events.CallPage{}, nil
	}
	codes := func(url string) ([]string, DoctorReport) {
		r := decode[DoctorReport](t, wantOK(t, a.get(base+url)).Body.Bytes())
		out := []string{}
		for _, c := range r.Causes {
			out = append(out, c.Code)
		}
		return out, r
	}
	got, r := codes("/doctor")
	if diff := cmp.Diff([]string{"dropped", "sampled", "capture_off"}, got); diff != "" || r.Healthy || r.Matching != 7 || r.StoredCalls != 7 {
		t.Errorf("%s %+v", diff, r)
	}
	if first, last := now.Add(-53*time.Minute), now.Add(-7*time.Second); !r.FirstCall.Equal(first) || !r.LastCall.Equal(last) {
		t.Errorf("calls from %v to %v, want the calls' own times %v and %v", r.FirstCall, r.LastCall, first, last)
	}
	got, r = codes("/doctor?model=b")
	if diff := cmp.Diff([]string{"dropped", "filter_excludes_data", "sampled", "capture_off"}, got); diff != "" || r.Healthy || r.Matching != 0 {
		t.Errorf("%s %+v", diff, r)
	}
	// The store is down: that is the cause, not an error.
	a.events.failing(&events.UnavailableError{Op: "costs", Err: errors.New("refused")})
	if got, _ = codes("/doctor"); got[0] != "engine_down" {
		t.Errorf("%q", got)
	}
	a.events.failing(errors.New("a bug"))
	wantError(t, a.get(base+"/doctor"), 500, CodeInternal)
}

// TestSchemasOfMoney compares the types with the document.
func TestSchemasOfMoney(t *testing.T) {
	doc := loadDocument(t)
	for name, v := range map[string]any{
		"PriceSet": price.Prices{}, "PriceUse": PriceUse{}, "UnpricedModel": UnpricedModel{}, "PriceList": PriceList{}, "CostComponent": price.Component{},
		"CostExplanation": price.Explanation{}, "PriceExplanation": PriceExplanation{}, "PriceSuggestion": PriceSuggested{}, "UnpricedBy": UnpricedBy{}, "UnpricedReport": UnpricedReport{},
		"CacheReport": CacheReport{}, "PeriodForecast": PeriodForecast{}, "DaySpent": DaySpent{}, "ForecastReport": ForecastReport{},
		"ConfigReport": ConfigReport{}, "SetupPart": SetupPart{}, "SetupWay": SetupWay{}, "SetupReport": SetupReport{}, "Cause": doctor.Cause{}, "LocalText": doctor.Text{}, "DoctorReport": DoctorReport{},
	} {
		if diff := cmp.Diff(fieldsOf(v), sortedKeys(doc.Components.Schemas[name].Value.Properties)); diff != "" {
			t.Errorf("%s (-type +document):\n%s", name, diff)
		}
	}
	ways := doc.Components.Schemas["SetupWay"].Value.Properties["way"].Value.Enum
	if len(ways) != len(Ways()) {
		t.Errorf("%d ways in the document, %d in the code", len(ways), len(Ways()))
	}
}
