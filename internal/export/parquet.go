package export

import (
	"errors"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

const (
	// groupRows is how many rows a row group has: the most that is kept in memory,
	// encoded, before it is written.
	groupRows = 32 << 10
	// batchRows is how many rows are handed on at once.
	batchRows = 256
)

// parquetWriter writes Apache Parquet.
type parquetWriter struct {
	w       *parquet.GenericWriter[any]
	columns []Column
	rows    []parquet.Row
	n       int
}

// NewParquet returns a Writer of Apache Parquet with the columns in their order,
// compressed with zstd. Times are in microseconds, UTC. What is absent is null.
func NewParquet(w io.Writer, columns []Column) (Writer, error) {
	root, err := newNode(columns)
	if err != nil {
		return nil, err
	}
	p := &parquetWriter{columns: columns, rows: make([]parquet.Row, batchRows)}
	for i := range p.rows {
		p.rows[i] = make(parquet.Row, len(columns))
	}
	p.w = parquet.NewGenericWriter[any](
		w, parquet.NewSchema("pitot", root), parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(groupRows), parquet.PageBufferSize(64<<10),
	)
	return p, nil
}

// Write implements Writer.
func (p *parquetWriter) Write(row []Value) error {
	if err := check(p.columns, row); err != nil {
		return err
	}
	out := p.rows[p.n]
	for i := range row {
		v := &row[i]
		level := 1
		if p.columns[i].Required {
			level = 0
		}
		switch v.kind {
		case absent:
			out[i], level = parquet.NullValue(), 0
		case isText:
			out[i] = parquet.ByteArrayValue([]byte(v.text))
		case isInteger, isMoment:
			out[i] = parquet.Int64Value(v.n)
		case isNumber:
			out[i] = parquet.DoubleValue(v.f)
		case isBoolean:
			out[i] = parquet.BooleanValue(v.n != 0)
		}
		out[i] = out[i].Level(0, level, i)
	}
	if p.n++; p.n == len(p.rows) {
		return p.send()
	}
	return nil
}

func (p *parquetWriter) send() error {
	if p.n == 0 {
		return nil
	}
	_, err := p.w.WriteRows(p.rows[:p.n])
	p.n = 0
	return err
}

// Flush implements Writer. Row groups are written when they are full: small ones
// would make the file large.
func (p *parquetWriter) Flush() error { return nil }

// Close implements Writer. It writes the footer, without which the file is none.
func (p *parquetWriter) Close() error { return errors.Join(p.send(), p.w.Close()) }

// node is the group of the columns in their order; the library's own sorts them
// by name.
type node struct {
	parquet.Group
	names []string
}

func newNode(columns []Column) (*node, error) {
	n := &node{Group: parquet.Group{}}
	for i := range columns {
		c := &columns[i]
		if _, twice := n.Group[c.Name]; twice || c.Name == "" {
			return nil, fmt.Errorf("export: two columns are named %q", c.Name)
		}
		leaf := parquet.String()
		switch c.Type {
		case Text:
		case Integer:
			leaf = parquet.Int(64)
		case Number:
			leaf = parquet.Leaf(parquet.DoubleType)
		case Boolean:
			leaf = parquet.Leaf(parquet.BooleanType)
		case Moment:
			leaf = parquet.Timestamp(parquet.Microsecond)
		}
		if c.Repeats {
			leaf = parquet.Encoded(leaf, &parquet.RLEDictionary)
		}
		if !c.Required {
			leaf = parquet.Optional(leaf)
		}
		n.Group[c.Name] = leaf
		n.names = append(n.names, c.Name)
	}
	return n, nil
}

// Fields implements parquet.Node.
func (n *node) Fields() []parquet.Field {
	byName := map[string]parquet.Field{}
	for _, f := range n.Group.Fields() {
		byName[f.Name()] = f
	}
	out := make([]parquet.Field, len(n.names))
	for i, name := range n.names {
		out[i] = byName[name]
	}
	return out
}
