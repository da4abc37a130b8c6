package price

import (
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/pitot-dev/pitot/internal/llm"
)

// The oracle: other tools' tables, evaluated by a few lines of their own that
// share nothing with the engine or with Import, must give what the embedded
// table gives. The table is ours and newer or older in places: what differs is
// listed with its reason, and a listed difference that is gone fails too.

// sharedFile opens a file of the shared data, or skips the test.
func sharedFile(t testing.TB, name string) []byte {
	t.Helper()
	root := os.Getenv("PITOT_SHARED")
	if root == "" {
		dir, err := os.Getwd()
		if err != nil {
			t.Fatal(err)
		}
		for dir != "/" {
			if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
				break
			}
			dir = filepath.Dir(dir)
		}
		root = filepath.Join(dir, "..", "shared")
	}
	f, err := os.Open(filepath.Join(root, "data", "prices", name))
	if err != nil {
		t.Skipf("shared data not found: %v", err)
	}
	defer f.Close()
	z, err := zstd.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const (
	genAIFile     = "genai-prices.v2.data.2026-08-21.json.zst"
	liteLLMFile   = "litellm_model_prices_and_context_window.2026-07-24.json.zst"
	modelsDevFile = "models.dev_api.2026-07-02.json.zst"
)

// oraclePrice is what an oracle says of a model, per token.
type oraclePrice struct {
	provider, model         string
	in, out, read, write    float64
	hasOut, hasRead, hasWrt bool
	above                   int64 // 0: one price for all lengths
	aboveIn, aboveOut       float64
}

// usages returns the counts to price and what the oracle charges for them.
func (o *oraclePrice) usages() map[string]struct {
	u    llm.Usage
	want float64
} {
	type probe = struct {
		u    llm.Usage
		want float64
	}
	some := llm.Some[int64]
	out := 0.0
	if o.hasOut {
		out = o.out
	}
	ps := map[string]probe{
		"plain": {llm.Usage{InputTokens: some(1200), OutputTokens: some(340), Source: llm.UsageReported}, 1200*o.in + 340*out},
	}
	if !o.hasOut {
		ps["plain"] = probe{llm.Usage{InputTokens: some(1200), Source: llm.UsageReported}, 1200 * o.in}
	}
	if o.hasRead {
		ps["cache read"] = probe{
			llm.Usage{InputTokens: some(9000), OutputTokens: some(10), CacheReadTokens: some(7000), Source: llm.UsageReported},
			2000*o.in + 7000*o.read + 10*out,
		}
	}
	if o.hasWrt {
		ps["cache write"] = probe{
			llm.Usage{InputTokens: some(9000), OutputTokens: some(10), CacheWriteTokens: some(5000), Source: llm.UsageReported},
			4000*o.in + 5000*o.write + 10*out,
		}
	}
	if o.above > 0 {
		n := o.above + 1
		ps["long"] = probe{llm.Usage{InputTokens: some(n), OutputTokens: some(100), Source: llm.UsageReported}, float64(n)*o.aboveIn + 100*o.aboveOut}
		ps["not yet long"] = probe{llm.Usage{InputTokens: some(o.above), OutputTokens: some(100), Source: llm.UsageReported}, float64(o.above)*o.in + 100*out}
	}
	return ps
}

// compare prices every oracle entry that the table knows too and returns how
// many agree, and the differences.
func compare(t *testing.T, table *Table, at time.Time, entries []oraclePrice) (agree int, differ map[string]string) {
	t.Helper()
	differ = map[string]string{}
	for i := range entries {
		o := &entries[i]
		id := o.provider + "/" + o.model
		bad := ""
		known := true
		for name, p := range o.usages() {
			op := llm.OpChat
			if !o.hasOut {
				op = llm.OpEmbeddings
			}
			c := llm.Call{Provider: o.provider, RequestModel: o.model, Operation: op, Time: at, Usage: p.u}
			got := table.Price(&c)
			usd, ok := got.USD.Get()
			if !ok {
				known = false
				break
			}
			if math.Abs(usd-p.want) > 1e-9+1e-6*p.want {
				bad += name + ": " + number(round12(usd)) + " (" + got.Rule + "), oracle " + number(round12(p.want)) + "; "
			}
		}
		switch {
		case !known:
		case bad != "":
			differ[id] = bad
		default:
			agree++
		}
	}
	return agree, differ
}

