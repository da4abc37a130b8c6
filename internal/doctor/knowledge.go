package doctor

import (
	"github.com/pitot-dev/pitot/internal/llm"
)

// knowledge is what is known of an instrumentation.
type knowledge struct {
	name  string // for people
	known bool
	// cannot says why a field never comes, whatever is set.
	cannot map[string]string
	// remedies say which setting makes a field come.
	remedies map[string]*remedy
	// warn adds findings that only this instrumentation has.
	warn func(*Sender) []Finding
}

// remedy is a setting of a sender.
type remedy struct{ setting, note string }

// Remedies that are of no single field.
const (
	fixStreamUsage = "stream usage"
	fixNoCalls     = "no calls"
)

const (
	privacyNote  = "prompts are sensitive data: Pitot's capture policy can cut and mask them, see docs/privacy.md"
	includeUsage = `stream_options={"include_usage": true} in the request`
	usageNote    = "Pitot's gateway asks for it by itself (gateway.ask_usage)"
)

// remedy is the setting that makes a field come, or one that helps with any
// OpenTelemetry sender.
func (k *knowledge) remedy(field string) remedy {
	if r := k.remedies[field]; r != nil {
		return *r
	}
	return generalRemedies()[field]
}

// generalRemedies work with every sender that lets spans have attributes.
func generalRemedies() map[string]remedy {
	return map[string]remedy{
		fixStreamUsage: {includeUsage, usageNote},
		fUser:          {"span attribute user.id", "set it with a span processor, or as baggage that one copies to spans"},
		fSession:       {"span attribute gen_ai.conversation.id (or session.id)", "use the application's own id of the conversation"},
		fTTFT:          {"", "calls through Pitot's gateway always have it"},
		fRespID:        {"", "trace context to the gateway (traceparent) joins the two records as well"},
		fTrace:         {"", "calls from logs have one where the line has a trace_id"},
	}
}

// knowledgeOf finds what is known of a sender.
func knowledgeOf(s *Sender) knowledge {
	switch s.Source {
	case llm.SourceGateway:
		k := gatewayKnowledge()
		k.known = true
		return k
	case llm.SourceOTLP, llm.SourceSDK, llm.SourceLogs, llm.SourceFeedback:
	}
	if k, ok := dialects()[s.Dialect]; ok {
		k.known = true
		return k
	}
	name := s.Dialect
	if name == "" {
		name = s.Scope
	}
	if name == "" {
		name = "an unknown instrumentation"
	}
	return knowledge{name: name}
}

// gatewayKnowledge is of Pitot's own gateway, whose settings are the client's
// headers and Pitot's configuration.
func gatewayKnowledge() knowledge {
	return knowledge{
		name: "Pitot gateway",
		remedies: map[string]*remedy{
			fUser:          {"request header X-Pitot-User", "the body's own user field is used where there is no header"},
			fSession:       {"request header X-Pitot-Session", ""},
			fPrompt:        {"request headers X-Pitot-Prompt and X-Pitot-Prompt-Version", ""},
			fParent:        {"W3C trace context (traceparent) in the request", "an instrumented HTTP client sends it"},
			fInput:         {"capture.content: full in Pitot's configuration", privacyNote},
			fOutput:        {"capture.content: full in Pitot's configuration", privacyNote},
			fixStreamUsage: {"gateway.ask_usage: true in Pitot's configuration", "it is on by default for OpenAI's dialect; other servers may have no usage in streams"},
		},
	}
}
