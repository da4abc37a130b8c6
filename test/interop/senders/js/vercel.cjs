// The scenarios as an application with the Vercel AI SDK does them.
'use strict';
const {trace} = require('@opentelemetry/api');
const {z} = require('zod');
const {question, readAll, fails, small, reasoning, user, session} = require('./scenarios.cjs');

// scenarios returns the application for one version of the SDK. telemetry makes
// the option that switches its telemetry on.
module.exports = ({ai, openai, telemetry}) => {
  const prompt = question.content;
  const options = (functionId, metadata) => telemetry({functionId, metadata});
  const weather = (execute) =>
    ai.tool({description: 'The weather in a city', inputSchema: z.object({query: z.string().optional(), limit: z.number().optional()}), execute});
  const base = {maxRetries: 0, prompt, onError: () => {}};
  const {onError, ...plain} = base;
  return {
    plain: () => ai.generateText({...plain, ...options('plain'), model: openai.chat(small), temperature: 0.2, maxOutputTokens: 200}),
    stream_usage: async () => readAll(ai.streamText({...base, ...options('stream'), model: openai.chat(reasoning)}).fullStream),
    tool: () =>
      ai.generateText({
        ...plain, ...options('tool'), model: openai.chat(small), stopWhen: ai.stepCountIs(2), tools: {weather: weather(async () => '{"celsius":21}')},
      }),
    error_4xx: () => fails(status(ai.generateText({...plain, ...options('error'), model: openai.chat(small)}))),
    error_5xx: () => fails(status(ai.generateText({...plain, ...options('error'), model: openai.chat(small)}))),
    agent: () =>
      trace.getTracer('trip').startActiveSpan('trip_planner', async (span) => {
        const metadata = {userId: user, sessionId: session};
        try {
          const inner = async () => (await ai.generateText({...plain, ...options('weather', metadata), model: openai.chat(small)})).text;
          await ai.generateText({
            ...plain, ...options('planner', metadata), model: openai.chat(small), stopWhen: ai.stepCountIs(2), tools: {weather: weather(inner)},
          });
        } finally {
          span.end();
        }
      }),
    embeddings: () => ai.embed({...options('embed'), maxRetries: 0, model: openai.embedding('text-embedding-3-small'), value: prompt}),
    responses: () => ai.generateText({...plain, ...options('responses'), model: openai(small)}),
  };
};

async function status(promise) {
  try {
    return await promise;
  } catch (error) {
    error.status ??= error.statusCode ?? error.lastError?.statusCode;
    throw error;
  }
}
