"""The scenarios of ../README.md with the official clients.

A sender sets its library up, calls run() with what it has to tell about the
structure of an application, and flushes.
"""

import json
import os

USER = os.environ.get("INTEROP_USER", "")
SESSION = os.environ.get("INTEROP_SESSION", "")
CHAT = "gpt-4o-mini"
REASONER = "gpt-5-mini"
CLAUDE = "claude-sonnet-4-20250514"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "description": "The weather of a city",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
        },
    }
]


class Structure:
    """How a sender is told of workflows, agents, tools, users and sessions.
    This one tells nothing."""

    def workflow(self, name, fn):
        return fn()

    def agent(self, name, fn):
        return fn()

    def tool(self, name, fn, arguments):
        return fn(**arguments)

    def context(self, user, session, fn):
        return fn()


def openai_client():
    from openai import OpenAI

    return OpenAI(max_retries=0, timeout=30)


def anthropic_client():
    from anthropic import Anthropic

    return Anthropic(max_retries=0, timeout=30)


def chat(client, text="What is a pitot tube?", **more):
    more.setdefault("model", CHAT)
    return client.chat.completions.create(messages=[{"role": "system", "content": "Be brief."}, {"role": "user", "content": text}], **more)


def read(stream):
    for _ in stream:
        pass


def weather(city):
    return f"{city}: 21 degrees, light wind"


def plain(s, client):
    chat(client, temperature=0.2, max_tokens=256)


def stream_usage(s, client):
    read(chat(client, model=REASONER, stream=True, stream_options={"include_usage": True}))


def stream(s, client):
    read(chat(client, stream=True))


def tool(s, client):
    messages = [{"role": "user", "content": "What is the weather in Lisbon?"}]
    answer = client.chat.completions.create(model=CHAT, messages=messages, tools=TOOLS).choices[0].message
    messages.append(answer.model_dump(exclude_none=True))
    for call in answer.tool_calls or []:
        result = s.tool("weather", weather, {"city": json.loads(call.function.arguments or "{}").get("city", "Lisbon")})
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    client.chat.completions.create(model=CHAT, messages=messages, tools=TOOLS)


def error(s, client):
    try:
        chat(client)
    except Exception as e:  # the scenario is that it fails
        print("failed as it should:", type(e).__name__)


def agent(s, client):
    def looked_up(city):
        chat(client, f"Say the weather of {city} in one line.")
        return weather(city)

    def planner():
        chat(client, "Plan a trip to Lisbon.", tools=TOOLS)
        s.tool("weather", looked_up, {"city": "Lisbon"})
        chat(client, "Write the plan.")
        return "done"

    def trip_planner():
        return s.agent("planner", planner)

    s.context(USER, SESSION, lambda: s.workflow("trip_planner", trip_planner))


def embeddings(s, client):
    client.embeddings.create(model="text-embedding-3-small", input="What is a pitot tube?")


def responses(s, client):
    client.responses.create(model=CHAT, input="What is a pitot tube?", instructions="Be brief.")


def anthropic(s, _):
    anthropic_client().messages.create(model=CLAUDE, max_tokens=256, system="Be brief.", messages=[{"role": "user", "content": "What is a pitot tube?"}])


def anthropic_stream(s, _):
    read(anthropic_client().messages.create(model=CLAUDE, max_tokens=256, stream=True, messages=[{"role": "user", "content": "What is a pitot tube?"}]))


ALL = {
    "plain": plain,
    "stream_usage": stream_usage,
    "stream": stream,
    "tool": tool,
    "error_4xx": error,
    "error_5xx": error,
    "agent": agent,
    "embeddings": embeddings,
    "responses": responses,
    "anthropic": anthropic,
    "anthropic_stream": anthropic_stream,
}


def run(structure=None, client=None):
    """Runs the scenario that the environment names."""
    name = os.environ["SCENARIO"]
    needs_client = not name.startswith("anthropic")
    ALL[name](structure or Structure(), (client or openai_client)() if needs_client else None)
