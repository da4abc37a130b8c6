package export

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"
)

var columns = []Column{
	{Name: "time", Type: Moment, Required: true},
	{Name: "model", Type: Text, Repeats: true},
	{Name: "tags.a,b", Type: Text},
	{Name: "tokens", Type: Integer},
	{Name: "cost.usd", Type: Number},
	{Name: "stream", Type: Boolean, Required: true},
	{Name: "Élan 时间", Type: Text},
}

var at = time.Date(2026, 11, 21, 10, 0, 0, 123456000, time.UTC)

func rows() [][]Value {
	return [][]Value{
		{Time(at), Str("gpt-4o"), Str(`say "hi", you`), Int(12), Float(0.00037), Bool(true), Str("=1+1")},
		{Time(at), Str(""), Value{}, Value{}, Value{}, Bool(false), Value{}},
		{Time(at), Str("gpt-4o"), Str("two\r\nlines"), Int(0), Float(0), Bool(false), Str("你好")},
	}
}

func write(t *testing.T, w Writer, rows [][]Value) {
	t.Helper()
	for _, r := range rows {
		if err := w.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Flush(), w.Close()); err != nil {
		t.Fatal(err)
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	w, err := NewCSV(&b, columns, false)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, rows())
	want := "time,model,\"tags.a,b\",tokens,cost.usd,stream,Élan 时间\r\n" +
		"2026-11-21T10:00:00.123456Z,gpt-4o,\"say \"\"hi\"\", you\",12,0.00037,true,'=1+1\r\n" +
		"2026-11-21T10:00:00.123456Z,,,,,false,\r\n" +
		"2026-11-21T10:00:00.123456Z,gpt-4o,\"two\r\nlines\",0,0,false,你好\r\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestCSVMark(t *testing.T) {
	var b bytes.Buffer
	w, err := NewCSV(&b, columns[:1], true)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, nil)
	if b.String() != "\xef\xbb\xbftime\r\n" {
		t.Errorf("%q", b.String())
	}
}

// TestCSVFormulas has cells that spreadsheets compute.
func TestCSVFormulas(t *testing.T) {
	texts := map[string]string{
		"=cmd|' /C calc'!A0": "'=cmd|' /C calc'!A0", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\t=1": "'\t=1", "\r=1": "'\r=1", "\n=1": "'\n=1",
		"＝1": "'＝1", "－1": "'－1", "a=1": "a=1", "'=1": "'=1", " =1": " =1",
	}
	for in, want := range texts {
		var b bytes.Buffer
		w, err := NewCSV(&b, []Column{{Name: "x"}, {Name: "y"}}, false)
		if err != nil {
			t.Fatal(err)
		}
		write(t, w, [][]Value{{Str(in), Str("end")}})
		got, err := csv.NewReader(&b).ReadAll()
		if err != nil {
			t.Fatalf("%q: %v", in, err)
		}
		// The reader makes \r\n of the file one \n; a lone \r stays.
		if got[1][0] != want || got[1][1] != "end" {
			t.Errorf("%q became %q, want %q", in, got[1], want)
		}
	}
}

func TestNumbersAreNoFormulas(t *testing.T) {
	var b bytes.Buffer
	w, err := NewCSV(&b, []Column{{Name: "x", Type: Number}}, false)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, [][]Value{{Float(-1.5)}})
	if b.String() != "x\r\n-1.5\r\n" {
		t.Errorf("%q", b.String())
	}
}

// FuzzCSV reads back whatever text was written.
func FuzzCSV(f *testing.F) {
	for _, s := range []string{"a", "=1", `"`, "a,b", "\r\n", "\x00", "\xff", " ", "，"} {
		f.Add(s, "b")
	}
	f.Fuzz(func(t *testing.T, x, y string) {
		var b bytes.Buffer
		w, err := NewCSV(&b, []Column{{Name: "x"}, {Name: "y"}}, false)
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(w.Write([]Value{Str(x), Str(y)}), w.Close()); err != nil {
			t.Fatal(err)
		}
		got, err := csv.NewReader(&b).ReadAll()
		if err != nil || len(got) != 2 || len(got[1]) != 2 {
			t.Fatalf("%q, %q: %v %q", x, y, err, got)
		}
		for i, s := range []string{x, y} {
			want := s
			if s != "" && formula(s) {
				want = "'" + s
			}
			if want = strings.ReplaceAll(want, "\r\n", "\n"); got[1][i] != want {
				t.Errorf("%q became %q", s, got[1][i])
			}
		}
	})
}

