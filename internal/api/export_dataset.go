package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/pitot-dev/pitot/internal/events"
	"github.com/pitot-dev/pitot/internal/export"
	"github.com/pitot-dev/pitot/internal/llm"
)

// The shapes of the lines of a dataset.
const (
	shapeChat  = "chat"  // {"messages": [...]}: what fine-tuning takes
	shapePairs = "pairs" // input, output, what was said of it and where it is from
)

// trailerSkipped says how many Calls that match are not in a dataset.
const trailerSkipped = "Pitot-Export-Skipped"

// judged selects Calls by what was said of them. Its conditions hold together
// for one judgement.
type judged struct {
	name, label, evaluator string
	lowest, highest        llm.Opt[float64]
}

func (j *judged) any() bool { return *j != judged{} }

func (j *judged) fits(f *events.Feedback) bool {
	if j.name != "" && f.Name != j.name || j.label != "" && f.Label != j.label || j.evaluator != "" && f.Evaluator != j.evaluator {
		return false
	}
	lowest, atLeast := j.lowest.Get()
	highest, atMost := j.highest.Get()
	score, ok := f.Score.Get()
	return !atLeast && !atMost || ok && (!atLeast || score >= lowest) && (!atMost || score <= highest)
}

// example is a Call of a dataset.
type example struct {
	ID            string            `json:"id"`
	Time          string            `json:"time"`
	Service       string            `json:"service,omitempty"`
	Model         string            `json:"model,omitempty"`
	PromptName    string            `json:"prompt_name,omitempty"`
	PromptVersion string            `json:"prompt_version,omitempty"`
	Input         []chatMessage     `json:"input"`
	Output        []chatMessage     `json:"output"`
	Tools         any               `json:"tools,omitempty"`
	Params        map[string]any    `json:"params,omitempty"`
	Feedback      []events.Feedback `json:"feedback,omitempty"`
}

// dataset is an export of examples.
type dataset struct {
	s       *server
	filter  events.CallFilter
	oldest  bool
	judged  judged
	cut     bool // examples whose texts were cut, too
	shape   string
	limit   int
	skipped int
}

// exportDataset writes pairs of input and output as a file.
func (s *server) exportDataset(w http.ResponseWriter, r *http.Request) {
	p := newParams(r, s.Now())
	f := file{format: p.oneOf("format", formatJSONL, formatCSV, formatParquet), bom: p.oneOf("bom", "false", "true") == "true", columns: exampleColumns()}
	d := dataset{
		s: s, filter: p.filter(day), oldest: p.oneOf("order", events.OrderNewest, events.OrderOldest) == events.OrderOldest,
		judged: judged{p.get("feedback_name"), p.get("feedback_label"), p.get("evaluator"), p.score("min_score"), p.score("max_score")},
		cut:    p.flag("truncated"), shape: p.oneOf("shape", shapeChat, shapePairs), limit: p.count("limit", maxExportExamples, maxExportExamples),
	}
	err := p.check()
	if err != nil {
		s.fail(w, r, err)
		return
	}
	f.name, f.write = fileName("dataset", d.filter.Range), d.write
	f.trailers = func(h http.Header) { h.Set(trailerSkipped, strconv.Itoa(d.skipped)) }
	s.serveFile(w, r, &f)
}

// maxExportExamples bounds a dataset.
const maxExportExamples = 200_000

