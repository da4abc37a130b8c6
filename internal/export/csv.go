package export

import (
	"bufio"
	"io"
	"strconv"
	"strings"
	"time"
)

// bom tells Excel that a file is UTF-8.
const bom = "\ufeff"

// csvWriter writes RFC 4180.
type csvWriter struct {
	w       *bufio.Writer
	columns []Column
	buf     []byte
}

// NewCSV returns a Writer of comma-separated values as RFC 4180 describes them,
// in UTF-8, with the names of the columns in the first line. A text that a
// spreadsheet would take for a formula gets an apostrophe in front. With mark,
// the file begins with a byte order mark.
func NewCSV(w io.Writer, columns []Column, mark bool) (Writer, error) {
	c := &csvWriter{w: bufio.NewWriterSize(w, 64<<10), columns: columns}
	if mark {
		c.buf = append(c.buf, bom...)
	}
	for i := range columns {
		c.comma(i)
		c.text(columns[i].Name)
	}
	if err := c.line(); err != nil {
		return nil, err
	}
	return c, nil
}

// Write implements Writer.
func (c *csvWriter) Write(row []Value) error {
	if err := check(c.columns, row); err != nil {
		return err
	}
	for i := range row {
		c.comma(i)
		switch v := &row[i]; v.kind {
		case absent:
		case isText:
			c.text(v.text)
		case isInteger:
			c.buf = strconv.AppendInt(c.buf, v.n, 10)
		case isNumber:
			c.buf = strconv.AppendFloat(c.buf, v.f, 'f', -1, 64)
		case isBoolean:
			c.buf = strconv.AppendBool(c.buf, v.n != 0)
		case isMoment:
			c.buf = time.UnixMicro(v.n).UTC().AppendFormat(c.buf, time.RFC3339Nano)
		}
	}
	return c.line()
}

func (c *csvWriter) comma(i int) {
	if i > 0 {
		c.buf = append(c.buf, ',')
	}
}

// text appends a cell of text.
func (c *csvWriter) text(s string) {
	quoted := strings.ContainsAny(s, "\",\r\n") || s[0] == ' ' || s[len(s)-1] == ' '
	if quoted {
		c.buf = append(c.buf, '"')
	}
	if formula(s) {
		c.buf = append(c.buf, '\'')
	}
	if !quoted {
		c.buf = append(c.buf, s...)
		return
	}
	for i := range len(s) {
		if s[i] == '"' {
			c.buf = append(c.buf, '"')
		}
		c.buf = append(c.buf, s[i])
	}
	c.buf = append(c.buf, '"')
}

// formula reports whether a spreadsheet may compute the text of a cell, and run
// what it names. Some of them take the wide forms that Chinese and Japanese
// keyboards have for the same signs.
func formula(s string) bool {
	switch s[0] {
	case '=', '+', '-', '@', '\t', '\r', '\n':
		return true
	}
	for _, wide := range []string{"＝", "＋", "－", "＠"} {
		if strings.HasPrefix(s, wide) {
			return true
		}
	}
	return false
}

func (c *csvWriter) line() error {
	c.buf = append(c.buf, '\r', '\n')
	_, err := c.w.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}

// Flush implements Writer.
func (c *csvWriter) Flush() error { return c.w.Flush() }

// Close implements Writer.
func (c *csvWriter) Close() error { return c.w.Flush() }
