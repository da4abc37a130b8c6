package redact

import "github.com/pitot-dev/pitot/internal/llm"

// Feedback applies the policy to a judgement in place. A comment is content:
// what people say of an answer, and what judges quote of it.
func (p *Policy) Feedback(f *llm.Feedback) {
	for _, s := range [...]*string{
		&f.ID, &f.RowID, &f.Supersedes, &f.CallID, &f.TraceID, &f.SpanID, &f.ResponseID,
		&f.Service, &f.Provider, &f.Model, (*string)(&f.Operation), &f.Feature, &f.PromptName, &f.PromptVersion,
	} {
		*s = p.label(*s)
	}
	f.User = p.user(f.User)
	f.SessionID = p.maskText(f.SessionID)
	for _, s := range [...]*string{&f.Name, &f.Label, &f.Evaluator} {
		*s = p.maskText(*s)
	}
	if p.mode == ModeMetrics {
		f.Comment, f.Metadata = "", nil
		return
	}
	f.Comment, _ = p.text(f.Comment, p.textLimit)
	if len(f.Metadata) > 0 {
		f.Metadata, _ = p.rawJSON(f.Metadata, p.jsonLimit)
	}
}
