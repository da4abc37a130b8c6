// The scenarios as an application with LangChain does them.
'use strict';
const {ChatOpenAI} = require('@langchain/openai');
const {HumanMessage, ToolMessage} = require('@langchain/core/messages');
const {RunnableLambda} = require('@langchain/core/runnables');
const {tool} = require('@langchain/core/tools');
const {z} = require('zod');
const {question, readAll, fails, small, reasoning, user, session} = require('./scenarios.cjs');

const chat = (model = small, more = {}) => new ChatOpenAI({model, maxRetries: 0, ...more});
const ask = () => [new HumanMessage(question.content)];
const weather = (work) =>
  tool(work, {name: 'weather', description: 'The weather in a city', schema: z.object({query: z.string().optional(), limit: z.number().optional()})});

// turn asks, runs the tool and asks again.
async function turn(work) {
  const t = weather(work);
  const model = chat().bindTools([t]);
  const messages = ask();
  const first = await model.invoke(messages);
  const call = first.tool_calls[0];
  const result = await t.invoke(call.args);
  return model.invoke([...messages, first, new ToolMessage({content: String(result), tool_call_id: call.id})]);
}

module.exports = {
  plain: () => chat(small, {temperature: 0.2, maxTokens: 200}).invoke(ask()),
  stream_usage: async () => readAll(await chat(reasoning).stream(ask())),
  stream: async () => readAll(await chat(small, {streamUsage: false}).stream(ask())),
  tool: () => turn(async () => '{"celsius":21}'),
  error_4xx: () => fails(chat().invoke(ask())),
  error_5xx: () => fails(chat().invoke(ask())),
  agent: (h) =>
    h.context({user, session}, () =>
      h.workflow('trip_planner', () =>
        h.agent('planner', () =>
          RunnableLambda.from(async () => {
            return turn(async () => (await chat().invoke(ask())).content);
          }).withConfig({runName: 'plan'}).invoke('go')))),
};
