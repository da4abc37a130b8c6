// The sentences of a breakdown in Chinese. The server says them in English; one
// that is not known here stays as it is.

import type { Language } from '~/i18n';

const plain: Record<string, string> = {
  'said by the server': '服务器上报',
  'measured by the gateway': '网关测得',
  'measured by the gateway: the connection was open already': '网关测得：连接此前已建立',
  'not measured for this call': '该调用未测量',
  'what the other phases leave over': '其他阶段之外的剩余时间',
  "measured by the gateway: from the answer's header to its end at most": '网关测得：至多为从响应头到结束的时间',
  'measured: arrival of the chunks': '测得：各分块的到达时间',
  'from the first token to the end': '从首 token 到结束',
  'measured: gaps between chunks over 1 s and ten times the median': '测得：超过 1 秒且达到中位数十倍的分块间隔',
  'measured: from the last chunk to the end': '测得：从最后一个分块到结束',
  'prefill and decode are not told apart: the sender recorded no time to first token': '预填充与解码无法区分：发送方没有记录首 token 时间',
  'the answer came at once: there is no first token that would part waiting, prefill and decode': '回答一次性返回：没有首 token 可用来区分等待、预填充与解码',
  'stalls and tail are not told apart from decode: there is no timeline of the chunks': '卡顿与收尾无法与解码区分：没有分块时间线',
  "the connection and the gateway: the call did not pass through Pitot's gateway": '连接与网关：该调用没有经过 Pitot 的网关',
  "the client's own time and the way to it: no span of the caller is in the trace": '客户端自身的时间及其网络：链路中没有调用方的 span',
  'the time to first token lies outside of the duration and is not used': '首 token 时间超出总耗时，未采用',
  'the whole duration': '总耗时',
  "the arrival of the answer's header": '响应头到达',
};

const patterns: readonly [RegExp, (...m: string[]) => string][] = [
  [/^the timeline holds the first chunks only: how the last (.+) part into decode, stalls and tail is unknown$/, (d) => `时间线只含最先的分块：最后 ${d} 如何分为解码、卡顿与收尾未知`],
  [/^the caller's span \((.+)\) lasted that much longer: its own work and the network to it$/, (n) => `调用方的 span（${n}）长出这么多：其自身工作与到它的网络`],
  [/^the caller's span \((.+)\) is shorter than the call: it is not counted$/, (n) => `调用方的 span（${n}）比调用短，不计入`],
  [/^the times that the server states add up to more than the (.+) that they took together: they are shown as upper bounds$/, (d) => `服务器上报的时间之和超过实际的 ${d}：按上限显示`],
  [/^the phases leave (.+) that nobody explains$/, (d) => `各阶段之外还有 ${d} 无法解释`],
  [/^the server says that it worked for (.+), which is longer than it took until (.+)$/, (d, until) => `服务器称其工作了 ${d}，长于到${plain[until ?? ''] ?? until}的时间`],
  [/^the server's own processing time, taken from (.+)$/, (from) => `从${plain[from ?? ''] ?? from}中减去服务器自身的处理时间`],
];

export function evidence(sentence: string, language: Language): string {
  if (language !== 'zh') return sentence;
  const known = plain[sentence];
  if (known !== undefined) return known;
  for (const [pattern, write] of patterns) {
    const m = pattern.exec(sentence);
    if (m !== null) return write(...m.slice(1));
  }
  return sentence;
}
