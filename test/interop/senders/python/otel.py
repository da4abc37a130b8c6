"""OpenTelemetry's own SDK, set up by the variables that it documents."""

from opentelemetry import metrics, trace
from opentelemetry._logs import set_logger_provider
from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor


class SDK:
    def __init__(self, signals=("traces", "metrics", "logs")):
        self.providers = []
        if "traces" in signals:
            self.tracer_provider = TracerProvider()
            self.tracer_provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
            trace.set_tracer_provider(self.tracer_provider)
            self.providers.append(self.tracer_provider)
        if "metrics" in signals:
            provider = MeterProvider(metric_readers=[PeriodicExportingMetricReader(OTLPMetricExporter())])
            metrics.set_meter_provider(provider)
            self.providers.append(provider)
        if "logs" in signals:
            provider = LoggerProvider()
            provider.add_log_record_processor(BatchLogRecordProcessor(OTLPLogExporter()))
            set_logger_provider(provider)
            self.providers.append(provider)

    def shutdown(self):
        for p in self.providers:
            p.shutdown()
