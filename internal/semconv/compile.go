package semconv

import (
	"cmp"
	"slices"
	"strings"
)

// lookup is the table, compiled: what to do with an attribute of a given name.
type lookup struct {
	exact    map[string]*binding
	prefixes [256][]*prefixBinding // by first byte, longest first

	params map[string]string // settings, by the names that senders have for them

	flatInput  uint8 // ranks of the sources that are no single attribute
	flatOutput uint8
	flatTools  uint8
	evtInput   uint8
	evtOutput  uint8
}

// binding is what one attribute name feeds.
type binding struct {
	targets []target
	content bool
	dialect dialect
}

// target is one field that an attribute feeds. Ranks begin with 1, the best.
type target struct {
	field field
	rank  uint8
	as    parse
	src   *source
}

type prefixBinding struct {
	key     string
	group   group
	content bool
	dialect dialect
}

// compile turns the table into a lookup.
func compile() *lookup {
	l := &lookup{exact: make(map[string]*binding, 512), params: paramNames()}
	for _, p := range prefixes() {
		b := &prefixBinding{key: p.key, group: p.group, content: p.content, dialect: dialectOf(p.since)}
		l.prefixes[p.key[0]] = append(l.prefixes[p.key[0]], b)
	}
	for i := range l.prefixes {
		slices.SortStableFunc(l.prefixes[i], func(a, b *prefixBinding) int { return cmp.Compare(len(b.key), len(a.key)) })
	}
	for _, r := range table() {
		for i := range r.sources {
			src := &r.sources[i]
			rank := uint8(i + 1)
			switch src.key {
			case pseudoFlatInput:
				l.flatInput = rank
			case pseudoFlatOutput:
				l.flatOutput = rank
			case pseudoFlatTools:
				l.flatTools = rank
			case pseudoEventInput:
				l.evtInput = rank
			case pseudoEventOutput:
				l.evtOutput = rank
			default:
				b := l.exact[src.key]
				if b == nil {
					b = &binding{dialect: l.hint(src.key)}
					l.exact[src.key] = b
				}
				b.targets = append(b.targets, target{field: r.field, rank: rank, as: src.as, src: src})
				b.content = b.content || r.content
			}
		}
	}
	return l
}

// prefix returns the longest family that the name belongs to.
func (l *lookup) prefix(key string) *prefixBinding {
	if key == "" {
		return nil
	}
	for _, p := range l.prefixes[key[0]] {
		if strings.HasPrefix(key, p.key) {
			return p
		}
	}
	return nil
}

// hint is what a name tells of its sender.
func (l *lookup) hint(key string) dialect {
	best := dNone
	longest := 0
	for _, p := range l.prefixes[key[0]] {
		if p.dialect != dNone && len(p.key) > longest && strings.HasPrefix(key, p.key) {
			best, longest = p.dialect, len(p.key)
		}
	}
	return best
}
