// What one copies to connect something, filled with this server's addresses.
// docs/gateway.md, senders.md, sdk.md, logs.md and model-servers.md say the same.

export interface Addresses {
  api: string;
  gateway?: string;
  otlp_http?: string;
  otlp_grpc?: string;
  jaeger?: string;
}

export type GroupName = 'gateway' | 'telemetry' | 'sdk' | 'agents' | 'logs' | 'metrics' | 'feedback';

export interface Snippet {
  title: string;
  code: (a: Required<Addresses>) => string;
}

export interface Connection {
  id: string;
  title: string;
  group: GroupName;
  snippets: Snippet[];
  /** The way of /setup by which its data arrives, and the part of it, where one can tell. */
  way: string | string[];
  part?: RegExp;
  /** The page of docs/ that says more. */
  docs: string;
}

const hostPort = (url: string) => url.replace(/^https?:\/\//, '').replace(/\/$/, '');
const host = (url: string) => hostPort(url).replace(/:\d+$/, '');
const port = (url: string) => /:(\d+)$/.exec(hostPort(url))?.[1] ?? '80';

const otel = ['otlp_traces', 'otlp_metrics', 'otlp_logs'];

export const connections: Connection[] = [
  {
    id: 'openai', title: 'OpenAI SDKs', group: 'gateway', way: 'gateway', part: /^openai$/, docs: 'gateway',
    snippets: [
      { title: 'Python', code: (a) => `from openai import OpenAI\n\nclient = OpenAI(\n    base_url="${a.gateway}/openai/v1",\n    default_headers={"X-Pitot-Service": "my-app"},\n)` },
      { title: 'JavaScript', code: (a) => `import OpenAI from 'openai';\n\nconst client = new OpenAI({\n  baseURL: '${a.gateway}/openai/v1',\n  defaultHeaders: { 'X-Pitot-Service': 'my-app' },\n});` },
      { title: 'Go', code: (a) => `client := openai.NewClient(\n\toption.WithBaseURL("${a.gateway}/openai/v1"),\n\toption.WithHeader("X-Pitot-Service", "my-app"),\n)` },
      { title: 'curl', code: (a) => `curl ${a.gateway}/openai/v1/chat/completions \\\n  -H "Authorization: Bearer $OPENAI_API_KEY" -H "Content-Type: application/json" \\\n  -H "X-Pitot-Service: my-app" \\\n  -d '{"model":"gpt-4o-mini","messages":[{"role":"user","content":"Hello"}]}'` },
      { title: 'env', code: (a) => `export OPENAI_BASE_URL=${a.gateway}/openai/v1` },
    ],
  },
  {
    id: 'anthropic', title: 'Anthropic SDKs', group: 'gateway', way: 'gateway', part: /^anthropic$/, docs: 'gateway',
    snippets: [
      { title: 'Python', code: (a) => `from anthropic import Anthropic\n\nclient = Anthropic(\n    base_url="${a.gateway}/anthropic",\n    default_headers={"X-Pitot-Service": "my-app"},\n)` },
      { title: 'JavaScript', code: (a) => `import Anthropic from '@anthropic-ai/sdk';\n\nconst client = new Anthropic({\n  baseURL: '${a.gateway}/anthropic',\n  defaultHeaders: { 'X-Pitot-Service': 'my-app' },\n});` },
      { title: 'env', code: (a) => `export ANTHROPIC_BASE_URL=${a.gateway}/anthropic` },
    ],
  },
  {
    id: 'upstreams', title: 'Gemini, DeepSeek, Qwen, Ollama, vLLM …', group: 'gateway', way: 'gateway', part: /^(?!openai$|anthropic$)/, docs: 'gateway',
    snippets: [
      { title: 'Gemini', code: (a) => `from google import genai\n\nclient = genai.Client(http_options={"base_url": "${a.gateway}/gemini"})` },
      { title: 'DeepSeek', code: (a) => `client = OpenAI(base_url="${a.gateway}/deepseek", api_key=os.environ["DEEPSEEK_API_KEY"])` },
      { title: 'Ollama', code: (a) => `export OLLAMA_HOST=${a.gateway}/ollama` },
      { title: 'vLLM', code: () => `# pitot.yml\ngateway:\n  upstreams:\n    - {name: local, dialect: openai, base_url: "http://127.0.0.1:8000"}` },
    ],
  },
  {
    id: 'go', title: 'Go SDK', group: 'sdk', way: 'sdk', docs: 'sdk',
    snippets: [
      { title: 'Go', code: () => `import "github.com/pitot-dev/pitot"\n\nshutdown, err := pitot.Setup(ctx)\nif err != nil {\n\tlog.Print(err) // the program runs, without telemetry\n}\ndefer shutdown(context.Background())\n\nclient := openai.NewClient(option.WithHTTPClient(pitot.HTTPClient()))` },
      { title: 'run', code: (a) => `go get github.com/pitot-dev/pitot\nENABLE_TELEMETRY=true OTEL_EXPORTER_OTLP_ENDPOINT=${a.otlp_http} go run .` },
    ],
  },
  {
    id: 'opentelemetry', title: 'OpenTelemetry GenAI', group: 'telemetry', way: otel, docs: 'senders',
    snippets: [
      { title: 'env', code: (a) => `export OTEL_EXPORTER_OTLP_ENDPOINT=${a.otlp_http}\nexport OTEL_SERVICE_NAME=my-app\n# prompts and answers, too:\nexport OTEL_SEMCONV_STABILITY_OPT_IN=gen_ai_latest_experimental\nexport OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT=SPAN_ONLY` },
      { title: 'Collector', code: (a) => `exporters:\n  otlp_http/pitot:\n    endpoint: ${a.otlp_http}\nservice:\n  pipelines:\n    traces: {receivers: [otlp], exporters: [otlp_http/pitot]}\n    metrics: {receivers: [otlp], exporters: [otlp_http/pitot]}\n    logs: {receivers: [otlp], exporters: [otlp_http/pitot]}` },
      { title: 'gRPC', code: (a) => `export OTEL_EXPORTER_OTLP_PROTOCOL=grpc\nexport OTEL_EXPORTER_OTLP_ENDPOINT=http://${hostPort(a.otlp_grpc)}` },
    ],
  },
  { id: 'openllmetry', title: 'OpenLLMetry', group: 'telemetry', way: 'otlp_traces', part: /openllmetry|traceloop/i, docs: 'senders', snippets: [{ title: 'Python', code: (a) => `from traceloop.sdk import Traceloop\n\nTraceloop.init(app_name="my-app", api_endpoint="${a.otlp_http}", api_key="any")` }, { title: 'env', code: (a) => `export TRACELOOP_BASE_URL=${a.otlp_http}` }] },
  { id: 'openinference', title: 'OpenInference (Phoenix)', group: 'telemetry', way: 'otlp_traces', part: /openinference/i, docs: 'senders', snippets: [{ title: 'env', code: (a) => `export PHOENIX_COLLECTOR_ENDPOINT=${a.otlp_http}\nexport OTEL_EXPORTER_OTLP_ENDPOINT=${a.otlp_http}` }] },
  { id: 'openlit', title: 'OpenLIT', group: 'telemetry', way: 'otlp_traces', part: /openlit/i, docs: 'senders', snippets: [{ title: 'Python', code: (a) => `import openlit\n\nopenlit.init(otlp_endpoint="${a.otlp_http}")` }] },
  { id: 'langfuse', title: 'Langfuse SDKs', group: 'telemetry', way: 'otlp_traces', part: /langfuse/i, docs: 'senders', snippets: [{ title: 'env', code: (a) => `export LANGFUSE_BASE_URL=${a.otlp_http}\nexport LANGFUSE_PUBLIC_KEY=any LANGFUSE_SECRET_KEY=any   # asked for by the SDK, not checked` }] },
  {
    id: 'langchain', title: 'LangChain, LangGraph', group: 'telemetry', way: 'otlp_traces', part: /langchain|langgraph|langsmith/i, docs: 'senders',
    snippets: [
      { title: 'OpenInference', code: (a) => `# pip install openinference-instrumentation-langchain opentelemetry-sdk opentelemetry-exporter-otlp\nfrom opentelemetry import trace\nfrom opentelemetry.sdk.trace import TracerProvider\nfrom opentelemetry.sdk.trace.export import BatchSpanProcessor\nfrom opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter\nfrom openinference.instrumentation.langchain import LangChainInstrumentor\n\nprovider = TracerProvider()\nprovider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter("${a.otlp_http}/v1/traces")))\ntrace.set_tracer_provider(provider)\nLangChainInstrumentor().instrument()` },
      { title: 'LangSmith', code: (a) => `export LANGSMITH_OTEL_ENABLED=true\nexport LANGSMITH_ENDPOINT=${a.otlp_http}` },
    ],
  },
  { id: 'vercel', title: 'Vercel AI SDK', group: 'telemetry', way: 'otlp_traces', part: /vercel|\bai\b/i, docs: 'senders', snippets: [{ title: 'TypeScript', code: (a) => `// OTEL_EXPORTER_OTLP_ENDPOINT=${a.otlp_http}\nconst result = await generateText({\n  model, prompt,\n  experimental_telemetry: { isEnabled: true },\n});` }] },
  { id: 'pydantic', title: 'pydantic-ai', group: 'telemetry', way: 'otlp_traces', part: /pydantic/i, docs: 'senders', snippets: [{ title: 'Python', code: (a) => `# OTEL_EXPORTER_OTLP_ENDPOINT=${a.otlp_http}\nfrom pydantic_ai import Agent\n\nAgent.instrument_all()` }] },
  { id: 'litellm', title: 'LiteLLM', group: 'telemetry', way: 'otlp_traces', part: /litellm/i, docs: 'senders', snippets: [{ title: 'Python', code: (a) => `# OTEL_EXPORTER=otlp_http OTEL_ENDPOINT=${a.otlp_http}\nimport litellm\n\nlitellm.callbacks = ["otel"]` }] },
  { id: 'nexent', title: 'Nexent', group: 'telemetry', way: 'otlp_traces', part: /nexent/i, docs: 'senders', snippets: [{ title: 'env', code: (a) => `MONITORING_PROVIDER=otlp\nENABLE_TELEMETRY=true\nOTEL_EXPORTER_OTLP_ENDPOINT=${a.otlp_http}` }] },
  { id: 'jaeger', title: 'Jaeger, Zipkin', group: 'telemetry', way: 'otlp_traces', part: /jaeger|zipkin/i, docs: 'senders', snippets: [{ title: 'Jaeger', code: (a) => `export JAEGER_ENDPOINT=${a.otlp_http}/api/traces` }, { title: 'Zipkin', code: (a) => `${a.otlp_http}/api/v2/spans` }] },
  { id: 'claude-code', title: 'Claude Code', group: 'agents', way: otel, part: /claude/i, docs: 'senders', snippets: [{ title: 'env', code: (a) => `export CLAUDE_CODE_ENABLE_TELEMETRY=1\nexport OTEL_METRICS_EXPORTER=otlp OTEL_LOGS_EXPORTER=otlp\nexport OTEL_EXPORTER_OTLP_PROTOCOL=grpc\nexport OTEL_EXPORTER_OTLP_ENDPOINT=http://${hostPort(a.otlp_grpc)}` }, { title: 'MCP', code: (a) => `# Ask Pitot from the agent: docs/mcp.md\nclaude mcp add --transport http pitot ${a.api}/mcp` }] },
  { id: 'codex', title: 'Codex CLI', group: 'agents', way: otel, part: /codex/i, docs: 'senders', snippets: [{ title: 'config.toml', code: (a) => `[otel]\nexporter = { otlp-http = { endpoint = "${a.otlp_http}/v1/logs", protocol = "binary" } }` }, { title: 'MCP', code: (a) => `# Ask Pitot from the agent: docs/mcp.md\n[mcp_servers.pitot]\nurl = "${a.api}/mcp"` }] },
  { id: 'gemini-cli', title: 'Gemini CLI', group: 'agents', way: otel, part: /gemini.?cli/i, docs: 'senders', snippets: [{ title: 'env', code: (a) => `export GEMINI_TELEMETRY_ENABLED=true\nexport GEMINI_TELEMETRY_TARGET=local\nexport GEMINI_TELEMETRY_OTLP_ENDPOINT=http://${hostPort(a.otlp_grpc)}` }] },
  {
    id: 'fluentd', title: 'fluentd, fluent-bit, rsyslog', group: 'logs', way: 'elasticsearch', docs: 'logs',
    snippets: [
      { title: 'fluentd', code: (a) => `<match llm.**>\n  @type elasticsearch\n  host ${host(a.api)}\n  port ${port(a.api)}\n  index_name llm-logs\n  <buffer>\n    flush_interval 5s\n  </buffer>\n</match>` },
      { title: 'fluent-bit', code: (a) => `[OUTPUT]\n    Name        es\n    Match       *\n    Host        ${host(a.api)}\n    Port        ${port(a.api)}\n    Index       llm-logs\n    Generate_ID On\n    Suppress_Type_Name On` },
      { title: 'rsyslog', code: (a) => `module(load="omelasticsearch")\naction(type="omelasticsearch" server="${host(a.api)}" serverport="${port(a.api)}"\n       template="llm" searchIndex="llm-logs" searchType="" bulkmode="on")` },
      { title: 'Vector', code: (a) => `[sinks.pitot]\ntype = "elasticsearch"\ninputs = ["llm"]\nendpoints = ["${a.api}"]\nbulk.index = "llm-logs"` },
      { title: 'curl', code: (a) => `curl -s ${a.api}/llm-logs/_bulk -H 'Content-Type: application/x-ndjson' --data-binary $'{"index":{}}\\n{"@timestamp":"'$(date -u +%FT%TZ)'","level":"info","message":"hello","service":"my-app"}\\n'` },
    ],
  },
  { id: 'files', title: 'Log files', group: 'logs', way: 'log_files', docs: 'logs', snippets: [{ title: 'pitot.yml', code: () => `logs:\n  files:\n    - paths: [/var/log/llm/*.log]\n      service: my-app` }] },
  {
    id: 'servers', title: 'Model servers and GPUs', group: 'metrics', way: 'prometheus_scrape', docs: 'model-servers',
    snippets: [
      { title: 'pitot.yml', code: () => `model_servers:\n  - {preset: vllm, targets: ["127.0.0.1:8000"]}\n  - {preset: dcgm, targets: ["127.0.0.1:9400"]}` },
      { title: 'scrape_configs', code: () => `prometheus:\n  scrape_configs:\n    - job_name: my-app\n      static_configs: [{targets: ["127.0.0.1:9090"]}]` },
    ],
  },
  { id: 'remote-write', title: 'Prometheus', group: 'metrics', way: 'remote_write', docs: 'http-api', snippets: [{ title: 'prometheus.yml', code: (a) => `remote_write:\n  - url: ${a.api}/api/v1/write` }, { title: 'Grafana', code: (a) => `apiVersion: 1\ndatasources:\n  - {name: Pitot metrics, type: prometheus, url: "${a.api}"}\n  - {name: Pitot traces, type: jaeger, url: "${a.api}/jaeger"}` }] },
  { id: 'feedback', title: 'Feedback', group: 'feedback', way: 'feedback', docs: 'quality', snippets: [{ title: 'curl', code: (a) => `curl -s ${a.api}/api/pitot/v1/feedback -H 'Content-Type: application/json' \\\n  -d '{"response_id":"chatcmpl-…","thumb":"up","name":"helpful","comment":"…"}'` }, { title: 'Go', code: () => `err := pitot.Feedback(ctx, pitot.Rating{ResponseID: id, Thumb: pitot.ThumbUp, Comment: text})` }] },
];

export const groupOrder: GroupName[] = ['gateway', 'sdk', 'telemetry', 'agents', 'logs', 'metrics', 'feedback'];

export interface Part {
  name: string;
  scope?: string;
  count: number;
  first?: string;
  last?: string;
  up?: number;
  error?: string;
}

export interface Way {
  way: string;
  received?: boolean;
  count?: number;
  refused?: number;
  first?: string;
  last?: string;
  parts?: Part[];
}

export interface Arrival {
  received: boolean;
  count: number;
  last?: string;
  error?: string;
}

const latest = (a: string | undefined, b: string | undefined) => (a === undefined || (b !== undefined && b > a) ? b : a);

/** What has arrived by one connection. */
export function arrival(c: Connection, ways: readonly Way[]): Arrival {
  const out: Arrival = { received: false, count: 0 };
  for (const name of Array.isArray(c.way) ? c.way : [c.way]) {
    const w = ways.find((x) => x.way === name);
    if (w === undefined) continue;
    const parts = c.part === undefined ? undefined : (w.parts ?? []).filter((p) => c.part?.test(p.name) || (p.scope !== undefined && c.part?.test(p.scope)));
    if (parts === undefined) {
      out.received ||= w.received === true;
      out.count += w.count ?? 0;
      out.last = latest(out.last, w.last);
      out.error ??= w.parts?.find((p) => p.error !== undefined && p.error !== '')?.error;
    }
    for (const p of parts ?? []) {
      out.received ||= p.count > 0;
      out.count += p.count;
      out.last = latest(out.last, p.last);
    }
  }
  return out;
}

/** Every address, also of listeners that are off: their default. */
export function complete(a: Addresses | undefined, origin: string): Required<Addresses> {
  const name = host(origin);
  return { api: a?.api ?? origin, gateway: a?.gateway ?? `http://${name}:4401`, otlp_http: a?.otlp_http ?? `http://${name}:4318`, otlp_grpc: a?.otlp_grpc ?? `${name}:4317`, jaeger: a?.jaeger ?? `http://${name}:14268` };
}
