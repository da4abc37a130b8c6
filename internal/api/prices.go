package api

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"time"

	"github.com/goccy/go-yaml"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/llm"
	"github.com/pitot-dev/pitot/internal/price"
)

// usedRange is how far back the models in use are looked for.
const usedRange = 7 * day

// PriceList is prices of the table in force.
type PriceList struct {
	At    time.Time `json:"at"`
	Scope string    `json:"scope"` // used, all
	// Checked is the day on which the newest part of the table was compared with
	// its source.
	Checked   string          `json:"checked"`
	Prices    []PriceRow      `json:"prices"`
	Unpriced  []UnpricedModel `json:"unpriced"` // models in use without a price
	Truncated bool            `json:"truncated"`
}

// PriceRow is a price and who uses it.
type PriceRow struct {
	price.Row
	UsedBy []PriceUse `json:"used_by,omitempty"`
}

// PriceUse is a model as Calls name it.
type PriceUse struct {
	Provider string  `json:"provider"`
	Model    string  `json:"model"`
	Calls    int64   `json:"calls"`
	CostUSD  float64 `json:"cost_usd"`
}

// UnpricedModel is a model in use that no price is known for.
type UnpricedModel struct {
	Provider string `json:"provider"`
	Model    string `json:"model"`
	Calls    int64  `json:"calls"`
	Reason   string `json:"reason"`
}

// The scopes of a PriceList.
const (
	scopeUsed = "used"
	scopeAll  = "all"
)

// rowKey names the price of a model, whatever the time.
type rowKey struct{ origin, provider, model string }

func (s *server) prices(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	f := price.Filter{Provider: p.get("provider"), Model: p.get("model"), At: p.time("at", s.Now())}
	out := PriceList{At: f.At.UTC(), Scope: p.oneOf("scope", "", scopeUsed, scopeAll), Prices: []PriceRow{}, Unpriced: []UnpricedModel{}}
	history := p.oneOf("history", "false", "true") == "true"
	limit := p.count("limit", 1000, 10_000)
	if err := p.check(); err != nil {
		return nil, err
	}
	if out.Scope == "" {
		if out.Scope = scopeUsed; f.Provider != "" || f.Model != "" {
			out.Scope = scopeAll
		}
	}
	table := s.Prices()
	for _, src := range table.Sources() {
		out.Checked = max(out.Checked, src.Checked)
	}
	used, err := s.usedPrices(r, table, &out)
	if err != nil {
		return nil, err
	}
	if history {
		f.At = time.Time{}
	}
	for _, row := range table.List(f) {
		uses, in := used[rowKey{row.Origin, row.Provider, row.Model}]
		if !in && out.Scope == scopeUsed {
			continue
		}
		if len(out.Prices) == limit {
			out.Truncated = true
			break
		}
		out.Prices = append(out.Prices, PriceRow{row, uses})
	}
	return out, nil
}

// usedPrices finds the prices of the models in use, and puts those without one
// into the list.
func (s *server) usedPrices(r *http.Request, table *price.Table, out *PriceList) (map[rowKey][]PriceUse, error) {
	end := out.At
	if now := s.Now(); end.After(now) {
		end = now
	}
	groups, err := s.Events.Costs(r.Context(), events.CostQuery{
		CallFilter: events.CallFilter{Range: events.Range{Start: end.Add(-usedRange), End: end}}, By: []string{"provider", "model", "response_model"}, Limit: events.MaxLimit,
	})
	if err != nil {
		return nil, err
	}
	used := map[rowKey][]PriceUse{}
	for i := range groups {
		g := &groups[i]
		q := price.Query{Provider: g.Values["provider"], RequestModel: g.Values["model"], ResponseModel: g.Values["response_model"], At: out.At}
		u := PriceUse{q.Provider, q.RequestModel, g.Totals.Calls, g.Totals.CostUSD}
		row, ok := table.RowOf(q)
		if !ok {
			if out.Scope == scopeUsed {
				out.unpriced(u)
			}
			continue
		}
		key := rowKey{row.Origin, row.Provider, row.Model}
		i := slices.IndexFunc(used[key], func(x PriceUse) bool { return x.Provider == u.Provider && x.Model == u.Model })
		if i < 0 {
			used[key] = append(used[key], u)
			continue
		}
		used[key][i].Calls += u.Calls
		used[key][i].CostUSD += u.CostUSD
	}
	return used, nil
}

func (l *PriceList) unpriced(u PriceUse) {
	for i := range l.Unpriced {
		if x := &l.Unpriced[i]; x.Provider == u.Provider && x.Model == u.Model {
			x.Calls += u.Calls
			return
		}
	}
	l.Unpriced = append(l.Unpriced, UnpricedModel{u.Provider, u.Model, u.Calls, price.ReasonUnknownModel})
}

