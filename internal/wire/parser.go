package wire

import (
	"sync"

	"github.com/valyala/fastjson"
)

// parsers are JSON parsers with the memory of what they parsed before: without
// them a third of what a call allocates is for its two parsers.
var parsers sync.Pool

// maxPooled is the longest document whose parser is kept: it holds some ten
// times as much.
const maxPooled = 64 << 10

func borrowParser() *fastjson.Parser {
	if p, ok := parsers.Get().(*fastjson.Parser); ok {
		return p
	}
	return new(fastjson.Parser)
}

// returnParser gives a parser back whose longest document had most bytes. No
// value of it may be in use any more.
func returnParser(p *fastjson.Parser, most int) {
	if p != nil && most <= maxPooled {
		parsers.Put(p)
	}
}
