"""OpenInference's instrumentation of the OpenAI and Anthropic libraries, as Phoenix's users have it."""

from openinference.instrumentation import using_attributes
from openinference.instrumentation.anthropic import AnthropicInstrumentor
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace

import otel
import scenarios

sdk = otel.SDK(signals=("traces",))
OpenAIInstrumentor().instrument(tracer_provider=sdk.tracer_provider)
AnthropicInstrumentor().instrument(tracer_provider=sdk.tracer_provider)
tracer = trace.get_tracer("interop")


class Kinds(scenarios.Structure):
    def span(self, kind, name, fn, **arguments):
        with tracer.start_as_current_span(name, attributes={"openinference.span.kind": kind, **({"agent.name": name} if kind == "AGENT" else {}), **({"tool.name": name} if kind == "TOOL" else {})}):
            return fn(**arguments)

    def workflow(self, name, fn):
        return self.span("CHAIN", name, fn)

    def agent(self, name, fn):
        return self.span("AGENT", name, fn)

    def tool(self, name, fn, arguments):
        return self.span("TOOL", name, fn, **arguments)

    def context(self, user, session, fn):
        with using_attributes(user_id=user, session_id=session):
            return fn()


scenarios.run(Kinds())
sdk.shutdown()
