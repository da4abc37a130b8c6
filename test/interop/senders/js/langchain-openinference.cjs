// LangChain and the provider's client, both instrumented by OpenInference.
'use strict';
const {context} = require('@opentelemetry/api');
const {OTLPTraceExporter} = require('@opentelemetry/exporter-trace-otlp-proto');
const {NodeSDK} = require('@opentelemetry/sdk-node');
const {LangChainInstrumentation} = require('@arizeai/openinference-instrumentation-langchain');
const {OpenAIInstrumentation} = require('@arizeai/openinference-instrumentation-openai');
const {setSession, setUser, traceAgent, traceChain} = require('@arizeai/openinference-core');
const chains = new LangChainInstrumentation();
const sdk = new NodeSDK({traceExporter: new OTLPTraceExporter(), instrumentations: [chains, new OpenAIInstrumentation()]});
sdk.start();
chains.manuallyInstrument(require('@langchain/core/callbacks/manager'));
const {start} = require('./scenarios.cjs');
const langchain = require('./langchain.cjs');

start(
  {
    workflow: (name, fn) => traceChain(fn, {name})(),
    agent: (name, fn) => traceAgent(fn, {name})(),
    context: ({user, session}, fn) => context.with(setUser(setSession(context.active(), {sessionId: session}), {userId: user}), fn),
    flush: () => sdk.shutdown(),
  },
  langchain,
);
