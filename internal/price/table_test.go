package price

import (
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

func TestEmbeddedTableIsComplete(t *testing.T) {
	table := mustTable(t, Config{})
	have := map[string]int{}
	total := 0
	for _, s := range table.Sources() {
		if !strings.HasPrefix(s.URL, "https://") {
			t.Errorf("%s: source %q is not a public page", s.Provider, s.URL)
		}
		have[s.Provider] = s.Models
		total += s.Models
	}
	if total < 500 {
		t.Errorf("%d models, want several hundred", total)
	}
	for _, p := range []string{
		"openai", "anthropic", "gcp.gemini", "gcp.vertex_ai", "aws.bedrock", "azure.ai.openai", "mistral_ai", "cohere", "groq", "x_ai", "together_ai",
		"fireworks", "perplexity", "openrouter", "cerebras", "voyage", "ai21", "amazon_nova", "deepseek", "dashscope", "dashscope_cn", "moonshot_ai", "zhipu",
		"zhipu_cn", "minimax", "baidu", "tencent", "volcengine", "stepfun", "01_ai", "baichuan", "siliconflow",
	} {
		if have[p] == 0 {
			t.Errorf("no prices of %s", p)
		}
	}
	var size int64
	err := fs.WalkDir(embedded, ".", func(_ string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			info, err := d.Info()
			if err != nil {
				return err
			}
			size += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if size > 300<<10 {
		t.Errorf("the table takes %d bytes, more than a person reviews", size)
	}
}

func TestEveryEntryIsFoundByItsNames(t *testing.T) {
	table := mustTable(t, Config{})
	for _, r := range table.rules {
		for _, n := range append([]string{r.id}, r.also...) {
			if strings.Contains(n, "*") {
				continue
			}
			if m := table.lookup(subject{r.provider, n, ""}); m.rule != r {
				t.Errorf("%s/%s is not found by the name %q", r.provider, r.id, n)
			}
		}
	}
}

// Cached reads that cost more than input, tiers that cost less: such are
// misprints until somebody says otherwise here.
func TestEmbeddedPricesArePlausible(t *testing.T) {
	table := mustTable(t, Config{})
	for _, r := range table.rules {
		for i := range r.dated {
			d := &r.dated[i]
			base := &d.set.base
			if in, ok := base.usd[Input], base.has(Input); ok {
				if base.has(CacheRead) && base.usd[CacheRead] > in {
					t.Errorf("%s: a cached token costs more than another", d.name)
				}
				if base.has(CacheWrite1h) && base.has(CacheWrite) && base.usd[CacheWrite1h] < base.usd[CacheWrite] {
					t.Errorf("%s: an hour in the cache costs less than five minutes", d.name)
				}
				if in > 700 {
					t.Errorf("%s: %v dollars a million input tokens", d.name, in)
				}
			}
			last := *base
			for _, x := range d.set.tiers {
				for k := range Kind(kindCount) {
					if x.rates.has(k) && last.has(k) && x.rates.usd[k] < last.usd[k] {
						t.Errorf("%s: above %d tokens %s is cheaper", d.name, x.above, k)
					}
				}
				last = x.rates
			}
		}
	}
}

func TestBadTables(t *testing.T) {
	f := func(content, want string) {
		t.Helper()
		files, err := readFiles(fstest.MapFS{"table/x.json": {Data: []byte(content)}})
		if err == nil {
			_, err = newTable(files)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error = %v, want one with %q", err, want)
		}
	}
	head := `{"provider":"p","name":"P","source":"https://example.com","checked":"2026-01-01",`
	f(`{`, "unexpected EOF")
	f(`{"models":[]}`, "must be set")
	f(`{"provider":"p","name":"P","source":"s","checked":"soon","models":[]}`, "checked")
	f(head+`"currency":"CNY","models":[]}`, "go together")
	f(head+`"models":[{"model":"a","imput":1}]}`, "imput")
	f(head+`"models":[{"model":"a"}]}`, "no price")
	f(head+`"models":[{"match":"a","input":1}]}`, "an entry has a model")
	f(head+`"models":[{"model":"a.b","input":1},{"model":"a-b","input":1}]}`, "same name")
	f(head+`"models":[{"model":"a","input":1},{"model":"b","also":["A"],"input":1}]}`, "also that of")
	f(head+`"models":[{"model":"a","input":1},{"model":"a","input":2}]}`, "two prices")
	f(head+`"services":{"batch":{}},"models":[]}`, "multiplier or prices")
}

func TestForeignCurrency(t *testing.T) {
	files, err := readFiles(fstest.MapFS{"table/x.json": {Data: []byte(`{"provider":"p","name":"P","source":"s","checked":"2026-01-01",
		"currency":"CNY","usd":0.14,"models":[{"model":"m","input":10,"output":20,"tiers":[{"above":5,"input":50}]}]}`)}})
	if err != nil {
		t.Fatal(err)
	}
	table, err := newTable(files)
	if err != nil {
		t.Fatal(err)
	}
	rows := table.List(Filter{Provider: "p"})
	want := []Row{{
		Provider: "p", Model: "m", Origin: originTable, Prices: Prices{Input: new(1.4), Output: new(2.8)},
		Tiers: []ContextTier{{Above: 5, Prices: Prices{Input: new(7.0)}}}, TierMode: TierWhole, Source: "s", Checked: "2026-01-01",
	}}
	if d := cmp.Diff(want, rows); d != "" {
		t.Errorf("rows (-want +got):\n%s", d)
	}
}
