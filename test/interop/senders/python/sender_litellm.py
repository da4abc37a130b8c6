"""litellm with its OpenTelemetry callback."""

import os

os.environ["OTEL_EXPORTER"] = "otlp_http"
os.environ["OTEL_ENDPOINT"] = os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"]
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

import litellm
from opentelemetry import trace

import scenarios

litellm.callbacks = ["otel"]


def chat(**more):
    more.setdefault("model", "openai/" + scenarios.CHAT)
    return litellm.completion(messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "What is a pitot tube?"}], num_retries=0, max_retries=0, **more)


def plain():
    chat(temperature=0.2, max_tokens=256)


def stream_usage():
    scenarios.read(chat(stream=True, stream_options={"include_usage": True}))


def stream():
    scenarios.read(chat(stream=True))


def tool():
    chat(tools=scenarios.TOOLS)
    chat(tools=scenarios.TOOLS)


def error():
    try:
        chat()
    except Exception as e:
        print("failed as it should:", type(e).__name__)


def embeddings():
    litellm.embedding(model="openai/text-embedding-3-small", input=["What is a pitot tube?"])


{"plain": plain, "stream_usage": stream_usage, "stream": stream, "tool": tool, "error_4xx": error, "error_5xx": error, "embeddings": embeddings}[os.environ["SCENARIO"]]()
# Its callbacks run on a thread of their own: wait for them before the exporter is closed.
import asyncio

from litellm.litellm_core_utils.logging_worker import GLOBAL_LOGGING_WORKER

try:
    asyncio.run(GLOBAL_LOGGING_WORKER.flush())
except Exception as e:
    print("flush:", e)
from litellm.litellm_core_utils.thread_pool_executor import executor

executor.shutdown(wait=True)
trace.get_tracer_provider().force_flush() if hasattr(trace.get_tracer_provider(), "force_flush") else None
trace.get_tracer_provider().shutdown() if hasattr(trace.get_tracer_provider(), "shutdown") else None
