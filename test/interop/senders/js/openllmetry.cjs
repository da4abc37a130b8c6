'use strict';
const traceloop = require('@traceloop/node-server-sdk');
traceloop.initialize({appName: process.env.OTEL_SERVICE_NAME, silenceInitializationMessage: true, traceloopSyncEnabled: false});
const {OpenAI} = require('openai');
const Anthropic = require('@anthropic-ai/sdk');
const {start} = require('./scenarios.cjs');

start({
  openai: new OpenAI({maxRetries: 0}),
  anthropic: new Anthropic({maxRetries: 0}),
  workflow: (name, fn) => traceloop.withWorkflow({name}, fn),
  agent: (name, fn) => traceloop.withAgent({name}, fn),
  tool: (name, fn) => traceloop.withTool({name}, fn),
  context: ({user, session}, fn) => traceloop.withAssociationProperties({user_id: user, session_id: session}, fn),
  flush: () => traceloop.forceFlush(),
});
