package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/pitot-dev/pitot/internal/llm"
)

// printJSON writes v for people and for programs: indented, and with < > & as
// they are.
func printJSON(w io.Writer, v any) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// paint colours text where the output is a terminal and NO_COLOR is unset.
type paint struct{ on bool }

func newPaint(w io.Writer) paint {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" {
		return paint{}
	}
	st, err := f.Stat()
	return paint{err == nil && st.Mode()&os.ModeCharDevice != 0}
}

func (p paint) wrap(code, s string) string {
	if !p.on {
		return s
	}
	return "\x1b[" + code + "m" + s + "\x1b[0m"
}

func (p paint) red(s string) string   { return p.wrap("31", s) }
func (p paint) green(s string) string { return p.wrap("32", s) }
func (p paint) dim(s string) string   { return p.wrap("2", s) }
func (p paint) bold(s string) string  { return p.wrap("1", s) }

// width is the number of terminal cells that s takes: East Asian characters
// take two, escape sequences none.
func width(s string) int {
	n, esc := 0, false
	for _, r := range s {
		switch {
		case esc:
			esc = r != 'm'
		case r == '\x1b':
			esc = true
		case unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul) || (r >= 0xFF01 && r <= 0xFF60) || (r >= 0x3000 && r <= 0x303F):
			n += 2
		case unicode.IsControl(r) || unicode.In(r, unicode.Mn):
		default:
			n++
		}
	}
	return n
}

// row writes cells padded to their widths; a negative width aligns right.
func row(w io.Writer, widths []int, cells ...string) {
	var b strings.Builder
	for i, c := range cells {
		pad, right := 0, false
		if i < len(widths) {
			pad, right = widths[i], widths[i] < 0
			if right {
				pad = -pad
			}
		}
		space := strings.Repeat(" ", max(0, pad-width(c)))
		if i > 0 {
			b.WriteString("  ")
		}
		if right {
			b.WriteString(space + c)
		} else {
			b.WriteString(c)
			if i < len(cells)-1 {
				b.WriteString(space)
			}
		}
	}
	fmt.Fprintln(w, b.String())
}

// clean makes text safe for one line of a terminal.
func clean(s string, limit int) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
	if width(s) <= limit {
		return s
	}
	n := 0
	for i, r := range s {
		if n += width(string(r)); n >= limit {
			return s[:i] + "…"
		}
	}
	return s
}

// unknown stands for a number that nobody knows; it is never shown as 0.
const unknown = "–"

func fmtDuration(d llm.Opt[time.Duration]) string {
	v, ok := d.Get()
	if !ok {
		return unknown
	}
	switch {
	case v < time.Millisecond:
		return fmt.Sprintf("%.2fms", v.Seconds()*1e3)
	case v < time.Second:
		return fmt.Sprintf("%.0fms", v.Seconds()*1e3)
	case v < time.Minute:
		return fmt.Sprintf("%.2fs", v.Seconds())
	default:
		return v.Round(time.Second).String()
	}
}

func fmtCount(n llm.Opt[int64]) string {
	v, ok := n.Get()
	if !ok {
		return unknown
	}
	return strconv.FormatInt(v, 10)
}

func fmtCost(c llm.Cost) string {
	usd, ok := c.USD.Get()
	if !ok {
		return "unpriced"
	}
	s := fmtUSD(usd)
	if c.State == llm.CostEstimated {
		s = "~" + s
	}
	return s
}

func fmtUSD(usd float64) string {
	switch {
	case usd == 0:
		return "$0"
	case usd < 0.01:
		return fmt.Sprintf("$%.6f", usd)
	default:
		return fmt.Sprintf("$%.4f", usd)
	}
}

func fmtRate(f llm.Opt[float64]) string {
	v, ok := f.Get()
	if !ok {
		return unknown
	}
	return fmt.Sprintf("%.0f", v)
}
