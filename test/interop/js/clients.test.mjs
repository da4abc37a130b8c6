// The official clients against Pitot's gateway, in front of simulated providers.
// Each test makes a call with the real library and then asks Pitot's API what
// it recorded. GATEWAY and API are the addresses of a running `pitot demo`.
import assert from 'node:assert/strict';
import {randomUUID} from 'node:crypto';
import {test} from 'node:test';
import Anthropic from '@anthropic-ai/sdk';
import {GoogleGenAI} from '@google/genai';
import OpenAI from 'openai';

const gateway = process.env.GATEWAY;
const api = process.env.API;
assert.ok(gateway && api, 'set GATEWAY and API');
const fakeKey = ['not', 'a', 'key'].join('-');

// recorded waits until Pitot shows the calls of a session.
async function recorded(session, count = 1) {
  const deadline = Date.now() + 30_000;
  for (;;) {
    const response = await fetch(`${api}/api/pitot/v1/calls?session=${session}&order=oldest`);
    const {calls} = await response.json();
    if (calls?.length >= count) {
      assert.equal(calls.length, count, 'calls recorded');
      return calls;
    }
    assert.ok(Date.now() < deadline, `only ${calls?.length} of ${count} calls recorded`);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
}

async function content(call) {
  const response = await fetch(`${api}/api/pitot/v1/calls/${call.id}`);
  return response.json();
}

const headers = (session, more = {}) => ({'X-Pitot-Session': session, 'X-Pitot-Service': 'interop-js', 'X-Fake-Status': '200', ...more});

const openai = (session, more) =>
  new OpenAI({apiKey: fakeKey, baseURL: `${gateway}/openai/v1`, maxRetries: 0, defaultHeaders: headers(session, more)});

const messages = [{role: 'user', content: 'How does a pitot tube work?'}];

test('openai: chat', async () => {
  const session = randomUUID();
  const answer = await openai(session).chat.completions.create({model: 'gpt-4o-mini', messages, temperature: 0.2});
  const [call] = await recorded(session);
  assert.equal(call.response_id, answer.id);
  assert.equal(call.response_model, answer.model);
  assert.equal(call.usage.input_tokens, answer.usage.prompt_tokens);
  assert.equal(call.usage.output_tokens, answer.usage.completion_tokens);
  assert.equal(call.usage.source, 'reported');
  assert.equal(call.cost.state, 'computed');
  assert.equal(call.service, 'interop-js');
  const full = await content(call);
  assert.equal(full.input[0].parts[0].content, messages[0].content);
  assert.equal(full.output[0].parts[0].content, answer.choices[0].message.content);
});

test('openai: stream that did not ask for usage', async () => {
  const session = randomUUID();
  const stream = await openai(session, {'X-Fake-Tool': 'none'}).chat.completions.create({model: 'gpt-4o-mini', messages, stream: true});
  let text = '';
  for await (const chunk of stream) {
    assert.ok(chunk.choices.length > 0, 'the extra usage chunk must not reach a client that did not ask for it');
    text += chunk.choices[0].delta.content ?? '';
  }
  const [call] = await recorded(session);
  assert.equal(call.stream, true);
  assert.ok(call.ttft_seconds > 0);
  assert.ok(call.usage.output_tokens > 0);
  assert.equal(call.usage.source, 'reported');
  assert.equal((await content(call)).output[0].parts[0].content, text);
});

test('openai: stream with usage', async () => {
  const session = randomUUID();
  const stream = await openai(session).chat.completions.create({model: 'gpt-4o-mini', messages, stream: true, stream_options: {include_usage: true}});
  let usage;
  for await (const chunk of stream) usage = chunk.usage ?? usage;
  const [call] = await recorded(session);
  assert.equal(call.usage.input_tokens, usage.prompt_tokens);
  assert.equal(call.usage.output_tokens, usage.completion_tokens);
});

test('openai: tool call', async () => {
  const session = randomUUID();
  const tools = [{type: 'function', function: {name: 'weather', parameters: {type: 'object', properties: {city: {type: 'string'}}}}}];
  const answer = await openai(session, {'X-Fake-Tool': 'weather'}).chat.completions.create({model: 'gpt-4o-mini', messages, tools});
  const [call] = await recorded(session);
  assert.equal(answer.choices[0].finish_reason, 'tool_calls');
  assert.deepEqual(call.finish_reasons, ['tool_call']);
  const part = (await content(call)).output[0].parts.find((p) => p.type === 'tool_call');
  assert.equal(part.name, 'weather');
  assert.equal(part.arguments, answer.choices[0].message.tool_calls[0].function.arguments);
});

test('openai: error', async () => {
  const session = randomUUID();
  await assert.rejects(openai(session, {'X-Fake-Status': '429'}).chat.completions.create({model: 'gpt-4o-mini', messages}), OpenAI.RateLimitError);
  const [call] = await recorded(session);
  assert.equal(call.status, 'error');
  assert.equal(call.http_status, 429);
  assert.equal(call.usage.input_tokens, undefined);
});

test('openai: client that leaves the stream', async () => {
  const session = randomUUID();
  const stream = await openai(session, {'X-Fake-Tool': 'none', 'X-Fake-Chunks': '200', 'X-Fake-Chunk-Interval': '50ms'}).chat.completions.create({
    model: 'gpt-4o-mini', messages, stream: true,
  });
  let n = 0;
  for await (const _ of stream) if (++n === 5) break;
  const [call] = await recorded(session);
  assert.equal(call.error_type, 'client_closed_request');
  assert.ok(call.duration_seconds < 9, 'recorded when the client left, not when the answer would have ended');
  assert.notEqual(call.usage.source, 'reported');
});

test('openai: responses and embeddings', async () => {
  const session = randomUUID();
  const client = openai(session);
  const answer = await client.responses.create({model: 'gpt-4o-mini', input: 'hello'});
  const vectors = await client.embeddings.create({model: 'text-embedding-3-small', input: ['a', 'b'], encoding_format: 'float'});
  const calls = await recorded(session, 2);
  const byOperation = Object.fromEntries(calls.map((c) => [c.operation, c]));
  assert.equal(byOperation.responses.usage.input_tokens, answer.usage.input_tokens);
  assert.equal(byOperation.responses.response_id, answer.id);
  assert.equal(byOperation.embeddings.usage.input_tokens, vectors.usage.prompt_tokens);
});

test('openai: responses stream', async () => {
  const session = randomUUID();
  const stream = await openai(session).responses.create({model: 'gpt-4o-mini', input: 'hello', stream: true});
  let final;
  for await (const event of stream) if (event.type === 'response.completed') final = event.response;
  const [call] = await recorded(session);
  assert.equal(call.usage.output_tokens, final.usage.output_tokens);
  assert.equal(call.stream, true);
});

test('openai: what is no call passes', async () => {
  const session = randomUUID();
  const list = await openai(session).models.list();
  assert.ok(list.data.length > 0);
});

const anthropic = (session, more) =>
  new Anthropic({apiKey: fakeKey, baseURL: `${gateway}/anthropic`, maxRetries: 0, defaultHeaders: headers(session, more)});

test('anthropic: message, stream, error', async () => {
  const session = randomUUID();
  const client = anthropic(session);
  const answer = await client.messages.create({model: 'claude-sonnet-4-20250514', max_tokens: 256, messages});
  const stream = client.messages.stream({model: 'claude-sonnet-4-20250514', max_tokens: 256, messages});
  const streamed = await stream.finalMessage();
  await assert.rejects(anthropic(session, {'X-Fake-Status': '529'}).messages.create({model: 'claude-sonnet-4-20250514', max_tokens: 256, messages}));
  const [unary, live, failed] = await recorded(session, 3);
  const input = (u) => u.input_tokens + (u.cache_read_input_tokens ?? 0) + (u.cache_creation_input_tokens ?? 0);
  assert.equal(unary.usage.input_tokens, input(answer.usage));
  assert.equal(unary.usage.output_tokens, answer.usage.output_tokens);
  assert.equal(unary.response_id, answer.id);
  assert.equal(live.usage.input_tokens, input(streamed.usage));
  assert.equal(live.usage.output_tokens, streamed.usage.output_tokens);
  assert.ok(live.ttft_seconds > 0);
  assert.equal(failed.http_status, 529);
  assert.equal(failed.error_type, 'overloaded_error');
});

test('gemini: content and stream', async () => {
  const session = randomUUID();
  const client = new GoogleGenAI({apiKey: fakeKey, httpOptions: {baseUrl: `${gateway}/gemini`, headers: headers(session)}});
  const answer = await client.models.generateContent({model: 'gemini-2.5-flash', contents: 'hello'});
  const stream = await client.models.generateContentStream({model: 'gemini-2.5-flash', contents: 'hello'});
  let last;
  for await (const chunk of stream) last = chunk.usageMetadata ?? last;
  const [unary, live] = await recorded(session, 2);
  const output = (u) => (u.candidatesTokenCount ?? 0) + (u.thoughtsTokenCount ?? 0);
  assert.equal(unary.usage.input_tokens, answer.usageMetadata.promptTokenCount);
  assert.equal(unary.usage.output_tokens, output(answer.usageMetadata));
  assert.equal(live.usage.output_tokens, output(last));
  assert.equal(live.stream, true);
});
