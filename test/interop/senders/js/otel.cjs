// OpenTelemetry's own instrumentation, with the application's spans named by its
// GenAI conventions.
'use strict';
const {trace, SpanStatusCode} = require('@opentelemetry/api');
const {NodeSDK} = require('@opentelemetry/sdk-node');
const {OpenAIInstrumentation} = require('@opentelemetry/instrumentation-openai');
process.env.OTEL_TRACES_EXPORTER = process.env.OTEL_LOGS_EXPORTER = process.env.OTEL_METRICS_EXPORTER = 'otlp';
process.env.OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT = 'true';
const sdk = new NodeSDK({instrumentations: [new OpenAIInstrumentation()]});
sdk.start();
const {OpenAI} = require('openai');
const {start, user, session} = require('./scenarios.cjs');

const spanOf = (operation, key) => (name, fn) =>
  trace.getTracer('trip').startActiveSpan(`${operation} ${name}`, {attributes: {'gen_ai.operation.name': operation, [key]: name, ...shared}}, async (span) => {
    try {
      return await fn();
    } catch (error) {
      span.setStatus({code: SpanStatusCode.ERROR, message: String(error)});
      throw error;
    } finally {
      span.end();
    }
  });

let shared = {};

start({
  openai: new OpenAI({maxRetries: 0}),
  workflow: spanOf('invoke_workflow', 'gen_ai.workflow.name'),
  agent: spanOf('invoke_agent', 'gen_ai.agent.name'),
  tool: spanOf('execute_tool', 'gen_ai.tool.name'),
  context: (_, fn) => {
    shared = {'gen_ai.conversation.id': session, 'user.id': user};
    return fn();
  },
  flush: () => sdk.shutdown(),
});
