'use strict';
const {trace, metrics} = require('@opentelemetry/api');
const {logs} = require('@opentelemetry/api-logs');
const {default: openlit, usingAttributes} = require('openlit');
openlit.init({applicationName: process.env.OTEL_SERVICE_NAME, environment: 'test', pricingJson: {}});
const {OpenAI} = require('openai');
const Anthropic = require('@anthropic-ai/sdk');
const {start} = require('./scenarios.cjs');

// OpenLIT does not flush when the process ends: what is not yet sent would be lost.
const flush = async () => {
  for (const provider of [trace.getTracerProvider(), metrics.getMeterProvider(), logs.getLoggerProvider()]) {
    const real = provider.getDelegate?.() ?? provider._getDelegate?.() ?? provider;
    await real.forceFlush?.();
  }
};

start({
  openai: new OpenAI({maxRetries: 0}),
  anthropic: new Anthropic({maxRetries: 0}),
  workflow: (name, fn) => openlit.startTrace(name, fn),
  agent: (name, fn) => openlit.startTrace(name, fn),
  tool: (name, fn) => openlit.startTrace(name, fn),
  context: ({user, session}, fn) => usingAttributes({'user.id': user, 'session.id': session}, fn),
  flush,
});
