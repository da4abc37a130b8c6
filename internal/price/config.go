package price

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/pitot-dev/pitot/internal/llm"
)

// Config is the `prices` section of the configuration.
type Config struct {
	// Overrides are prices that take precedence over the embedded table.
	Overrides []Override `json:"overrides,omitempty" yaml:"overrides,omitempty" doc:"Prices that go before those of the embedded table."`
	// Aliases name the model whose price a model has: deployment names, names
	// behind a proxy. "my-deployment: gpt-4o" or "my-deployment: azure/gpt-4o",
	// where what stands before the slash is a provider.
	Aliases map[string]string `json:"aliases,omitempty" yaml:"aliases,omitempty" doc:"The model (gpt-4o, or openai/gpt-4o) whose price another name has."`
}

// Validate reports everything that is wrong, one line an entry.
func (c *Config) Validate() error {
	var errs []error
	seen := map[overrideKey]int{}
	for i := range c.Overrides {
		o := &c.Overrides[i]
		if err := o.Validate(); err != nil {
			errs = append(errs, fmt.Errorf("prices.overrides[%d]: %w", i, err))
			continue
		}
		key := o.key()
		if j, dup := seen[key]; dup {
			errs = append(errs, fmt.Errorf("prices.overrides[%d]: same provider, model and since as prices.overrides[%d]: keep one", i, j))
		}
		seen[key] = i
	}
	for _, from := range slices.Sorted(maps.Keys(c.Aliases)) {
		switch to := c.Aliases[from]; {
		case from == "" || to == "":
			errs = append(errs, fmt.Errorf("prices.aliases: %q: %q: both names must be set", from, to))
		case from == to:
			errs = append(errs, fmt.Errorf("prices.aliases: %q is an alias of itself", from))
		}
	}
	return errors.Join(errs...)
}

// overrideKey is what no two overrides may share.
type overrideKey struct {
	provider, model, match string
	since                  time.Time
}

// key is the identity of a valid override under the folding that matching
// does: GLM-5 and glm-5 are one model.
func (o *Override) key() overrideKey {
	since, _ := parseSince(o.Since)
	k := overrideKey{model: fold(clean(o.Model)), match: fold(clean(o.Match)), since: since}
	if o.Provider != "" {
		k.provider = llm.CanonicalProvider(o.Provider)
	}
	return k
}
