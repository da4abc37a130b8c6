'use strict';
const {OTLPTraceExporter} = require('@opentelemetry/exporter-trace-otlp-proto');
const {NodeSDK} = require('@opentelemetry/sdk-node');
const sdk = new NodeSDK({traceExporter: new OTLPTraceExporter()});
sdk.start();
const ai = require('ai-v6');
const {createOpenAI} = require('ai-sdk-openai-v3');
const {start} = require('./scenarios.cjs');
const vercel = require('./vercel.cjs');

const telemetry = ({functionId, metadata}) => ({experimental_telemetry: {isEnabled: true, functionId, metadata}});
start({flush: () => sdk.shutdown()}, vercel({ai, openai: createOpenAI(), telemetry}));
