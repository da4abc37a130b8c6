package explain

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Selection is a set of Calls: those in any of the ranges that fulfil all terms
// and the query.
type Selection struct {
	// Ranges of time; none is all time.
	Ranges []Range
	Terms  []Term
	// Query is a LogsQL filter, for Sources that know LogsQL.
	Query string
}

// Op compares.
type Op string

// The comparisons. Those by size are for numbers alone.
const (
	OpIs    Op = "="
	OpIsNot Op = "!="
	OpOver  Op = ">"
	OpFrom  Op = ">="
	OpUnder Op = "<"
	OpUpTo  Op = "<="
)

// Term is a condition on a dimension or a number of a Call.
type Term struct {
	Name string
	Op   Op
	// Values of a dimension, any of which will do; one of a number, in the
	// number's unit.
	Values []string
}

// Condition says that a dimension has a value.
type Condition struct {
	Dimension string `json:"dimension"`
	Value     string `json:"value"`
}

// String is the form that ParseSelection reads.
func (c Condition) String() string {
	return Term{c.Dimension, OpIs, []string{c.Value}}.String()
}

// Limits of a Selection.
const (
	maxSelection = 16 << 10
	maxTerms     = 64
	maxValues    = 256
	maxRanges    = 64
)

// numberInfo describes a number in a Selection.
type numberInfo struct {
	name, field string
	num         Num
	time        bool // a duration: 2s, 300ms or seconds
}

func numbers() []numberInfo {
	return []numberInfo{
		{"duration", "duration_seconds", NumDuration, true},
		{"ttft", "ttft_seconds", NumTTFT, true},
		{"tpot", "tpot_seconds", NumTPOT, true},
		{"tokens_per_second", "tokens_per_second", NumTokensPerSecond, false},
		{"input_tokens", "usage.input_tokens", NumInputTokens, false},
		{"output_tokens", "usage.output_tokens", NumOutputTokens, false},
		{"cost", "cost.usd", NumCost, false},
	}
}

// numberTable is the one copy of numbers, which nobody writes to.
var numberTable = numbers()

func numberOf(name string) (*numberInfo, bool) {
	for i := range numberTable {
		if numberTable[i].name == name {
			return &numberTable[i], true
		}
	}
	return nil, false
}

// ParseSelection reads the text form of the terms of a Selection: conditions
// with blanks between them, such as
//
//	provider=openai model=gpt-4o,gpt-4o-mini user!=u1 duration>=2s tags.team="a b"
//
// A value with a blank, a comma or a quote is quoted as in Go or JSON.
func ParseSelection(s string) (Selection, error) {
	var sel Selection
	if len(s) > maxSelection {
		return sel, fmt.Errorf("parse selection: longer than %d bytes", maxSelection)
	}
	rest := strings.TrimSpace(s)
	for rest != "" {
		if len(sel.Terms) == maxTerms {
			return Selection{}, fmt.Errorf("parse selection: more than %d conditions", maxTerms)
		}
		t, after, err := parseTerm(rest)
		if err != nil {
			return Selection{}, fmt.Errorf("parse selection: at %q: %w", cut(rest, 40), err)
		}
		sel.Terms = append(sel.Terms, t)
		rest = strings.TrimLeft(after, " \t\r\n")
	}
	return sel, nil
}

func parseTerm(s string) (Term, string, error) {
	i := strings.IndexAny(s, "=!<> \t\r\n\"")
	if i <= 0 {
		return Term{}, "", errors.New("a condition has the form dimension=value")
	}
	t := Term{Name: s[:i]}
	rest := s[i:]
	for _, op := range []Op{OpIsNot, OpFrom, OpUpTo, OpIs, OpOver, OpUnder} {
		if after, ok := strings.CutPrefix(rest, string(op)); ok {
			t.Op, rest = op, after
			break
		}
	}
	if t.Op == "" {
		return Term{}, "", errors.New("an operator is missing: one of = != < <= > >=")
	}
	for {
		v, after, err := parseValue(rest)
		if err != nil {
			return Term{}, "", err
		}
		t.Values, rest = append(t.Values, v), after
		if !strings.HasPrefix(rest, ",") {
			break
		}
		if len(t.Values) == maxValues {
			return Term{}, "", fmt.Errorf("more than %d values", maxValues)
		}
		rest = rest[1:]
	}
	if rest != "" && !strings.ContainsRune(" \t\r\n", rune(rest[0])) {
		return Term{}, "", errors.New("a blank is missing after the value")
	}
	if n, ok := numberOf(t.Name); ok && len(t.Values) == 1 {
		v, err := n.parse(t.Values[0])
		if err != nil {
			return Term{}, "", err
		}
		t.Values[0] = strconv.FormatFloat(v, 'g', -1, 64)
	}
	return t, rest, t.check()
}

func parseValue(s string) (value, rest string, err error) {
	if strings.HasPrefix(s, `"`) {
		q, err := strconv.QuotedPrefix(s)
		if err != nil {
			return "", "", errors.New("a quoted value does not end or is not well-formed")
		}
		v, err := strconv.Unquote(q)
		return v, s[len(q):], err
	}
	i := strings.IndexAny(s, " \t\r\n,\"")
	if i < 0 {
		i = len(s)
	}
	return s[:i], s[i:], nil
}

// parse reads a number in its unit.
func (n *numberInfo) parse(s string) (float64, error) {
	if n.time {
		if d, err := time.ParseDuration(s); err == nil {
			return d.Seconds(), nil
		}
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		if n.time {
			return 0, fmt.Errorf("%s: %q is no duration: use 2s, 300ms or seconds", n.name, cut(s, 40))
		}
		return 0, fmt.Errorf("%s: %q is no number", n.name, cut(s, 40))
	}
	return v, nil
}

