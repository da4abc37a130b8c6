"""pydantic-ai with its own instrumentation on plain OpenTelemetry."""

import os

from opentelemetry import trace
from pydantic_ai import Agent
from pydantic_ai.direct import model_request_sync
from pydantic_ai.messages import ModelRequest
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.openai import OpenAIProvider

import otel
import scenarios

sdk = otel.SDK(signals=("traces", "metrics"))
Agent.instrument_all()


def model(name=scenarios.CHAT):
    from openai import AsyncOpenAI

    return OpenAIChatModel(name, provider=OpenAIProvider(openai_client=AsyncOpenAI(max_retries=0, timeout=30)))


def plain():
    Agent(model(), instructions="Be brief.").run_sync("What is a pitot tube?", model_settings={"temperature": 0.2, "max_tokens": 256})


def stream_usage():
    import asyncio

    async def run():
        async with Agent(model(scenarios.REASONER)).run_stream("What is a pitot tube?") as r:
            async for _ in r.stream_text():
                pass

    asyncio.run(run())


def tool():
    a = Agent(model())

    @a.tool_plain
    def weather(query: str = "", limit: int = 1) -> str:  # what the simulated provider asks for
        return scenarios.weather("Lisbon")

    a.run_sync("What is the weather in Lisbon?")


def error():
    try:
        plain()
    except Exception as e:
        print("failed as it should:", type(e).__name__)


def agent():
    planner = Agent(model(), name="planner")

    @planner.tool_plain
    def weather(query: str = "", limit: int = 1) -> str:
        model_request_sync(model(), [ModelRequest.user_text_prompt("Say the weather of Lisbon in one line.")], instrument=True)
        return scenarios.weather("Lisbon")

    with trace.get_tracer("interop").start_as_current_span("invoke_workflow trip_planner", attributes={"gen_ai.operation.name": "invoke_workflow", "gen_ai.workflow.name": "trip_planner"}):
        planner.run_sync("Plan a trip to Lisbon.", conversation_id=scenarios.SESSION)


{"plain": plain, "stream_usage": stream_usage, "tool": tool, "error_4xx": error, "error_5xx": error, "agent": agent}[os.environ["SCENARIO"]]()
sdk.shutdown()
