"""langfuse with its drop-in OpenAI client and its observations."""

from langfuse import get_client, propagate_attributes

import scenarios

langfuse = get_client()


def client():
    from langfuse.openai import OpenAI

    return OpenAI(max_retries=0, timeout=30)


class Observations(scenarios.Structure):
    def observe(self, kind, name, fn, **arguments):
        with langfuse.start_as_current_observation(as_type=kind, name=name, input=arguments or None) as o:
            result = fn(**arguments)
            o.update(output=result)
            return result

    def workflow(self, name, fn):
        return self.observe("chain", name, fn)

    def agent(self, name, fn):
        return self.observe("agent", name, fn)

    def tool(self, name, fn, arguments):
        return self.observe("tool", name, fn, **arguments)

    def context(self, user, session, fn):
        with propagate_attributes(user_id=user, session_id=session):
            return fn()


scenarios.run(Observations(), client)
langfuse.flush()
langfuse.shutdown()
