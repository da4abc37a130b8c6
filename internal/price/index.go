package price

import (
	"cmp"
	"slices"
	"strings"
)

// index finds the rules of one provider by model name.
type index struct {
	exact map[string]*rule // by folded name
	globs []globRule       // longest pattern first
}

type globRule struct {
	pattern string // folded
	rule    *rule
}

func (x *index) addExact(name string, r *rule) {
	if x.exact == nil {
		x.exact = map[string]*rule{}
	}
	if _, taken := x.exact[fold(name)]; !taken {
		x.exact[fold(name)] = r
	}
}

func (x *index) addGlob(pattern string, r *rule) {
	x.globs = append(x.globs, globRule{fold(pattern), r})
	slices.SortStableFunc(x.globs, func(a, b globRule) int { return cmp.Compare(len(b.pattern), len(a.pattern)) })
}

// find returns the rule of a model, how it matched and the name that did.
// Exact names go before patterns, and the full name before a trimmed one.
func (x *index) find(model string) (*rule, string, string) {
	if x == nil || model == "" {
		return nil, "", ""
	}
	names := forms(model)
	for i, n := range names {
		if r := x.exact[n]; r != nil {
			if i == 0 {
				return r, matchExact, n
			}
			return r, matchSnapshot, n
		}
	}
	for _, n := range names {
		for _, g := range x.globs {
			if glob(g.pattern, n) {
				return g.rule, matchPattern, g.pattern
			}
		}
	}
	return nil, "", ""
}

// How a name matched.
const (
	matchExact    = "exact"
	matchSnapshot = "snapshot" // after removal of a date, a version or a variant
	matchPattern  = "pattern"
)

// group is what the table knows of a provider as a whole.
type group struct {
	info     Source
	vendors  []string // names under which routers and clouds offer its models: "anthropic/", "anthropic."
	families []string // folded patterns of the models that it alone makes and prices
}

// ownsFamily reports whether the model is one that nobody but this maker prices.
func (g *group) ownsFamily(model string) bool {
	for _, p := range g.families {
		if strings.HasPrefix(p, "!") {
			if glob(p[1:], model) {
				return false
			}
		} else if glob(p, model) {
			return true
		}
	}
	return false
}

// Hosting says how far the list price of a model's maker stands in for that of
// the provider, where the provider has no price of its own.
type hosting uint8

const (
	// hostClosed: only for models that can be had from their maker alone.
	hostClosed hosting = iota
	// hostRouter: for every model; routers resell at list price.
	hostRouter
	// hostSelf: never. What runs on the user's machines has the price that the
	// user configures.
	hostSelf
)

func hostingOf(provider string) hosting {
	switch provider {
	case "openrouter", "vercel", "vercel_ai_gateway", "litellm", "portkey", "helicone", "cloudflare", "cloudflare_ai_gateway", "requesty", "nexent", "one_api", "new_api":
		return hostRouter
	case "ollama", "vllm", "sglang", "llama_cpp", "llamacpp", "llama.cpp", "lmstudio", "lm_studio", "tgi", "localai", "local", "xinference",
		"triton", "tensorrt_llm", "mlx", "llamafile", "jan", "gpt4all", "koboldcpp", "lemonade", "docker_model_runner", "text_generation_inference":
		return hostSelf
	}
	return hostClosed
}
