package testkit

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// SubsetDiff lists what of want is not in got: objects may have more members than
// wanted, arrays must have the wanted elements at the same places and no others.
// In want, the string "*" stands for any value that is present.
func SubsetDiff(want, got []byte) ([]string, error) {
	var w, g any
	if err := json.Unmarshal(want, &w); err != nil {
		return nil, fmt.Errorf("wanted JSON: %w", err)
	}
	if err := json.Unmarshal(got, &g); err != nil {
		return nil, fmt.Errorf("JSON at hand: %w: %.200s", err, got)
	}
	return subset(nil, "$", w, g), nil
}

func subset(diffs []string, path string, want, got any) []string {
	if want == "*" {
		return diffs
	}
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok {
			return append(diffs, fmt.Sprintf("%s: want an object, got %v", path, got))
		}
		for _, k := range slices.Sorted(maps.Keys(w)) {
			v, ok := g[k]
			if !ok {
				diffs = append(diffs, fmt.Sprintf("%s.%s: absent, want %v", path, k, w[k]))
				continue
			}
			diffs = subset(diffs, path+"."+k, w[k], v)
		}
		return diffs
	case []any:
		g, ok := got.([]any)
		if !ok {
			return append(diffs, fmt.Sprintf("%s: want an array, got %v", path, got))
		}
		if len(g) != len(w) {
			diffs = append(diffs, fmt.Sprintf("%s: want %d elements, got %d", path, len(w), len(g)))
		}
		for i := range min(len(w), len(g)) {
			diffs = subset(diffs, fmt.Sprintf("%s[%d]", path, i), w[i], g[i])
		}
		return diffs
	}
	if want != got {
		diffs = append(diffs, fmt.Sprintf("%s: want %v, got %v", path, want, got))
	}
	return diffs
}
