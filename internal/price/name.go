package price

import "strings"

// maxName bounds the names that are looked at: longer ones are no model's.
const maxName = 256

// clean brings a model name to the form that names are compared in, short of
// the folding of fold: lower case, without blanks and without the resource
// path that some APIs put before it.
func clean(model string) string {
	if len(model) > maxName {
		return ""
	}
	m := strings.ToLower(strings.TrimSpace(model))
	if i := strings.LastIndex(m, "/models/"); i >= 0 {
		m = m[i+len("/models/"):]
	}
	m = strings.TrimPrefix(m, "models/")
	if i := strings.LastIndex(m, "inference-profile/"); i >= 0 {
		m = m[i+len("inference-profile/"):]
	} else if i := strings.LastIndex(m, "foundation-model/"); i >= 0 {
		m = m[i+len("foundation-model/"):]
	}
	return m
}

// folder makes claude-3.5-haiku and claude-3-5-haiku one name: the dots of
// versions are dashes in some places and not in others.
var folder = strings.NewReplacer(".", "-", "_", "-", " ", "-")

func fold(model string) string { return folder.Replace(model) }

// forms returns the names under which a model may stand in the table, the most
// exact first: as it is, then with what marks a snapshot, a variant or a
// version of the hosting removed from its end. Another model never results:
// "gpt-4o-mini" does not become "gpt-4o".
func forms(model string) []string {
	m := fold(model)
	out := []string{m}
	for range 4 {
		next := trimOnce(m)
		if next == m || next == "" {
			break
		}
		out = append(out, next)
		m = next
	}
	return out
}

// variants are the suffixes after a colon by which routers choose how, not
// what, they serve.
var variants = map[string]bool{
	"nitro": true, "floor": true, "online": true, "beta": true, "exacto": true, "thinking": true, "standard": true,
}

// trimOnce removes one marker from the end of a folded name.
func trimOnce(m string) string {
	if strings.HasPrefix(m, "ft:") {
		return trimFineTune(m)
	}
	if i := strings.LastIndexByte(m, ':'); i >= 0 {
		tail := m[i+1:]
		if variants[tail] {
			return m[:i]
		}
		// Bedrock: "-v1:0", and "-v1:0:200k" for a context length.
		if digits(tail) || (strings.HasSuffix(tail, "k") && digits(tail[:len(tail)-1])) || tail == "mm" {
			return m[:i]
		}
		return m
	}
	if i := strings.LastIndexByte(m, '@'); i >= 0 {
		return m[:i]
	}
	i := strings.LastIndexByte(m, '-')
	if i < 0 {
		return m
	}
	head, tail := m[:i], m[i+1:]
	switch {
	case tail == "latest":
		return head
	case isVersion(tail), isDay8(tail), isDay6(tail), len(tail) == 3 && tail[:2] == "00" && digits(tail):
		return head
	}
	// 2024-08-06
	if n := len(m); n > 11 && m[n-11] == '-' && m[n-6] == '-' && m[n-3] == '-' && isDay8(m[n-10:n-6]+m[n-5:n-3]+m[n-2:]) {
		return m[:n-11]
	}
	// preview-05-20, preview-09-2025
	if j := strings.LastIndex(m, "preview-"); j > 0 {
		if rest := m[j+len("preview-"):]; len(rest) >= 5 && strings.Count(rest, "-") == 1 && digits(strings.Replace(rest, "-", "", 1)) {
			return m[:j+len("preview")]
		}
	}
	return m
}

// trimFineTune keeps the base of "ft:base:org:name:id", and then trims the
// base: a fine-tune has a price of its own, "ft:base" in the table, and never
// that of its base.
func trimFineTune(m string) string {
	base, rest, _ := strings.Cut(m[len("ft:"):], ":")
	if rest != "" {
		return "ft:" + base
	}
	return "ft:" + trimOnce(base)
}

func digits(s string) bool {
	if s == "" {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// isVersion matches the v1, v2, v14 that Bedrock appends.
func isVersion(s string) bool { return (len(s) == 2 || len(s) == 3) && s[0] == 'v' && digits(s[1:]) }

// isDay8 matches 20240806.
func isDay8(s string) bool {
	return len(s) == 8 && s[:2] == "20" && digits(s) && monthDay(s[4:])
}

// isDay6 matches 250715.
func isDay6(s string) bool {
	return len(s) == 6 && s[0] == '2' && digits(s) && monthDay(s[2:])
}

func monthDay(s string) bool { return s[:2] >= "01" && s[:2] <= "12" && s[2:] >= "01" && s[2:] <= "31" }

// geographies are the prefixes of Bedrock's inference profiles: from where it
// serves, which changes the price.
var geographies = map[string]bool{
	"us": true, "eu": true, "apac": true, "ap": true, "jp": true, "au": true, "ca": true, "sa": true, "us-gov": true, "global": true,
}

// cutGeography splits "us.anthropic.claude-..." into its geography and the rest.
func cutGeography(model string) (geography, rest string) {
	if g, r, ok := strings.Cut(model, "."); ok && geographies[g] {
		return g, r
	}
	return "", model
}

// cutVendor splits "vendor/model" or, with a dot as in Bedrock's ids,
// "vendor.model" where the vendor is one of the table's.
func cutVendor(model string, known func(string) bool) (vendor, rest string) {
	if i := strings.LastIndexByte(model, '/'); i > 0 {
		v := model[:i]
		if j := strings.LastIndexByte(v, '/'); j >= 0 {
			v = v[j+1:]
		}
		if known(v) {
			return v, model[i+1:]
		}
		return "", model
	}
	if v, r, ok := strings.Cut(model, "."); ok && known(v) {
		return v, r
	}
	return "", model
}

// glob reports whether s matches a pattern in which * stands for any text.
func glob(pattern, s string) bool {
	first, rest, wild := strings.Cut(pattern, "*")
	if !wild {
		return pattern == s
	}
	if !strings.HasPrefix(s, first) {
		return false
	}
	s = s[len(first):]
	for {
		part, more, wild := strings.Cut(rest, "*")
		if !wild {
			return strings.HasSuffix(s, part)
		}
		i := strings.Index(s, part)
		if i < 0 {
			return false
		}
		s, rest = s[i+len(part):], more
	}
}
