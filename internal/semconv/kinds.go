package semconv

import (
	"strings"

	"github.com/pitot-dev/pitot/internal/llm"
)

// role is what a span is to us.
type role struct {
	// op is set for a leaf: one operation of a model, which becomes a Call.
	op   llm.Operation
	kind llm.SpanKind // of the others
	// silent: what it says of usage is another call's; nothing is to be counted.
	silent bool
	chain  bool // a LangChain chain: the workflow itself where nothing is above it
}

// roles are the words by which senders say what a span is, in lower case.
func roles() map[string]role {
	m := map[string]role{}
	add := func(r role, words ...string) {
		for _, w := range words {
			m[w] = r
		}
	}
	call := func(op llm.Operation, words ...string) { add(role{op: op}, words...) }
	kind := func(k llm.SpanKind, words ...string) { add(role{kind: k}, words...) }

	call(llm.OpChat, "chat", "messages", "generation", "llm", "llm_request", "llm_call", "chat_model", "chat_completion", "chat_completions",
		"chat.completions", "gen_ai.chat", "model", "inference", "llm.request", "call_llm", "ai_client.generate_content", "converse", "chatcompletion",
		"ai.generatetext.dogenerate", "ai.streamtext.dostream", "ai.generateobject.dogenerate", "ai.streamobject.dostream")
	call(llm.OpTextCompletion, "text_completion", "completion", "text-completion", "gen_ai.text_completion", "completions")
	call(llm.OpGenerateContent, "generate_content", "generatecontent", "gen_ai.generate_content")
	call(llm.OpResponses, "responses", "gen_ai.responses")
	call(llm.OpEmbeddings, "embeddings", "embedding", "gen_ai.embeddings", "embedder", "embed", "ai.embed.doembed", "ai.embedmany.doembed")
	call(llm.OpRerank, "rerank", "reranker", "gen_ai.rerank", "ai.rerank.dorerank")
	call(llm.OpImage, "image_generation", "image", "images", "generate_image", "image_edit", "ai.generateimage.dogenerate")
	call(llm.OpSpeech, "speech", "audio_speech", "tts", "text_to_speech", "audio.speech", "ai.generatespeech.dogenerate")
	call(llm.OpTranscription, "transcription", "transcriptions", "translation", "audio_transcription", "speech_to_text", "ai.transcribe.dogenerate")
	call(llm.OpModeration, "moderation", "moderations")

	kind(llm.KindAgent, "agent", "invoke_agent", "create_agent", "gen_ai.invoke_agent", "gen_ai.create_agent", "handoff", "interaction", "agent_run",
		"ai.generatetext", "ai.streamtext", "ai.generateobject", "ai.streamobject")
	kind(llm.KindWorkflow, "workflow", "invoke_workflow", "gen_ai.invoke_workflow", "crew", "flow", "session")
	kind(llm.KindTask, "task", "agent_step", "plan", "execute_task", "step", "prompt", "guardrail", "evaluator", "parser",
		"ai.embed", "ai.embedmany", "ai.rerank", "ai.generateimage", "ai.generatespeech", "ai.transcribe",
		"create_memory", "update_memory", "upsert_memory", "delete_memory", "create_memory_store", "delete_memory_store")
	kind(llm.KindTool, "tool", "execute_tool", "tool_call", "tools", "function", "ai.toolcall", "gen_ai.execute_tool", "mcp", "tool.execution")
	kind(llm.KindRetrieval, "retrieval", "retriever", "vectordb", "search_memory", "indexer", "memory")
	add(role{kind: llm.KindTask, chain: true}, "chain")
	add(role{kind: llm.KindOther, silent: true}, "fetch_response")
	add(role{kind: llm.KindTask, silent: true}, "tool.blocked_on_user")
	return m
}

// nameOperations refine a plain "LLM" by the name of the span.
func nameOperations() map[string]llm.Operation {
	return map[string]llm.Operation{
		"completion": llm.OpTextCompletion, "createembeddings": llm.OpEmbeddings, "transcription": llm.OpTranscription,
		"translation": llm.OpTranscription, "imagesresponse": llm.OpImage, "imagegeneration": llm.OpImage, "speech": llm.OpSpeech,
		"createspeech": llm.OpSpeech, "createtranscription": llm.OpTranscription, "response": llm.OpResponses, "responses": llm.OpResponses,
		"openai responses": llm.OpResponses, "openai.responses": llm.OpResponses, "openai embeddings": llm.OpEmbeddings,
		"rerank": llm.OpRerank, "openai.response": llm.OpResponses, "openai.embeddings": llm.OpEmbeddings, "openai.completion": llm.OpTextCompletion,
	}
}

// wordOf is the word that a sender's statement consists of: Vercel appends the
// function's id, MLflow puts it in quotes, Sentry's has its own prefix.
func wordOf(s string) string {
	s = strings.Trim(strings.TrimSpace(s), `"`)
	if i := strings.IndexByte(s, ' '); i > 0 {
		s = s[:i]
	}
	for i := range len(s) {
		if c := s[i]; c >= 'A' && c <= 'Z' || c >= 0x80 {
			return strings.ToLower(s)
		}
	}
	return s
}

// roleOf says what a span is, from what its sender says and, where that is
// nothing, from what it carries.
func (n *Normalizer) roleOf(sc *scratch, name string) role {
	if sc.opsSeen {
		for _, s := range sc.ops {
			if s == "" {
				continue
			}
			r, ok := n.roles[wordOf(s)]
			if !ok {
				continue
			}
			if r.op == llm.OpChat || r.op == llm.OpTranscription {
				if op, ok := n.names[strings.ToLower(name)]; ok {
					r.op = op
				}
			}
			return r
		}
	}
	return n.roleByContent(sc, name)
}

// roleByContent guesses the role of a span whose sender does not say it. A name
// as plain as "model" is no proof: cars have models too.
func (n *Normalizer) roleByContent(sc *scratch, name string) role {
	if sc.has(fTool) && !sc.has(fRequestModel) {
		return role{kind: llm.KindTool}
	}
	lower := strings.ToLower(name)
	tokens := sc.has(fInputTokens) || sc.has(fOutputTokens) || sc.has(fTotalTokens) || sc.has(fUsageJSON)
	model := sc.source(fRequestModel)
	if model == nil {
		model = sc.source(fResponseModel)
	}
	switch {
	case model == nil:
	case model.since == "plain":
		if tokens && (strings.Contains(lower, "llm") || strings.Contains(lower, "completion") || strings.HasPrefix(lower, "chat")) {
			return role{op: llm.OpChat}
		}
	case strings.HasPrefix(lower, "raw_gen_ai_request"): // LiteLLM's copy of the request under the call itself
		return role{kind: llm.KindTask, silent: true}
	case tokens || sc.has(fProvider) || sc.has(fFinishReasons) || len(sc.in) > 0 || len(sc.out) > 0 || sc.has(fTTFT):
		op, ok := n.names[lower]
		switch {
		case ok:
		case len(sc.texts) > 0 || model.key == "embedding.model_name" || strings.Contains(lower, "embed"):
			op = llm.OpEmbeddings
		case model.key == "reranker.model_name":
			op = llm.OpRerank
		default:
			op = llm.OpChat
		}
		return role{op: op}
	}
	if sc.has(fTool) {
		return role{kind: llm.KindTool}
	}
	if sc.has(fEntity) {
		return role{kind: llm.KindTask}
	}
	if len(sc.docs) > 0 {
		return role{kind: llm.KindRetrieval}
	}
	return role{kind: llm.KindOther}
}