func (d *dataset) write(ctx context.Context, begin func() (export.Writer, error)) (n int, complete bool, err error) {
	_, batches, err := d.s.count(ctx, d.filter, d.oldest)
	if err != nil {
		return 0, false, err
	}
	out, err := begin()
	if err != nil {
		return 0, false, err
	}
	err = batches(ctx, func(calls []*llm.Call) error {
		for few := range slices.Chunk(calls, events.MaxDetails) {
			examples, err := d.examples(ctx, few)
			if err != nil {
				return err
			}
			for i := range examples {
				if n == d.limit {
					return errLimit
				}
				if err := d.writeExample(out, &examples[i]); err != nil {
					return err
				}
				n++
			}
			if err := out.Flush(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, errLimit) {
		return n, false, err
	}
	return n, err == nil, out.Close()
}

// examples makes examples of those Calls that are fit for it.
func (d *dataset) examples(ctx context.Context, calls []*llm.Call) ([]example, error) {
	said := map[string][]events.Feedback{}
	if d.judged.any() || d.shape == shapePairs {
		all, err := d.s.Details.Judgements(ctx, calls)
		if err != nil {
			return nil, err
		}
		var kept []*llm.Call
		for i, c := range calls {
			if d.judged.any() && !slices.ContainsFunc(all[i], func(f events.Feedback) bool { return d.judged.fits(&f) }) {
				continue
			}
			kept, said[c.ID] = append(kept, c), all[i]
		}
		calls = kept
	}
	full, err := d.s.Details.WithContent(ctx, calls)
	if err != nil {
		return nil, err
	}
	var out []example
	for _, c := range full {
		e, ok := d.example(c)
		if !ok {
			d.skipped++
			continue
		}
		e.Feedback = said[c.ID]
		out = append(out, e)
	}
	return out, nil
}

// example makes an example of a Call; false where its texts are not whole.
func (d *dataset) example(c *llm.Call) (example, bool) {
	if len(c.Input) == 0 || len(c.Output) == 0 || !d.cut && wasCut(c) {
		return example{}, false
	}
	in, ok := chatMessages(c.Input)
	answer, ok2 := chatMessages(c.Output[:1]) // of several choices the first one
	if !ok || !ok2 || len(in) == 0 || len(answer) == 0 {
		return example{}, false
	}
	e := example{
		ID: c.ID, Time: c.Time.UTC().Format("2006-01-02T15:04:05.000000Z"), Service: c.Service, Model: c.Model(), PromptName: c.PromptName, PromptVersion: c.PromptVersion,
		Input: in, Output: answer, Params: c.Params,
	}
	if len(c.Tools) > 0 {
		e.Tools = c.Tools
	}
	return e, true
}

// wasCut says whether a Call's texts were cut when they were recorded.
func wasCut(c *llm.Call) bool {
	if len(c.ContentRemoved) > 0 {
		return true
	}
	for _, what := range c.Truncated {
		if what != "timeline" {
			return true
		}
	}
	for _, messages := range [][]llm.Message{c.Input, c.Output} {
		for i := range messages {
			for j := range messages[i].Parts {
				if messages[i].Parts[j].TruncatedChars > 0 {
					return true
				}
			}
		}
	}
	return false
}

// writeExample writes an example as a line or as a row.
func (d *dataset) writeExample(out export.Writer, e *example) error {
	if l, ok := out.(*lines); ok {
		if d.shape == shapePairs {
			return l.e.Encode(e)
		}
		line := struct {
			Messages []chatMessage `json:"messages"`
			Tools    any           `json:"tools,omitempty"`
		}{slices.Concat(e.Input, e.Output), e.Tools}
		return l.e.Encode(line)
	}
	var best export.Value
	var labels []string
	for i := range e.Feedback {
		f := &e.Feedback[i]
		if v, ok := f.Score.Get(); ok && best == (export.Value{}) {
			best = export.Float(v) // the newest
		}
		if f.Label != "" {
			labels = append(labels, f.Label)
		}
	}
	return out.Write([]export.Value{
		export.Str(e.ID), export.Str(e.Time), export.Str(e.Service), export.Str(e.Model), export.Str(e.PromptName), export.Str(e.PromptVersion),
		export.Str(lastText(e.Input, "user")), export.Str(lastText(e.Output, "assistant")), jsonText(e.Input), jsonText(e.Output), jsonText(e.Tools),
		best, export.Str(strings.Join(labels, " ")),
	})
}

func exampleColumns() []export.Column {
	return []export.Column{
		{Name: "id"},
		{Name: "time"},
		{Name: "service", Repeats: true},
		{Name: "model", Repeats: true},
		{Name: "prompt_name", Repeats: true},
		{Name: "prompt_version", Repeats: true},
		{Name: "question"},
		{Name: "answer"},
		{Name: "input"},
		{Name: "output"},
		{Name: "tools", Repeats: true},
		{Name: "score", Type: export.Number},
		{Name: "labels", Repeats: true},
	}
}

// lastText is the last text of a role.
func lastText(messages []chatMessage, role string) string {
	for _, m := range slices.Backward(messages) {
		if m.Role == role && m.Content != nil {
			return *m.Content
		}
	}
	return ""
}
