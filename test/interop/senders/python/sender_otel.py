"""OpenTelemetry's own instrumentation of the OpenAI library, with the structure told by hand in the GenAI conventions."""

import os

os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "gen_ai_latest_experimental")
os.environ.setdefault("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "SPAN_ONLY")

from opentelemetry import trace

import otel
import scenarios

sdk = otel.SDK()
try:
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
except ImportError:
    from opentelemetry.instrumentation.openai_v2 import OpenAIInstrumentor
OpenAIInstrumentor().instrument()
tracer = trace.get_tracer("interop")


class Conventions(scenarios.Structure):
    attributes = {}

    def span(self, operation, kind, name, fn, **arguments):
        with tracer.start_as_current_span(f"{operation} {name}", attributes={"gen_ai.operation.name": operation, f"gen_ai.{kind}.name": name, **self.attributes}):
            return fn(**arguments)

    def workflow(self, name, fn):
        return self.span("invoke_workflow", "workflow", name, fn)

    def agent(self, name, fn):
        return self.span("invoke_agent", "agent", name, fn)

    def tool(self, name, fn, arguments):
        return self.span("execute_tool", "tool", name, fn, **arguments)

    def context(self, user, session, fn):
        self.attributes = {"user.id": user, "gen_ai.conversation.id": session}
        return fn()


scenarios.run(Conventions())
sdk.shutdown()