// checkDifferences compares what differs with what is known to: exact ids, or
// prefixes that end in *.
func checkDifferences(t *testing.T, differ map[string]string, known map[string]string) {
	t.Helper()
	used := map[string]bool{}
	for id, how := range differ {
		reason := ""
		for pattern := range known {
			if pattern == id || glob(pattern, id) {
				reason = known[pattern]
				used[pattern] = true
			}
		}
		if reason == "" {
			t.Errorf("%s differs: %s", id, how)
		}
	}
	for pattern := range known {
		if !used[pattern] {
			t.Errorf("%s no longer differs: take it off the list", pattern)
		}
	}
}

// genAIInForce picks the prices that hold at a time: the last whose condition
// does.
func genAIInForce(t *testing.T, prices json.RawMessage, at time.Time) map[string]json.RawMessage {
	t.Helper()
	var list []struct {
		Constraint *struct {
			Start string `json:"start_date"`
			From  string `json:"start_time"`
			To    string `json:"end_time"`
		}
		Prices map[string]json.RawMessage
	}
	var now map[string]json.RawMessage
	if json.Unmarshal(prices, &list) != nil {
		if err := json.Unmarshal(prices, &now); err != nil {
			t.Fatal(err)
		}
		return now
	}
	day, clock := at.Format(time.DateOnly), at.Format("15:04:05Z")
	for _, c := range list {
		if c.Constraint == nil || c.Constraint.Start != "" && c.Constraint.Start <= day ||
			c.Constraint.From != "" && c.Constraint.From <= clock && clock < c.Constraint.To {
			now = c.Prices
		}
	}
	return now
}

func genAIOracle(t *testing.T, at time.Time) []oraclePrice {
	t.Helper()
	var file []struct {
		ID     string
		Models []struct {
			ID     string
			Prices json.RawMessage
		}
	}
	if err := json.Unmarshal(sharedFile(t, genAIFile), &file); err != nil {
		t.Fatal(err)
	}
	providers := map[string]string{
		"google": llm.ProviderGemini, "aws": llm.ProviderBedrock, "azure": llm.ProviderAzureOpenAI, "mistral": llm.ProviderMistral,
		"x-ai": llm.ProviderXAI, "together": llm.ProviderTogether, "zai": "zhipu", "zhipuai": "zhipu_cn", "moonshotai": llm.ProviderMoonshot, "voyageai": "voyage",
	}
	var out []oraclePrice
	for _, p := range file {
		provider := p.ID
		if to, ok := providers[p.ID]; ok {
			provider = to
		}
		if strings.HasPrefix(provider, "huggingface") {
			continue // hosts behind a host: not in the table
		}
		for _, m := range p.Models {
			now := genAIInForce(t, m.Prices, at)
			if provider == "openrouter" && !strings.Contains(m.ID, "/") {
				continue // the same models again under bare names, which OpenRouter does not take
			}
			o := oraclePrice{provider: provider, model: m.ID}
			read := func(key string) (base, above float64, ok bool) {
				raw, ok := now[key]
				if !ok {
					return 0, 0, false
				}
				if json.Unmarshal(raw, &base) == nil {
					return base / 1e6, base / 1e6, true
				}
				var tiered struct {
					Base  float64
					Tiers []struct {
						Start int64
						Price float64
					}
				}
				if err := json.Unmarshal(raw, &tiered); err != nil {
					t.Fatal(err)
				}
				o.above = tiered.Tiers[0].Start
				return tiered.Base / 1e6, tiered.Tiers[0].Price / 1e6, true
			}
			var has bool
			if o.in, o.aboveIn, has = read("input_mtok"); !has {
				continue
			}
			o.out, o.aboveOut, o.hasOut = read("output_mtok")
			o.read, _, o.hasRead = read("cache_read_mtok")
			o.write, _, o.hasWrt = read("cache_write_mtok")
			if _, fee := now["requests_kcount"]; fee {
				continue // a fee a request depends on the search context: see the table's note
			}
			out = append(out, o)
		}
	}
	return out
}

