// LangChain and the provider's client, both instrumented: each call has two spans.
'use strict';
const traceloop = require('@traceloop/node-server-sdk');
traceloop.initialize({appName: process.env.OTEL_SERVICE_NAME, silenceInitializationMessage: true, traceloopSyncEnabled: false});
const {start} = require('./scenarios.cjs');
const langchain = require('./langchain.cjs');

start(
  {
    workflow: (name, fn) => traceloop.withWorkflow({name}, fn),
    agent: (name, fn) => traceloop.withAgent({name}, fn),
    context: ({user, session}, fn) => traceloop.withAssociationProperties({user_id: user, session_id: session}, fn),
    flush: () => traceloop.forceFlush(),
  },
  langchain,
);
