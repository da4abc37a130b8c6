// Package pitottest is for the tests of programs that use package pitot.
//
// Start turns the SDK on for one test and records in memory what it emits.
// What a Recorder returns is what Pitot's receiver makes of it, so that a test
// sees its calls and trees as the operator will:
//
//	func TestAnswer(t *testing.T) {
//		models := pitottest.NewProviders(t)
//		rec := pitottest.Start(t)
//		answer(t.Context(), models.URL("openai"))
//		rec.WantTree(`
//			workflow answer
//			  retrieval docs
//			  chat gpt-4o-mini
//		`)
//		if c := rec.Call(0); c.Usage.OutputTokens == 0 || c.Failed {
//			t.Errorf("%+v", c)
//		}
//	}
//
// NewProviders runs simulated providers (OpenAI and its compatibles, Anthropic,
// Gemini, Bedrock, Cohere, Ollama) that stream, fail, stall and cut as a request
// asks them to, without network and without keys.
//
// There is one SDK in a program: tests that use Start cannot run in parallel.
package pitottest