// PriceExplanation says how a cost comes about, and whether it is the one that
// was stored.
type PriceExplanation struct {
	CallID        string             `json:"call_id,omitempty"`
	Comparison    string             `json:"comparison,omitempty"`
	Message       string             `json:"message,omitempty"`
	MessageZH     string             `json:"message_zh,omitempty"`
	Stored        *llm.Cost          `json:"stored,omitempty"`
	DifferenceUSD llm.Opt[float64]   `json:"difference_usd,omitzero"` // by which today's table is above what was stored
	Explanation   *price.Explanation `json:"explanation"`
}

// How what was stored compares with today's prices.
const (
	costSame       = "same"
	costDiffers    = "differs"
	costReported   = "reported"
	costSince      = "priced_since"
	costUnpriced   = "unpriced"
	costNoLonger   = "no_longer_priced"
	picodollar     = 1e-12
	maxUsageTokens = 1 << 40
)

func (s *server) explainPrice(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	id := p.get("call_id")
	q := price.Query{
		Provider: p.get("provider"), RequestModel: p.get("model"), At: p.time("at", s.Now()), Operation: llm.Operation(cmp.Or(p.get("operation"), string(llm.OpChat))),
		ServiceTier: p.get("service_tier"), Region: p.get("region"),
	}
	u := &q.Usage
	for _, part := range []struct {
		name string
		to   *llm.Opt[int64]
	}{
		{"input_tokens", &u.InputTokens},
		{"output_tokens", &u.OutputTokens},
		{"cache_read_tokens", &u.CacheReadTokens},
		{"cache_write_tokens", &u.CacheWriteTokens},
		{"cache_write_1h_tokens", &u.CacheWrite1hTokens},
		{"reasoning_tokens", &u.ReasoningTokens},
		{"images", &u.Images},
		{"searches", &u.Searches},
	} {
		*part.to = p.quantity(part.name)
	}
	if err := p.check(); err != nil {
		return nil, err
	}
	if id != "" {
		if len(p.q) > 1 {
			return nil, &Error{http.StatusBadRequest, CodeBadParameter, "call_id stands alone", "allowed: call_id, or model with what its price depends on"}
		}
		return s.explainCall(r, id)
	}
	if q.RequestModel == "" {
		return nil, &Error{http.StatusBadRequest, CodeBadParameter, "neither call_id nor model is given", "allowed: one of them"}
	}
	if !u.InputTokens.Known() && !u.OutputTokens.Known() && !u.Images.Known() && !u.Searches.Known() {
		u.InputTokens, u.OutputTokens = llm.Some[int64](1_000_000), llm.Some[int64](1_000_000)
	}
	e := s.Prices().Explain(q)
	return PriceExplanation{Explanation: &e}, nil
}

// quantity reads a number of tokens or of other units.
func (p *params) quantity(name string) llm.Opt[int64] {
	text := p.get(name)
	if text == "" {
		return llm.Opt[int64]{}
	}
	f, ok := parseDecimal(text)
	if !ok || f != math.Trunc(f) || f > maxUsageTokens {
		p.fail(badParameter(name, text, "a whole number from 0"))
		return llm.Opt[int64]{}
	}
	return llm.Some(int64(f))
}

// explainCall explains the cost of a stored Call.
func (s *server) explainCall(r *http.Request, text string) (any, error) {
	id, ok := parseCallID(text)
	if !ok {
		return nil, badParameter("call_id", text, callIDForm)
	}
	d, err := s.Events.Call(r.Context(), id)
	if errors.Is(err, events.ErrNotFound) {
		return nil, notFound("call", id, "it may be older than the retention, or not stored yet: a call shows within a few seconds")
	}
	if err != nil {
		return nil, err
	}
	e := s.Prices().Explain(price.QueryOf(d.Call))
	out := PriceExplanation{CallID: id, Stored: &d.Call.Cost, Explanation: &e}
	out.compare()
	return out, nil
}

