package api

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/export"
	"github.com/pitot-dev/pitot/internal/llm"
)

const (
	// maxExportCalls and maxExportGroups bound the rows of a file.
	maxExportCalls  = 1_000_000
	maxExportGroups = 10 * events.MaxLimit
	// maxExports is how many files are written at once: each keeps the event
	// engine busy.
	maxExports = 2
	// exportTimeout bounds the work of one file.
	exportTimeout = 30 * time.Minute
)

// The trailers of a file: they come after it, when it is known.
const (
	trailerRows     = "Pitot-Export-Rows"
	trailerComplete = "Pitot-Export-Complete"
)

// The formats of files.
const (
	formatCSV     = "csv"
	formatParquet = "parquet"
	formatJSONL   = "jsonl"
)

// rows writes the rows of a file, which it begins when it has something to write,
// and closes. complete is false where a limit left some out.
type rows func(ctx context.Context, begin func() (export.Writer, error)) (n int, complete bool, err error)

// file is what is asked for.
type file struct {
	format  string
	name    string // without its ending
	columns []export.Column
	bom     bool
	write   rows
	// trailers adds to those that every file has; may be nil.
	trailers func(http.Header)
}

// exportCalls writes Calls as a file.
func (s *server) exportCalls(w http.ResponseWriter, r *http.Request) {
	p := newParams(r, s.Now())
	f := file{format: p.oneOf("format", formatCSV, formatParquet, formatJSONL), bom: p.oneOf("bom", "false", "true") == "true", columns: callColumns()}
	filter := p.filter(hour)
	oldest := p.oneOf("order", events.OrderNewest, events.OrderOldest) == events.OrderOldest
	withheld := s.withheld(r)
	limited := p.get("limit") != ""
	limit := p.count("limit", maxExportCalls, maxExportCalls)
	content := p.flag("content")
	err := p.check()
	if content {
		f.columns = append(f.columns, contentColumns()...)
	}
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f.name = fileName("calls", filter.Range)
	f.write = func(ctx context.Context, out func() (export.Writer, error)) (int, bool, error) {
		n, batches, err := s.count(ctx, filter, oldest)
		if err != nil {
			return 0, false, err
		}
		// What is too much is refused before the file begins, so that nobody takes a
		// part for the whole.
		if n > maxExportCalls && !limited {
			return 0, false, &Error{
				http.StatusUnprocessableEntity, CodeTooManyRows, fmt.Sprintf("%d calls match, and an export has at most %d", n, maxExportCalls),
				fmt.Sprintf("narrow the time range or the filter, or pass limit=%d for the first ones in the order asked for", maxExportCalls),
			}
		}
		file, err := out()
		if err != nil {
			return 0, false, err
		}
		if content {
			batches = s.withContent(batches)
		}
		return writeCalls(ctx, batches, limit, exported{content: content, withheld: withheld}, file)
	}
	s.serveFile(w, r, &f)
}

// count says how many Calls a file will have.
func (s *server) count(ctx context.Context, f events.CallFilter, oldest bool) (int64, events.CallBatches, error) {
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	return s.ScanCalls(ctx, f, oldest)
}

// exported says what goes into a file.
type exported struct{ content, withheld bool }

// errLimit ends a scan.
var errLimit = errors.New("limit reached")

// writeCalls writes Calls batch by batch, and closes the file.
func writeCalls(ctx context.Context, batches events.CallBatches, limit int, of exported, out export.Writer) (n int, complete bool, err error) {
	row := make([]export.Value, 0, len(callTable))
	err = batches(ctx, func(calls []*llm.Call) error {
		for _, c := range calls {
			if n == limit {
				return errLimit
			}
			if of.withheld {
				c = withholdCall(c)
			}
			if err := writeCall(out, c, of.content, row); err != nil {
				return err
			}
			n++
		}
		return out.Flush()
	})
	if err != nil && !errors.Is(err, errLimit) {
		return n, false, err
	}
	return n, err == nil, out.Close()
}