func liteLLMOracle(t *testing.T) []oraclePrice {
	t.Helper()
	var file map[string]map[string]any
	b := sharedFile(t, liteLLMFile)
	var raw map[string]json.RawMessage
	if err := json.Unmarshal(b, &raw); err != nil {
		t.Fatal(err)
	}
	file = map[string]map[string]any{}
	for k, v := range raw {
		var m map[string]any
		if json.Unmarshal(v, &m) == nil && k != "sample_spec" {
			file[k] = m
		}
	}
	providers := map[string]string{
		"openai": "openai", "anthropic": "anthropic", "gemini": llm.ProviderGemini, "mistral": llm.ProviderMistral, "cohere": "cohere", "cohere_chat": "cohere",
		"groq": "groq", "xai": llm.ProviderXAI, "deepseek": "deepseek", "together_ai": llm.ProviderTogether, "fireworks_ai": llm.ProviderFireworks,
		"cerebras": "cerebras", "voyage": "voyage", "dashscope": llm.ProviderDashScope, "moonshot": llm.ProviderMoonshot, "zai": llm.ProviderZhipu,
		"minimax": "minimax", "bedrock": llm.ProviderBedrock, "bedrock_converse": llm.ProviderBedrock, "azure": llm.ProviderAzureOpenAI, "azure_ai": llm.ProviderAzureOpenAI,
		"deepinfra": "deepinfra", "novita": "novita", "nebius": "nebius", "sambanova": "sambanova", "hyperbolic": "hyperbolic", "ai21": "ai21", "amazon_nova": "amazon_nova",
		"vertex_ai-anthropic_models": llm.ProviderVertex,
	}
	var out []oraclePrice
	for name, e := range file {
		lp, _ := e["litellm_provider"].(string)
		provider, ok := providers[lp]
		mode, _ := e["mode"].(string)
		if !ok || (mode != "chat" && mode != "responses" && mode != "completion" && mode != "embedding") {
			continue
		}
		model := name
		if i := strings.Index(name, "/"); i >= 0 && (name[:i] == lp || name[:i] == "vertex_ai") {
			model = name[i+1:]
		}
		if strings.HasPrefix(name, "bedrock/") || strings.HasPrefix(name, "azure/eu/") || strings.HasPrefix(name, "azure/us/") || strings.HasPrefix(name, "azure/global") || strings.HasPrefix(name, "azure_ai/global/") {
			continue // prices by region: the region is not in the model's name
		}
		num := func(key string) (float64, bool) { f, ok := e[key].(float64); return f, ok }
		o := oraclePrice{provider: provider, model: model}
		if o.in, ok = num("input_cost_per_token"); !ok || o.in == 0 {
			continue // 0 stands for unknown in this table
		}
		o.out, o.hasOut = num("output_cost_per_token")
		if mode == "embedding" {
			o.hasOut = false
		}
		if o.read, o.hasRead = num("cache_read_input_token_cost"); o.read == 0 {
			o.hasRead = false
		}
		if o.write, o.hasWrt = num("cache_creation_input_token_cost"); o.write == 0 {
			o.hasWrt = false
		}
		out = append(out, o)
	}
	return out
}

func TestOracleGenAI(t *testing.T) {
	at := time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)
	table := mustTable(t, Config{})
	agree, differ := compare(t, table, at, genAIOracle(t, at))
	t.Logf("%d models agree, %d differ", agree, len(differ))
	if agree < 900 {
		t.Errorf("%d models agree, want at least 900", agree)
	}
	checkDifferences(t, differ, genAIDifferences)
}

