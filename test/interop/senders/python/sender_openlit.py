"""openlit, as its getting-started page has it."""

import os

import openlit

import scenarios

openlit.init(otlp_endpoint=os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"], application_name=os.environ["OTEL_SERVICE_NAME"], environment="interop", disable_batch=True)


class Traces(scenarios.Structure):
    def span(self, name, fn, **arguments):
        with openlit.start_trace(name=name) as t:
            result = fn(**arguments)
            t.set_result(str(result))
            return result

    def workflow(self, name, fn):
        return self.span(name, fn)

    def agent(self, name, fn):
        return self.span(name, fn)

    def tool(self, name, fn, arguments):
        return self.span(name, fn, **arguments)


scenarios.run(Traces())
from opentelemetry import metrics, trace

trace.get_tracer_provider().shutdown()
metrics.get_meter_provider().shutdown()