// exportCosts writes the groups of costs as a file.
func (s *server) exportCosts(w http.ResponseWriter, r *http.Request) {
	p := newParams(r, s.Now())
	f := file{format: p.oneOf("format", formatCSV, formatParquet), bom: p.oneOf("bom", "false", "true") == "true"}
	q := events.CostQuery{CallFilter: p.filter(day), By: p.dimensions("by", events.GroupFields()), Step: p.duration("step", time.Minute)}
	limit := p.count("limit", maxExportGroups, maxExportGroups)
	if err := p.check(); err != nil {
		s.fail(w, r, err)
		return
	}
	q.Limit = min(limit+1, maxExportGroups)
	f.name, f.columns = fileName("costs", q.Range), costColumns(q.By, q.Step)
	f.write = func(ctx context.Context, begin func() (export.Writer, error)) (int, bool, error) {
		ctx, cancel := context.WithTimeout(ctx, queryTimeout)
		defer cancel()
		groups, err := s.Events.Costs(ctx, q)
		if err != nil {
			return 0, false, err
		}
		out, err := begin()
		if err != nil {
			return 0, false, err
		}
		complete := len(groups) < q.Limit
		groups = groups[:min(limit, len(groups))]
		for i := range groups {
			if err := out.Write(costRow(&groups[i], q.By, q.Step)); err != nil {
				return i, false, err
			}
		}
		return len(groups), complete, out.Close()
	}
	s.serveFile(w, r, &f)
}

// fileName is a name that sorts by time and that every system takes.
func fileName(what string, r events.Range) string {
	const form = "20060102T150405Z"
	return "pitot-" + what + "-" + r.Start.UTC().Format(form) + "-" + r.End.UTC().Format(form)
}

// serveFile writes a file. What goes wrong before the first byte is answered as
// an error; after it the connection is cut, so that half a file does not look
// whole.
func (s *server) serveFile(w http.ResponseWriter, r *http.Request, f *file) {
	if s.exporting.Add(1) > maxExports {
		s.exporting.Add(-1)
		s.fail(w, r, &Error{http.StatusServiceUnavailable, CodeOverloaded, fmt.Sprintf("%d exports are under way", maxExports), "wait until one of them has ended"})
		return
	}
	defer s.exporting.Add(-1)
	ctx, cancel := context.WithTimeout(r.Context(), exportTimeout)
	defer cancel()
	var cold events.Partial
	ctx = events.WithCold(ctx, &cold)
	out := &fileWriter{w: w, rc: http.NewResponseController(w), start: func() {
		f.header(w.Header())
		partial(w, &cold)
	}}
	defer out.done()
	if r.Method == http.MethodHead {
		out.begin()
		return
	}
	n, complete, err := f.write(ctx, func() (export.Writer, error) { return f.writer(out) })
	if err != nil {
		if !out.began {
			s.fail(w, r, err)
			return
		}
		s.Logger.Warn("an export was cut", "path", r.URL.Path, "rows", n, "err", err)
		panic(http.ErrAbortHandler)
	}
	out.begin() // a file without rows may have no bytes
	w.Header().Set(trailerRows, strconv.Itoa(n))
	w.Header().Set(trailerComplete, strconv.FormatBool(complete && len(cold.Days()) == 0))
	if f.trailers != nil {
		f.trailers(w.Header())
	}
}

// header sets the headers of a file.
func (f *file) header(h http.Header) {
	h.Set("Content-Type", map[string]string{
		formatCSV: "text/csv; charset=utf-8; header=present", formatParquet: "application/vnd.apache.parquet", formatJSONL: "application/x-ndjson", formatOTLP: "application/x-ndjson",
	}[f.format])
	h.Set("Content-Disposition", `attachment; filename="`+f.name+"."+endings[f.format]+`"`)
	h.Set("Trailer", trailerRows+", "+trailerComplete)
	if f.trailers != nil {
		h.Add("Trailer", trailerSkipped)
	}
}

// endings are those of the names of files, by format; read only.
var endings = map[string]string{formatCSV: "csv", formatParquet: "parquet", formatJSONL: "jsonl", formatOTLP: "otlp.jsonl"}

func (f *file) writer(w io.Writer) (export.Writer, error) {
	switch f.format {
	case formatParquet:
		return export.NewParquet(w, f.columns)
	case formatJSONL:
		return newLines(w), nil
	case formatOTLP:
		return newOTLPLines(w), nil
	}
	return export.NewCSV(w, f.columns, f.bom)
}

// fileWriter begins the answer with the first bytes, and gives up on a client
// that takes none of them.
type fileWriter struct {
	w     http.ResponseWriter
	rc    *http.ResponseController
	start func()
	began bool
}

func (o *fileWriter) begin() {
	if !o.began {
		o.began = true
		o.start()
		o.w.WriteHeader(http.StatusOK)
	}
}

// Write implements io.Writer.
func (o *fileWriter) Write(b []byte) (int, error) {
	o.begin()
	_ = o.rc.SetWriteDeadline(time.Now().Add(followWrite)) // not every writer has deadlines
	return o.w.Write(b)
}

// done lets the connection serve other requests.
func (o *fileWriter) done() {
	if err := o.rc.SetWriteDeadline(time.Time{}); errors.Is(err, http.ErrNotSupported) {
		return
	}
}
