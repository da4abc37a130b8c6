package llm

import (
	"encoding/json"
	"maps"
)

// AsSpan is the Call as a Span of kind llm, for a model call that another
// record counts. Its id, times, text and attributes stay; the counts that it
// claims are kept as attributes, where no total adds them.
func (c *Call) AsSpan() *Span {
	s := &Span{
		ID: c.ID, Time: c.Time, Tenant: c.Tenant, Source: c.Source, TraceID: c.TraceID, SpanID: c.SpanID, ParentSpanID: c.ParentSpanID,
		Name: c.SpanName, Kind: KindLLM, OTelKind: "client", Service: c.Service, Environment: c.Environment,
		Duration: c.Duration, Status: c.Status, ErrorType: c.ErrorType, ErrorMessage: c.ErrorMessage,
		Agent: c.Agent, Workflow: c.Workflow, User: c.User, Session: c.Session,
		Dialect: c.Dialect, Scope: c.Scope, ScopeVersion: c.ScopeVersion,
		Attributes: maps.Clone(c.Attributes), Resource: c.Resource, Events: c.Events, Links: c.Links,
	}
	if s.Name == "" {
		s.Name = string(c.Operation)
		if c.RequestModel != "" {
			s.Name += " " + c.RequestModel
		}
	}
	if s.Attributes == nil {
		s.Attributes = map[string]any{}
	}
	for k, v := range map[string]string{
		"gen_ai.provider.name": c.Provider, "gen_ai.operation.name": string(c.Operation), "gen_ai.request.model": c.RequestModel,
		"gen_ai.response.model": c.ResponseModel, "gen_ai.response.id": c.ResponseID,
	} {
		if _, there := s.Attributes[k]; !there && v != "" {
			s.Attributes[k] = v
		}
	}
	for k, v := range map[string]Opt[int64]{"gen_ai.usage.input_tokens": c.Usage.InputTokens, "gen_ai.usage.output_tokens": c.Usage.OutputTokens} {
		if n, ok := v.Get(); ok {
			if _, there := s.Attributes[k]; !there {
				s.Attributes[k] = n
			}
		}
	}
	s.Input, s.Output = messagesText(c.Input), messagesText(c.Output)
	return s
}

func messagesText(m []Message) string {
	if len(m) == 0 {
		return ""
	}
	b, err := json.Marshal(m)
	if err != nil {
		return ""
	}
	return string(b)
}
