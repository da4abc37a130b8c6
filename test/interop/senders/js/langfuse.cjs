'use strict';
const {NodeSDK} = require('@opentelemetry/sdk-node');
const {LangfuseSpanProcessor} = require('@langfuse/otel');
const {propagateAttributes, startActiveObservation} = require('@langfuse/tracing');
const {observeOpenAI} = require('@langfuse/openai');
const sdk = new NodeSDK({spanProcessors: [new LangfuseSpanProcessor()]});
sdk.start();
const {OpenAI} = require('openai');
const {start} = require('./scenarios.cjs');

const observed = (asType) => (name, fn) => startActiveObservation(name, () => fn(), {asType});

start({
  openai: observeOpenAI(new OpenAI({maxRetries: 0})),
  workflow: observed('chain'),
  agent: observed('agent'),
  tool: observed('tool'),
  context: ({user, session}, fn) => propagateAttributes({userId: user, sessionId: session}, fn),
  flush: () => sdk.shutdown(),
});
