package price

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pitot-dev/pitot/internal/llm"
)

var update = flag.Bool("update", false, "write the golden files")

// golden compares with a file under testdata.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), string(got)); d != "" {
		t.Errorf("%s (-want +got):\n%s", name, d)
	}
}

func TestImport(t *testing.T) {
	f := func(format, file string) {
		t.Helper()
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := Detect(b); !ok || got != format {
			t.Errorf("Detect(%s) = %q, %v", file, got, ok)
		}
		overrides, warnings, err := Import(format, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		if err := (&Config{Overrides: overrides}).Validate(); err != nil {
			t.Errorf("%s: %v", file, err)
		}
		var out bytes.Buffer
		for _, o := range overrides {
			line, err := json.Marshal(o)
			if err != nil {
				t.Fatal(err)
			}
			out.Write(append(line, '\n'))
		}
		for _, w := range warnings {
			out.WriteString("# " + w.String() + "\n")
		}
		golden(t, strings.TrimSuffix(file, ".json")+".golden", out.Bytes())
	}
	f(FormatLiteLLM, "litellm.json")
	f(FormatModelsDev, "modelsdev.json")
	f(FormatGenAI, "genai.json")
}

func TestImportErrors(t *testing.T) {
	f := func(format, content, want string) {
		t.Helper()
		_, _, err := Import(format, strings.NewReader(content))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Import(%s) = %v, want %q", format, err, want)
		}
	}
	f("csv", "", "want litellm, models.dev, genai-prices")
	f(FormatLiteLLM, "", "unexpected end")
	f(FormatLiteLLM, "{}", "no price found")
	f(FormatGenAI, `{"a":{"litellm_provider":"x"}}`, "looks like --format=litellm")
	f(FormatLiteLLM, `{"p":{"models":{}}}`, "looks like --format=models.dev")
	f(FormatModelsDev, `[{"id":"p","models":[]}]`, "looks like --format=genai-prices")
	broken := errors.New("disk on fire")
	if _, _, err := Import(FormatGenAI, iotest.ErrReader(broken)); !errors.Is(err, broken) {
		t.Errorf("error = %v", err)
	}
	for _, content := range []string{"", "  ", "null", "[]", "{}", "[1]", `{"a":1}`, "x"} {
		if got, ok := Detect([]byte(content)); ok {
			t.Errorf("Detect(%q) = %s", content, got)
		}
	}
}

// What is imported must cost what the file says: against the oracle, for the
// whole of the public lists.
func TestImportedPricesAgreeWithTheirSource(t *testing.T) {
	at := time.Date(2026, 8, 21, 12, 0, 0, 0, time.UTC)
	f := func(format, file string, entries []oraclePrice, floor int) {
		t.Helper()
		b := sharedFile(t, file)
		if got, _ := Detect(b); got != format {
			t.Errorf("Detect(%s) = %q", file, got)
		}
		overrides, warnings, err := Import(format, bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		// Exact names only: which pattern goes first is the engine's own rule.
		exact := overrides[:0:0]
		for _, o := range overrides {
			if o.Match == "" {
				exact = append(exact, o)
			}
		}
		table := mustTable(t, Config{Overrides: exact})
		agree, differ := compare(t, table, at, entries)
		t.Logf("%s: %d overrides, %d warnings; %d models agree", format, len(overrides), len(warnings), agree)
		if agree < floor {
			t.Errorf("%s: %d models agree, want at least %d", format, agree, floor)
		}
		for id, how := range differ {
			// Two entries of the list that fold to one name cannot both hold.
			if importAmbiguous[id] == "" {
				t.Errorf("%s: %s differs: %s", format, id, how)
			}
		}
	}
	f(FormatGenAI, genAIFile, genAIOracle(t, at), 900)
	f(FormatLiteLLM, liteLLMFile, liteLLMOracle(t), 1000)
}

// importAmbiguous are entries whose name another entry of the same list has
// too, with another price.
var importAmbiguous = map[string]string{
	"gcp.gemini/gemini-flash-latest":           "with and without the gemini/ before it",
	"gcp.gemini/gemini-flash-lite-latest":      "with and without the gemini/ before it",
	"aws.bedrock/moonshotai.kimi-k2.5":         "with and without the bedrock/ before it",
	"aws.bedrock/openai.gpt-oss-safeguard-20b": "with and without the bedrock_mantle/ before it",
	"azure.ai.openai/mistral-large-latest":     "as azure/ and as azure_ai/",
}

func TestImportModelsDevWhole(t *testing.T) {
	overrides, warnings, err := Import(FormatModelsDev, bytes.NewReader(sharedFile(t, modelsDevFile)))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d overrides, %d warnings", len(overrides), len(warnings))
	if len(overrides) < 3000 {
		t.Errorf("%d overrides, want at least 3000", len(overrides))
	}
	table := mustTable(t, Config{Overrides: overrides})
	wantUSD(t, table, &llm.Call{
		Provider: "moonshotai", RequestModel: "kimi-k2-thinking", Operation: llm.OpChat, Time: noon,
		Usage: llm.Usage{InputTokens: some(1e6), OutputTokens: some(1e6), CacheReadTokens: some(5e5), Source: llm.UsageReported},
	}, 0.3+0.075+2.5)
}

func FuzzImport(f *testing.F) {
	for _, file := range []string{"litellm.json", "modelsdev.json", "genai.json"} {
		b, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte(`{"m":{"litellm_provider":"p","input_cost_per_token":1e308,"input_cost_per_token_above_99999k_tokens":"NaN"}}`))
	f.Add([]byte(`[{"id":"p","models":[{"id":"m","match":{"or":[{"or":[]}]},"prices":[{"constraint":{"start_time":"1"}}]}]}]`))
	f.Fuzz(func(t *testing.T, b []byte) {
		Detect(b)
		for _, format := range Formats() {
			overrides, _, err := Import(format, bytes.NewReader(b))
			if err != nil {
				continue
			}
			cfg := Config{Overrides: overrides}
			if err := cfg.Validate(); err != nil {
				t.Fatalf("Import(%s) returned what is not valid: %v", format, err)
			}
			for _, o := range overrides {
				d := newDated(&o, defaults{factor: 1})
				var p pick
				d.choose(noon, 1000, "batch", "eu", &p)
				u := llm.Usage{InputTokens: some(1000), OutputTokens: some(10), CacheReadTokens: some(10)}
				var bl bill
				bl.evaluate(&p, llm.OpChat, &u)
				if bl.reason == "" && (bl.usd < 0 || math.IsNaN(bl.usd)) {
					t.Fatalf("%+v costs %v", o, bl.usd)
				}
			}
		}
	})
}