func TestOracleLiteLLM(t *testing.T) {
	at := time.Date(2026, 7, 24, 12, 0, 0, 0, time.UTC)
	table := mustTable(t, Config{})
	agree, differ := compare(t, table, at, liteLLMOracle(t))
	t.Logf("%d models agree, %d differ", agree, len(differ))
	if agree < 700 {
		t.Errorf("%d models agree, want at least 700", agree)
	}
	checkDifferences(t, differ, liteLLMDifferences)
}

// genAIDifferences are the models whose price we have otherwise on purpose.
var genAIDifferences = map[string]string{
	"deepseek/deepseek-chat":                        "the list stops at the night discount that ended in September 2025; ours goes on",
	"deepseek/deepseek-reasoner":                    "likewise",
	"gcp.gemini/claude-opus-4-6":                    "the list has the surcharge for long contexts that ended on 2026-03-13 for Anthropic itself, not for Vertex",
	"openrouter/qwen/qwen-plus-2025-07-28:thinking": "the variant shares the model's cache write price here",
	"azure.ai.openai/phi-*":                         "the list has a router's prices for them",
	"azure.ai.openai/o4-mini":                       "0.28 a million cached tokens is 0.275 rounded",
}

// liteLLMDifferences likewise. Where the two lists disagree, the newer one
// (2026-08-21) has gone into the table.
var liteLLMDifferences = map[string]string{
	"deepseek/deepseek-chat":     "the price before V4",
	"deepseek/deepseek-reasoner": "the price before V4",
	"deepseek/deepseek-v3.2":     "the newer list has a lower price",

	"aws.bedrock/amazon.titan-text-*":                         "the price before its cut",
	"aws.bedrock/*meta.llama3-1-70b-instruct-v1:0":            "the price before its cut",
	"aws.bedrock/*meta.llama3-2-11b-instruct-v1:0":            "the price before its cut",
	"aws.bedrock/*meta.llama3-2-90b-instruct-v1:0":            "the price before its cut",
	"aws.bedrock/mistral.mistral-large-2402-v1:0":             "the price before its cut",
	"aws.bedrock/qwen.qwen3-coder-480b-a35b-v1:0":             "the newer list has a higher price",
	"aws.bedrock/eu.deepseek.v3.2":                            "input and output differ by other factors in that geography; one factor cannot say it",
	"aws.bedrock/eu.anthropic.claude-3-5-haiku-20241022-v1:0": "the list has the price of Claude 3 Haiku there",
	"aws.bedrock/anthropic.claude-3-7-sonnet-20240620-v1:0":   "no such snapshot of the model",

	"azure.ai.openai/mistral-large-latest": "an alias whose target changed",
	"azure.ai.openai/o1-mini":              "the list has the price of regional deployments",

	"gcp.gemini/gemini-flash-latest":                  "an alias whose target changed",
	"gcp.gemini/gemini-flash-lite-latest":             "an alias whose target changed",
	"gcp.gemini/gemini-2.5-flash-native-audio-latest": "the newer list prices it as the live model",
	"gcp.gemini/gemini-2.5-flash-preview-09-2025":     "the cached price before its cut",
	"gcp.gemini/gemini-3.6-flash":                     "the promotional price until the end of 2026 is not in the list",

	"mistral_ai/mistral-large-2407":   "the price before its cut",
	"mistral_ai/mistral-medium":       "the name moved to Mistral Medium 3",
	"mistral_ai/mistral-small-latest": "the name moved to a newer model",
	"mistral_ai/open-mistral-nemo":    "the price before its cut",

	"fireworks/*gpt-oss-120b":                                    "the newer list has a lower cached price",
	"fireworks/accounts/fireworks/models/gemma-3-27b-it":         "the newer list has a lower price",
	"fireworks/accounts/fireworks/models/llama-v3p1-8b-instruct": "the newer list has a higher price",
	"fireworks/accounts/fireworks/models/yi-large":               "no longer offered: the maker's list price stands in",
	"groq/gemma-7b-it":                                           "the newer list has a higher price",
	"novita/*":                                                   "the newer list has other prices for three models",
	"together_ai/mistralai/Mixtral-8x7B-Instruct-v0.1":           "the newer list has a higher price",
}