// check says what is wrong with the term.
func (t Term) check() error {
	if len(t.Values) == 0 || len(t.Values) > maxValues {
		return fmt.Errorf("%s: 1 to %d values are allowed", cut(t.Name, 40), maxValues)
	}
	if n, ok := numberOf(t.Name); ok {
		if len(t.Values) != 1 {
			return fmt.Errorf("%s: one value is allowed", t.Name)
		}
		if _, err := n.parse(t.Values[0]); err != nil {
			return err
		}
		if !slices.Contains([]Op{OpIs, OpIsNot, OpOver, OpFrom, OpUnder, OpUpTo}, t.Op) {
			return fmt.Errorf("%s: %q is no operator", t.Name, t.Op)
		}
		return nil
	}
	if !validDimension(t.Name) {
		return fmt.Errorf("%q is no dimension: use %s or tags.NAME", cut(t.Name, 40), strings.Join(DimensionNames(), ", "))
	}
	if t.Op != OpIs && t.Op != OpIsNot {
		return fmt.Errorf("%s: only = and != compare dimensions", t.Name)
	}
	if strings.HasPrefix(t.Name, tagPrefix) && strings.ContainsAny(t.Name, "=!<> \t\r\n\"") {
		return fmt.Errorf("%q: blanks, quotes and operators are not allowed in the name of a tag", t.Name)
	}
	if t.Name == DimInputBand.String() {
		for _, v := range t.Values {
			if _, _, ok := bandBounds(v); !ok {
				return fmt.Errorf("input_band: %q is no band: use <512, 512..1023, 1024..2047 and so on to 131072+", cut(v, 40))
			}
		}
	}
	return nil
}

// String is the form that ParseSelection reads.
func (t Term) String() string {
	var b strings.Builder
	b.WriteString(t.Name + string(t.Op))
	for i, v := range t.Values {
		if i > 0 {
			b.WriteByte(',')
		}
		if v == "" || strings.ContainsAny(v, " ,\"\\") || strconv.Quote(v) != `"`+v+`"` {
			v = strconv.Quote(v)
		}
		b.WriteString(v)
	}
	return b.String()
}

// String is the form that ParseSelection reads; ranges and query are left out.
func (s Selection) String() string {
	terms := make([]string, len(s.Terms))
	for i, t := range s.Terms {
		terms[i] = t.String()
	}
	return strings.Join(terms, " ")
}

// Validate says all that is wrong with the selection.
func (s Selection) Validate() error {
	var errs []error
	if len(s.Terms) > maxTerms {
		errs = append(errs, fmt.Errorf("more than %d conditions", maxTerms))
	}
	if len(s.Ranges) > maxRanges {
		errs = append(errs, fmt.Errorf("more than %d ranges of time", maxRanges))
	}
	for _, t := range s.Terms {
		if err := t.check(); err != nil {
			errs = append(errs, err)
		}
	}
	for _, r := range s.Ranges {
		if r.Start.IsZero() || r.End.IsZero() || !r.End.After(r.Start) {
			errs = append(errs, errors.New("a range of time needs a start and a later end"))
		}
	}
	return errors.Join(errs...)
}

// with returns the selection with conditions added.
func (s Selection) with(conds ...Condition) Selection {
	s.Terms = slices.Clone(s.Terms)
	for _, c := range conds {
		s.Terms = append(s.Terms, Term{c.Dimension, OpIs, []string{c.Value}})
	}
	return s
}

// Match reports whether the row fulfils the terms. It looks at neither ranges
// nor query.
func (s Selection) Match(r *Row) bool {
	for i := range s.Terms {
		if !s.Terms[i].match(r) {
			return false
		}
	}
	return true
}

func (t *Term) match(r *Row) bool {
	if n, ok := numberOf(t.Name); ok {
		want, err := n.parse(t.Values[0])
		return err == nil && compare(r.Nums[n.num], t.Op, want)
	}
	return slices.ContainsFunc(t.Values, func(v string) bool { return r.is(t.Name, v) }) == (t.Op == OpIs)
}

func compare(v float64, op Op, want float64) bool {
	switch op {
	case OpIs:
		return v == want
	case OpIsNot:
		return v != want
	case OpOver:
		return v > want
	case OpFrom:
		return v >= want
	case OpUnder:
		return v < want
	case OpUpTo:
		return v <= want
	}
	return false
}

// is reports whether a dimension of the row has a value.
func (r *Row) is(name, value string) bool {
	if tag, ok := strings.CutPrefix(name, tagPrefix); ok {
		i := slices.IndexFunc(r.Tags, func(t Tag) bool { return t.Name == tag })
		return i >= 0 && r.Tags[i].Value == value || i < 0 && value == ""
	}
	d, ok := ParseDim(name)
	if !ok {
		return false
	}
	switch d {
	case DimInputBand:
		return Band(r.Nums[NumInputTokens]) == value
	case DimPromptVersion:
		name, version, qualified := splitVersion(value)
		return r.Values[d] == version && (!qualified || r.Values[DimPrompt] == name) || r.Values[d] == value
	case DimStream:
		return (r.Values[d] == "true") == (value == "true")
	default: // as below
	}
	return r.Values[d] == value
}

// splitVersion takes name@version apart.
func splitVersion(s string) (name, version string, qualified bool) {
	i := strings.LastIndexByte(s, '@')
	if i < 0 {
		return "", s, false
	}
	return s[:i], s[i+1:], true
}

// cut shortens s to at most n bytes, for messages.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	return strings.ToValidUTF8(s[:n], "") + "…"
}
