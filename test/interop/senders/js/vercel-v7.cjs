'use strict';
const {OTLPTraceExporter} = require('@opentelemetry/exporter-trace-otlp-proto');
const {NodeSDK} = require('@opentelemetry/sdk-node');
const sdk = new NodeSDK({traceExporter: new OTLPTraceExporter()});
sdk.start();
const ai = require('ai');
const {OpenTelemetry} = require('@ai-sdk/otel');
const {createOpenAI} = require('@ai-sdk/openai');
const {start} = require('./scenarios.cjs');
const vercel = require('./vercel.cjs');

ai.registerTelemetry(new OpenTelemetry({agentSpanName: 'functionId', runtimeContext: true}));
const telemetry = ({functionId, metadata}) => ({
  runtimeContext: metadata,
  telemetry: {functionId, includeRuntimeContext: metadata && {userId: true, sessionId: true}},
});
start({flush: () => sdk.shutdown()}, vercel({ai, openai: createOpenAI(), telemetry}));