func TestParquet(t *testing.T) {
	var b bytes.Buffer
	w, err := NewParquet(&b, columns)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, rows())
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range f.Schema().Columns() {
		names = append(names, strings.Join(c, "/"))
	}
	if diff := cmp.Diff([]string{"time", "model", "tags.a,b", "tokens", "cost.usd", "stream", "Élan 时间"}, names); diff != "" {
		t.Errorf("columns: %s", diff)
	}
	if got := f.Schema().Fields()[0]; !got.Required() || got.Type().LogicalType() == nil || got.Type().String() != "TIMESTAMP(isAdjustedToUTC=true,unit=MICROS)" {
		t.Errorf("time is %s", got.Type())
	}
	got := readBack(t, f)
	want := [][]string{
		{"1795255200123456", "gpt-4o", `say "hi", you`, "12", "0.00037", "true", "=1+1"},
		{"1795255200123456", "null", "null", "null", "null", "false", "null"},
		{"1795255200123456", "gpt-4o", "two\r\nlines", "0", "0", "false", "你好"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func readBack(t *testing.T, f *parquet.File) [][]string {
	t.Helper()
	var out [][]string
	for _, g := range f.RowGroups() {
		r := g.Rows()
		buf := make([]parquet.Row, 100)
		for {
			n, err := r.ReadRows(buf)
			for _, row := range buf[:n] {
				var cells []string
				for _, v := range row {
					if v.IsNull() {
						cells = append(cells, "null")
					} else {
						cells = append(cells, v.String())
					}
				}
				out = append(out, cells)
			}
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

// TestParquetRowGroups writes more than one row group, and counts.
func TestParquetRowGroups(t *testing.T) {
	var b bytes.Buffer
	w, err := NewParquet(&b, []Column{{Name: "n", Type: Integer, Required: true}, {Name: "s", Repeats: true}})
	if err != nil {
		t.Fatal(err)
	}
	const n = 2*groupRows + 5
	for i := range int64(n) {
		if err := w.Write([]Value{Int(i), Str("v" + strconv.FormatInt(i%3, 10))}); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil {
		t.Fatal(err)
	}
	if len(f.RowGroups()) != 3 || f.NumRows() != n {
		t.Fatalf("%d row groups, %d rows", len(f.RowGroups()), f.NumRows())
	}
	for i, row := range readBack(t, f) {
		if row[0] != strconv.Itoa(i) || row[1] != "v"+strconv.Itoa(i%3) {
			t.Fatalf("row %d is %q", i, row)
		}
	}
}

func TestEmptyParquet(t *testing.T) {
	var b bytes.Buffer
	w, err := NewParquet(&b, columns)
	if err != nil {
		t.Fatal(err)
	}
	write(t, w, nil)
	f, err := parquet.OpenFile(bytes.NewReader(b.Bytes()), int64(b.Len()))
	if err != nil || f.NumRows() != 0 || len(f.Schema().Columns()) != len(columns) {
		t.Errorf("%v %v", err, f)
	}
}

// TestBadRows has rows that do not fit.
func TestBadRows(t *testing.T) {
	c, err := NewCSV(io.Discard, columns, false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := NewParquet(io.Discard, columns)
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string][]Value{
		"few":      {Time(at)},
		"required": {Value{}, Str("x"), Value{}, Value{}, Value{}, Bool(true), Value{}},
		"type":     {Time(at), Int(1), Value{}, Value{}, Value{}, Bool(true), Value{}},
	} {
		if c.Write(row) == nil || p.Write(row) == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := NewParquet(io.Discard, []Column{{Name: "a"}, {Name: "a"}}); err == nil {
		t.Error("two columns of one name: no error")
	}
}

func benchmark(b *testing.B, w Writer, err error) {
	if err != nil {
		b.Fatal(err)
	}
	rs := rows()
	b.ReportAllocs()
	for b.Loop() {
		if err := w.Write(rs[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCSV(b *testing.B) {
	w, err := NewCSV(io.Discard, columns, false)
	benchmark(b, w, err)
}

func BenchmarkParquet(b *testing.B) {
	w, err := NewParquet(io.Discard, columns)
	benchmark(b, w, err)
}
