package export

import (
	"fmt"
	"time"
)

// Type is what a column holds.
type Type uint8

// The types of columns.
const (
	Text    Type = iota // UTF-8
	Integer             // 64 bits
	Number              // a double
	Boolean
	Moment // a time in UTC, in microseconds
)

// Column is a column of a table.
type Column struct {
	Name string
	Type Type
	// Required says that every row has a value. Others may be absent.
	Required bool
	// Repeats says that few values occur, many times: a dictionary pays.
	Repeats bool
}

// Value is a cell. The zero Value is absent.
type Value struct {
	kind kind
	text string
	n    int64
	f    float64
}

type kind uint8

const (
	absent kind = iota
	isText
	isInteger
	isNumber
	isBoolean
	isMoment
)

// Str is a text; an empty one is absent.
func Str(s string) Value {
	if s == "" {
		return Value{}
	}
	return Value{kind: isText, text: s}
}

// Int is an integer.
func Int(n int64) Value { return Value{kind: isInteger, n: n} }

// Float is a number.
func Float(f float64) Value { return Value{kind: isNumber, f: f} }

// Bool is a truth value.
func Bool(b bool) Value {
	v := Value{kind: isBoolean}
	if b {
		v.n = 1
	}
	return v
}

// Time is a moment; the zero time is absent.
func Time(t time.Time) Value {
	if t.IsZero() {
		return Value{}
	}
	return Value{kind: isMoment, n: t.UnixMicro()}
}

// Writer writes the rows of a table. It is not safe for concurrent use. Nothing
// is complete before Close, which does not close what is written to.
type Writer interface {
	// Write writes a row: a value for each column. It keeps none of them.
	Write(row []Value) error
	// Flush hands on what can be: where it takes long to the next row, somebody
	// may be waiting.
	Flush() error
	Close() error
}

// check says whether a row fits the columns.
func check(columns []Column, row []Value) error {
	if len(row) != len(columns) {
		return fmt.Errorf("export: a row of %d values for %d columns", len(row), len(columns))
	}
	for i := range columns {
		k := row[i].kind
		if k == absent && columns[i].Required || k != absent && k != kind(columns[i].Type)+1 {
			return fmt.Errorf("export: column %s: the value does not fit", columns[i].Name)
		}
	}
	return nil
}
