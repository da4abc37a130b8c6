'use strict';
const {context} = require('@opentelemetry/api');
const {OTLPTraceExporter} = require('@opentelemetry/exporter-trace-otlp-proto');
const {NodeSDK} = require('@opentelemetry/sdk-node');
const {OpenAIInstrumentation} = require('@arizeai/openinference-instrumentation-openai');
const {setSession, setUser, traceAgent, traceChain, traceTool} = require('@arizeai/openinference-core');
const sdk = new NodeSDK({traceExporter: new OTLPTraceExporter(), instrumentations: [new OpenAIInstrumentation()]});
sdk.start();
const {OpenAI} = require('openai');
const {start} = require('./scenarios.cjs');

start({
  openai: new OpenAI({maxRetries: 0}),
  workflow: (name, fn) => traceChain(fn, {name})(),
  agent: (name, fn) => traceAgent(fn, {name})(),
  tool: (name, fn) => traceTool(fn, {name})(),
  context: ({user, session}, fn) => context.with(setUser(setSession(context.active(), {sessionId: session}), {userId: user}), fn),
  flush: () => sdk.shutdown(),
});
