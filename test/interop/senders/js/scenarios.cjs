// What every sender does: an application with the official clients, in the
// scenarios of ../README.md. A sender sets its library up first and then calls run
// with what its library offers to name a workflow, an agent, a tool, a user and a
// session.
'use strict';

const user = process.env.INTEROP_USER;
const session = process.env.INTEROP_SESSION;
const question = {role: 'user', content: 'What is the weather in Lisbon?'};
const parameters = {type: 'object', properties: {query: {type: 'string'}, limit: {type: 'integer'}}};
const tools = [{type: 'function', function: {name: 'weather', description: 'The weather in a city', parameters}}];
const small = 'gpt-4o-mini';
const reasoning = 'gpt-5-mini';
const claude = 'claude-sonnet-4-20250514';

async function readAll(stream) {
  let n = 0;
  for await (const _ of stream) n++;
  return n;
}

const passing = (_, fn) => fn();

// hooks are what a library has no way to do: the code just runs.
const hooks = (given) => ({workflow: passing, agent: passing, tool: passing, context: passing, ...given});

// answered runs the tool that the model asked for, and returns the conversation
// so far.
async function answered(h, answer, work) {
  const message = answer.choices[0].message;
  const call = message.tool_calls[0];
  const content = await h.tool(call.function.name, work);
  return [question, message, {role: 'tool', tool_call_id: call.id, content}];
}

async function fails(promise) {
  try {
    await promise;
  } catch (error) {
    if (error.status >= 400) return;
    throw error;
  }
  throw new Error('the call should have failed');
}

const scenarios = {
  plain: ({openai}) => openai.chat.completions.create({model: small, messages: [question], temperature: 0.2, max_tokens: 200}),
  stream_usage: async ({openai}) =>
    readAll(await openai.chat.completions.create({model: reasoning, messages: [question], stream: true, stream_options: {include_usage: true}})),
  stream: async ({openai}) => readAll(await openai.chat.completions.create({model: small, messages: [question], stream: true})),
  tool: async (h) => {
    const first = await h.openai.chat.completions.create({model: small, messages: [question], tools});
    const messages = await answered(h, first, async () => '{"celsius":21}');
    await h.openai.chat.completions.create({model: small, messages, tools});
  },
  error_4xx: ({openai}) => fails(openai.chat.completions.create({model: small, messages: [question]})),
  error_5xx: ({openai}) => fails(openai.chat.completions.create({model: small, messages: [question]})),
  agent: (h) =>
    h.context({user, session}, () =>
      h.workflow('trip_planner', () =>
        h.agent('planner', async () => {
          const create = (messages, more) => h.openai.chat.completions.create({model: small, messages, ...more});
          const first = await create([question], {tools});
          const messages = await answered(h, first, async () => (await create([question])).choices[0].message.content);
          return (await create(messages, {tools})).choices[0].message.content;
        }))),
  embeddings: ({openai}) => openai.embeddings.create({model: 'text-embedding-3-small', input: question.content}),
  responses: ({openai}) => openai.responses.create({model: small, input: question.content}),
  anthropic: ({anthropic}) => anthropic.messages.create({model: claude, max_tokens: 256, messages: [question]}),
  anthropic_stream: async ({anthropic}) => readAll(await anthropic.messages.create({model: claude, max_tokens: 256, messages: [question], stream: true})),
};

// run does the scenario that the environment names and flushes.
async function run(given, own = scenarios) {
  const scenario = own[process.env.SCENARIO];
  if (!scenario) throw new Error(`this sender has no scenario ${process.env.SCENARIO}`);
  try {
    await scenario(hooks(given));
  } finally {
    // Some libraries end a span a moment after the caller has its answer.
    await new Promise((resolve) => setTimeout(resolve, 50));
    await given.flush();
  }
}

// start runs and ends the process with a status that says how it went.
function start(given, own) {
  run(given, own).then(
    () => process.exit(0),
    (error) => {
      console.error(error);
      process.exit(1);
    },
  );
}

module.exports = {start, question, parameters, readAll, fails, small, reasoning, user, session};
