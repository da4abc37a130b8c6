"""traceloop-sdk (OpenLLMetry) with its decorators, as its getting-started page has it."""

import os

from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, tool, workflow

import scenarios


class Decorators(scenarios.Structure):
    def workflow(self, name, fn):
        return workflow(name=name)(fn)()

    def agent(self, name, fn):
        return agent(name=name)(fn)()

    def tool(self, name, fn, arguments):
        return tool(name=name)(fn)(**arguments)

    def context(self, user, session, fn):
        Traceloop.set_association_properties({"user_id": user, "session_id": session})
        return fn()


Traceloop.init(app_name=os.environ["OTEL_SERVICE_NAME"], disable_batch=True)
scenarios.run(Decorators())
