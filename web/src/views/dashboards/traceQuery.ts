// The tags of Jaeger's search in the words of Pitot's own list of traces.

import type { Params } from '~/api/client';
import type { Chosen, PanelDefinition } from '~/ui/prom/definition';

const names: Record<string, string> = {
  'gen_ai.request.model': 'model', 'gen_ai.response.model': 'model', 'gen_ai.operation.name': 'operation', 'gen_ai.provider.name': 'provider', 'error.type': 'error_type', 'pitot.span.kind': 'kind', 'user.id': 'user', 'session.id': 'session',
};

/** Parameters of GET /traces. A tag that it has no parameter for is one of the call's own tags. */
export function traceParams(trace: NonNullable<PanelDefinition['trace']>, chosen: Chosen): Params {
  const service = /^\$\{?(\w+)\}?$/.exec(trace.service);
  const out: Params = { service: service === null ? trace.service : (chosen[service[1] ?? '']?.[0] ?? ''), limit: Math.min(trace.limit, 100) };
  for (const [tag, value] of Object.entries(trace.tags ?? {})) {
    if (tag === 'error') out.status = value === 'true' ? 'error' : 'ok';
    else out[names[tag] ?? `tags.${tag}`] = value;
  }
  return out;
}
