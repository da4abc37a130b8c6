package price

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"unicode"
)

// The formats that Import reads.
const (
	FormatLiteLLM   = "litellm"      // model_prices_and_context_window.json
	FormatModelsDev = "models.dev"   // api.json
	FormatGenAI     = "genai-prices" // v2 data.json
)

// Formats lists them.
func Formats() []string { return []string{FormatLiteLLM, FormatModelsDev, FormatGenAI} }

// Warning says what of an imported file was left out, and why.
type Warning struct {
	Entry  string `json:"entry"` // provider/model, as the file names it
	Reason string `json:"reason"`
}

// String is the warning as a line.
func (w Warning) String() string { return w.Entry + ": " + w.Reason }

// maxImport bounds the size of a file; the largest in the field is 3 MB.
const maxImport = 64 << 20

// Import reads the price list of another tool as overrides. Every override is
// valid and none repeats another; what cannot be said as one is left out with
// a warning.
func Import(format string, r io.Reader) ([]Override, []Warning, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxImport+1))
	if err != nil {
		return nil, nil, fmt.Errorf("import %s prices: %w", format, err)
	}
	if len(b) > maxImport {
		return nil, nil, fmt.Errorf("import %s prices: the file is larger than %d MiB", format, maxImport>>20)
	}
	im := importer{seen: map[overrideKey]bool{}}
	switch format {
	case FormatLiteLLM:
		err = im.liteLLM(b)
	case FormatModelsDev:
		err = im.modelsDev(b)
	case FormatGenAI:
		err = im.genAI(b)
	default:
		return nil, nil, fmt.Errorf("unknown price format %q: want %s", format, strings.Join(Formats(), ", "))
	}
	if err != nil {
		if found, ok := Detect(b); ok && found != format {
			return nil, nil, fmt.Errorf("import %s prices: %w; the file looks like --format=%s", format, err, found)
		}
		return nil, nil, fmt.Errorf("import %s prices: %w", format, err)
	}
	if len(im.out) == 0 {
		if found, ok := Detect(b); ok && found != format {
			return nil, im.warnings, fmt.Errorf("import %s prices: no price found; the file looks like --format=%s", format, found)
		}
		return nil, im.warnings, fmt.Errorf("import %s prices: no price found", format)
	}
	return im.out, im.warnings, nil
}

// Detect tells the format of a file by its content.
func Detect(content []byte) (format string, ok bool) {
	b := bytes.TrimLeftFunc(content, unicode.IsSpace)
	if len(b) == 0 {
		return "", false
	}
	if b[0] == '[' {
		var list []struct {
			ID     string            `json:"id"`
			Models []json.RawMessage `json:"models"`
		}
		if json.Unmarshal(b, &list) == nil && len(list) > 0 && list[0].ID != "" && list[0].Models != nil {
			return FormatGenAI, true
		}
		return "", false
	}
	var object map[string]json.RawMessage
	if json.Unmarshal(b, &object) != nil {
		return "", false
	}
	for _, raw := range object {
		var v struct {
			Provider *string                    `json:"litellm_provider"`
			Models   map[string]json.RawMessage `json:"models"`
		}
		if json.Unmarshal(raw, &v) != nil {
			continue
		}
		if v.Provider != nil {
			return FormatLiteLLM, true
		}
		if v.Models != nil {
			return FormatModelsDev, true
		}
	}
	return "", false
}

// importer collects what a file yields.
type importer struct {
	out      []Override
	warnings []Warning
	seen     map[overrideKey]bool
}

func (im *importer) warn(entry, format string, args ...any) {
	im.warnings = append(im.warnings, Warning{entry, fmt.Sprintf(format, args...)})
}

// add keeps an override that is valid and new.
func (im *importer) add(entry string, o Override) {
	if err := o.Validate(); err != nil {
		im.warn(entry, "%v", err)
		return
	}
	key := o.key()
	if im.seen[key] {
		im.warn(entry, "another entry has the same provider, model and date")
		return
	}
	im.seen[key] = true
	im.out = append(im.out, o)
}

// free reports whether nothing in the entry costs anything: in lists that
// write 0 for what they do not know, that is no price.
func free(o *Override) bool {
	for k := range Kind(kindCount) {
		if p := o.Get(k); p != nil && *p != 0 {
			return false
		}
	}
	return len(o.Tiers) == 0
}

const reasonFree = "every price is 0, which lists also write for unknown: left out; add an override if it is free"

// number10 rounds away the noise that prices per token bring when they become
// prices per million.
func number10(f float64) float64 {
	r, err := strconv.ParseFloat(strconv.FormatFloat(f, 'g', 10, 64), 64)
	if err != nil {
		return f
	}
	return r
}

var errNotNumber = errors.New("not a number")

// looseNumber reads a JSON number, or a string that holds one.
func looseNumber(raw json.RawMessage) (float64, error) {
	s := strings.Trim(string(raw), `"`)
	f, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return 0, errNotNumber
	}
	return f, nil
}

// importProvider maps the names of providers in other tools' lists to ours,
// where lower case and dashes alone do not.
func importProvider(name string) string {
	switch n := strings.ToLower(name); n {
	case "google", "gemini", "palm":
		return "gcp.gemini"
	case "aws", "amazon-bedrock", "bedrock_converse", "bedrock_mantle":
		return "aws.bedrock"
	case "azure", "azure_ai", "azure_text", "azure-cognitive-services":
		return "azure.ai.openai"
	case "google-vertex", "google-vertex-anthropic":
		return "gcp.vertex_ai"
	case "mistral", "codestral", "text-completion-codestral":
		return "mistral_ai"
	case "x-ai", "xai":
		return "x_ai"
	case "togetherai", "together":
		return "together_ai"
	case "fireworks-ai", "fireworks_ai", "fireworks_ai-embedding-models":
		return "fireworks"
	case "voyageai":
		return "voyage"
	case "moonshotai", "moonshot":
		return "moonshot_ai"
	case "zai":
		return "zhipu"
	case "zhipuai":
		return "zhipu_cn"
	case "alibaba":
		return "dashscope"
	case "alibaba-cn":
		return "dashscope_cn"
	case "siliconflow-cn":
		return "siliconflow_cn"
	case "cohere_chat":
		return "cohere"
	case "text-completion-openai", "chatgpt":
		return "openai"
	case "novita-ai":
		return "novita"
	case "watsonx":
		return "ibm.watsonx.ai"
	default:
		if strings.HasPrefix(n, "vertex_ai") {
			return "gcp.vertex_ai"
		}
		return n
	}
}
