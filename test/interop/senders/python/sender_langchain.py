"""LangChain under traceloop-sdk: its own spans and those of the provider's library describe the same calls."""

import os

from traceloop.sdk import Traceloop

import scenarios

Traceloop.init(app_name=os.environ["OTEL_SERVICE_NAME"], disable_batch=True)


def model(**more):
    from langchain_openai import ChatOpenAI

    return ChatOpenAI(model=scenarios.CHAT, max_retries=0, timeout=30, **more)


def plain():
    from langchain_core.output_parsers import StrOutputParser
    from langchain_core.prompts import ChatPromptTemplate

    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("user", "What is {thing}?")])
    (prompt | model(temperature=0.2, max_tokens=256) | StrOutputParser()).invoke({"thing": "a pitot tube"})


def stream_usage():
    for _ in model(stream_usage=True).stream("What is a pitot tube?"):
        pass


def error():
    try:
        plain()
    except Exception as e:
        print("failed as it should:", type(e).__name__)


{"plain": plain, "stream_usage": stream_usage, "error_4xx": error, "error_5xx": error}[scenarios.os.environ["SCENARIO"]]()