// compare says how the stored cost compares with the explained one.
func (x *PriceExplanation) compare() {
	was, had := x.Stored.USD.Get()
	is, has := x.Explanation.Cost.USD.Get()
	switch {
	case x.Stored.State == llm.CostReported:
		x.say(costReported, "The provider reported this cost. What is explained is the list price, for comparison.", "此费用由供应商报告。此处解释的是目录价，供比较。")
	case !had && !has:
		x.say(costUnpriced, "The call was stored without a cost, and today's prices have none for it.", "存储时没有费用，当前价格表也没有对应的价格。")
	case !had:
		x.say(costSince, "The call was stored without a cost. Today's prices have one; what is stored does not change.", "存储时没有费用。当前价格表已有价格；已存储的内容不会改变。")
	case !has:
		x.say(costNoLonger, "The call was priced when it was stored. Today's prices have none for it.", "存储时已定价，当前价格表没有对应的价格。")
	case math.Abs(was-is) <= picodollar:
		x.say(costSame, "Today's prices give the cost that was stored.", "按当前价格计算，与存储的费用相同。")
	default:
		x.say(costDiffers,
			fmt.Sprintf("The call was priced with another table than today's: rule %s then, %s now.", cmp.Or(x.Stored.Rule, "none"), cmp.Or(x.Explanation.Cost.Rule, "none")),
			fmt.Sprintf("当时所用的价格表与现在不同：当时的规则为 %s，现在为 %s。", cmp.Or(x.Stored.Rule, "无"), cmp.Or(x.Explanation.Cost.Rule, "无")))
	}
	if had && has && math.Abs(was-is) > picodollar {
		x.DifferenceUSD = llm.Some(math.Round((is-was)/picodollar) * picodollar)
	}
}

func (x *PriceExplanation) say(comparison, en, zh string) {
	x.Comparison, x.Message, x.MessageZH = comparison, en, zh
}

// UnpricedReport is what has no price in a range.
type UnpricedReport struct {
	Start      time.Time    `json:"start"`
	End        time.Time    `json:"end"`
	Calls      int64        `json:"calls"`
	TotalCalls int64        `json:"total_calls"`
	Models     []UnpricedBy `json:"models"`
}

// UnpricedBy is the unpriced Calls of one model for one reason.
type UnpricedBy struct {
	Provider         string           `json:"provider,omitempty"`
	Upstream         string           `json:"upstream,omitempty"`
	Model            string           `json:"model,omitempty"`
	ResponseModel    string           `json:"response_model,omitempty"`
	Operation        llm.Operation    `json:"operation,omitempty"`
	Reason           string           `json:"reason"`
	Calls            int64            `json:"calls"`
	FailedCalls      int64            `json:"failed_calls"` // of Calls; they seldom have usage
	InputTokens      llm.Opt[int64]   `json:"input_tokens,omitzero"`
	OutputTokens     llm.Opt[int64]   `json:"output_tokens,omitzero"`
	CacheReadTokens  llm.Opt[int64]   `json:"cache_read_tokens,omitzero"`
	CacheWriteTokens llm.Opt[int64]   `json:"cache_write_tokens,omitzero"`
	FirstSeen        time.Time        `json:"first_seen"`
	LastSeen         time.Time        `json:"last_seen"`
	Missing          string           `json:"missing,omitempty"` // the kind of usage that the rule has no price for
	Advice           string           `json:"advice"`
	AdviceZH         string           `json:"advice_zh"`
	Suggestions      []PriceSuggested `json:"suggestions"`
}

// PriceSuggested is a change of the configuration that would price Calls.
type PriceSuggested struct {
	Kind         string           `json:"kind"` // alias, override
	Like         string           `json:"like,omitempty"`
	Similarity   llm.Opt[float64] `json:"similarity,omitzero"`
	Prices       price.Prices     `json:"prices"`
	WouldCostUSD llm.Opt[float64] `json:"would_cost_usd,omitzero"`
	YAML         string           `json:"yaml"`
}

func (s *server) unpriced(r *http.Request) (any, error) {
	p := newParams(r, s.Now())
	f := p.filter(day)
	limit := p.count("limit", 100, 1000)
	if err := p.check(); err != nil {
		return nil, err
	}
	totals, err := s.Events.Costs(r.Context(), events.CostQuery{CallFilter: f})
	if err != nil {
		return nil, err
	}
	groups, err := s.Usages(r.Context(), events.UsageQuery{CallFilter: f, State: llm.CostUnpriced, By: []string{"status"}})
	if err != nil {
		return nil, err
	}
	out := UnpricedReport{Start: f.Start, End: f.End, Models: []UnpricedBy{}}
	for i := range totals {
		out.TotalCalls += totals[i].Totals.Calls
	}
	var calls float64
	table := s.Prices()
	failed := failures(&groups)
	for i := range groups {
		calls += groups[i].Calls
		if len(out.Models) < limit {
			by, err := unpricedBy(table, &groups[i])
			if err != nil {
				return nil, err
			}
			by.fail(failed[i])
			out.Models = append(out.Models, by)
		}
	}
	out.Calls = int64(math.Round(calls))
	return out, nil
}

// failures joins the groups that differ in their status alone, and says how many
// Calls of each group failed.
func failures(groups *[]events.UsageGroup) []float64 {
	type key struct{ provider, upstream, request, response, operation, reason string }
	index := map[key]int{}
	var out []events.UsageGroup
	var failed []float64
	for i := range *groups {
		g := (*groups)[i]
		k := key{g.Provider, g.Upstream, g.RequestModel, g.ResponseModel, string(g.Operation), g.Reason}
		j, ok := index[k]
		if !ok {
			j = len(out)
			index[k] = j
			out, failed = append(out, g), append(failed, 0)
		} else {
			out[j].Add(&g)
		}
		if g.Values["status"] == string(llm.StatusError) {
			failed[j] += g.Calls
		}
	}
	*groups = out
	return failed
}

// fail says how many of the Calls failed.
func (u *UnpricedBy) fail(n float64) {
	u.FailedCalls = int64(math.Round(n))
	if u.Reason == price.ReasonUnknownUsage && u.FailedCalls == u.Calls {
		u.Advice = "These calls failed, and their providers reported no usage: there is most likely nothing to pay."
		u.AdviceZH = "这些调用失败，供应商也没有报告用量：很可能无需付费。"
	}
}

func unpricedBy(table *price.Table, g *events.UsageGroup) (UnpricedBy, error) {
	u := &g.Usage
	out := UnpricedBy{
		Provider: g.Provider, Upstream: g.Upstream, Model: cmp.Or(g.RequestModel, g.ResponseModel), ResponseModel: g.ResponseModel, Operation: g.Operation,
		Reason: cmp.Or(g.Reason, price.ReasonUnknownModel), Calls: int64(math.Round(g.Calls)), FirstSeen: g.First, LastSeen: g.Last,
		InputTokens: u.InputTokens, OutputTokens: u.OutputTokens, CacheReadTokens: u.CacheReadTokens, CacheWriteTokens: u.CacheWriteTokens,
		Suggestions: []PriceSuggested{},
	}
	q := price.Query{
		Provider: g.Provider, Upstream: g.Upstream, RequestModel: g.RequestModel, ResponseModel: g.ResponseModel,
		Operation: g.Operation, At: g.Last, Usage: *u, ServiceTier: g.ServiceTier, Region: g.Region,
	}
	if kind, lacks := table.Missing(q); lacks {
		out.Missing = kind.String()
	}
	for _, sg := range table.Suggest(q, out.Reason) {
		text, err := yaml.Marshal(map[string]price.Config{"prices": sg.Config})
		if err != nil {
			return out, fmt.Errorf("suggest a price: %w", err)
		}
		x := PriceSuggested{Kind: sg.Kind, Like: sg.Like, Prices: sg.Prices, WouldCostUSD: sg.WouldCost, YAML: string(text)}
		if sg.Like != "" {
			x.Similarity = llm.Some(math.Round(sg.Similarity*100) / 100)
		}
		out.Suggestions = append(out.Suggestions, x)
	}
	out.Advice, out.AdviceZH = out.advice(table, q)
	return out, nil
}

// advice says in a sentence what to do, in English and Chinese.
func (u *UnpricedBy) advice(table *price.Table, q price.Query) (en, zh string) {
	if _, priced := table.RowOf(q); priced && u.Reason == price.ReasonUnknownModel {
		return "The prices in force now know this model: new calls are priced. What is stored does not change.", "现行价格表已包含该模型：新的调用会定价，已存储的内容不会改变。"
	}
	switch u.Reason {
	case price.ReasonUnknownUsage:
		return "The sender does not say how much was used, so that there is nothing to price: GET /api/pitot/v1/senders has the setting that changes it.",
			"发送方没有给出用量，因此无法定价：GET /api/pitot/v1/senders 给出了可以改变这一点的设置。"
	case price.ReasonUnknownPrice:
		return "The model has prices, but none for " + cmp.Or(u.Missing, "what was used") + ": add it under prices.overrides.",
			"该模型已有价格，但缺少 " + cmp.Or(u.Missing, "所用项目") + " 的价格：请在 prices.overrides 中添加。"
	}
	if u.Model == "" {
		return "The sender names no model: GET /api/pitot/v1/senders has the setting that changes it.", "发送方没有给出模型：GET /api/pitot/v1/senders 给出了可以改变这一点的设置。"
	}
	return "Name the model that it is under prices.aliases, or set a price of your own under prices.overrides, and reload the configuration.",
		"请在 prices.aliases 中指明它对应的模型，或在 prices.overrides 中设置自己的价格，然后重新加载配置。"
}
