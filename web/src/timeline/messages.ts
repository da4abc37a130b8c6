import { defineMessages } from '~/i18n';

export const timeline = defineMessages(
  'timeline',
  {
    title: 'Token timeline', label: 'Token timeline of {{model}}: {{chunks}} chunks in {{duration}}, first token after {{ttft}}, {{stalls}} stalls. Plus and minus zoom, 0 shows all, arrows move the playhead, space plays.',
    hint: 'Drag to zoom, click to set the playhead. Wheel with Ctrl (or after a click) zooms. Keys: + − 0, ← →, space.',
    chunks: 'Chunks', chunksHint: 'Chunks with content, of all that came in the stream', ofAll: '{{some}} of {{all}}', medianGap: 'Median gap', p95Gap: 'p95 gap', p99Gap: 'p99 gap', gapHint: 'Time between chunks after the first token. Chunks that one read of the network brought together count as one arrival.',
    longest: 'Longest gap', stalls_one: '{{count}} stall', stalls_other: '{{count}} stalls', stall: 'stall', stallHint: 'A stall is a gap of over 1 s that is also ten times the median.', noStalls: 'no stalls', effective: 'Speed', effectiveHint: 'Output tokens after the first, divided by the time after the first token. Without a stream: output tokens by the whole duration.', overhead: 'Gateway overhead', overheadHint: 'Time that Pitot itself added',
    tokenUnit: '≈tok/s', byteUnit: 'bytes/s', tokensByBytes: 'Speed in tokens is estimated: {{tokens}} output tokens shared out over {{bytes}} of streamed content, smoothed over {{window}}.', tokensUnknown: 'Output tokens are unknown: the speed is in bytes of content, smoothed over {{window}}.',
    chunk: 'chunk {{n}}', noContent: 'no content', gap: 'gap {{d}}', speed: 'Speed',
    no_stream: 'This call did not stream: the answer came at once, so there are no chunks to draw.', no_timeline: 'This call streamed, but whoever recorded it did not record when the chunks arrived. Calls through the gateway have it.', version: 'A newer Pitot wrote this timeline; this one cannot read its form.', corrupt: 'The timeline of this call is damaged and is not shown.', long: 'The timeline of this call is longer than one can be and is not shown.',
    lost_one: 'One later chunk was counted, but has no tick: a timeline holds the first 64 KiB.', lost_other: '{{count}} later chunks were counted, but have no tick: a timeline holds the first 64 KiB.',
    phases: 'Where the time went', phase: 'Phase', client: 'client', gateway: 'gateway', connect: 'connect', network: 'network', queue: 'queue', network_and_queue: 'network + queue', load: 'model load', prefill: 'prefill', decode: 'decode', stalls_phase: 'stalls', tail: 'tail',
    between: '{{a}} to {{b}}', upTo: 'up to {{b}}', typical: 'typical for this server: p50 {{p50}}, p95 {{p95}} of {{calls}} calls', source_gateway: 'measured by the gateway', source_server: 'said by the server', source_timeline: 'from the arrival of chunks', source_span: 'from the caller’s span', source_metrics: 'from the server’s metrics', source_rest: 'what is left over',
    dominant: 'dominant', or: 'or', outside: 'The caller waited {{d}} in all, {{more}} more than the call itself took.', unknownPhases: 'Not known',
    replay: 'Replay', play: 'Play', pause: 'Pause', speedOf: 'Speed of the replay', position: 'Position in the replay', answer: 'The answer as it came', reasoning: 'reasoning', toolCall: 'tool call', refusal: 'refusal', noText: 'The content of this call was not recorded: only the timing can be replayed.', proportion: 'The stored content is not as long as what streamed (it was masked, cut or counted otherwise): the text is shown in proportion.', nothingYet: 'No content yet', waiting: 'waiting for the first token', zoomIn: 'Zoom in', zoomOut: 'Zoom out', zoomAll: 'Show all',
  },
  {
    title: 'Token 时间线', label: '{{model}} 的 token 时间线：{{duration}} 内 {{chunks}} 个分块，首 token 时间 {{ttft}}，卡顿 {{stalls}} 次。加减号缩放，0 显示全部，方向键移动播放头，空格播放。',
    hint: '拖动以放大，单击设置播放头。按住 Ctrl（或单击后）滚轮缩放。按键：+ − 0、← →、空格。',
    chunks: '分块', chunksHint: '有内容的分块数 / 流中全部分块数', ofAll: '{{some}} / {{all}}', medianGap: '间隔中位数', p95Gap: '间隔 p95', p99Gap: '间隔 p99', gapHint: '首 token 之后各分块之间的时间。一次网络读取同时到达的分块算作一次到达。',
    longest: '最长间隔', stalls_one: '{{count}} 次卡顿', stalls_other: '{{count}} 次卡顿', stall: '卡顿', stallHint: '卡顿指超过 1 秒且达到中位间隔十倍的间隔。', noStalls: '无卡顿', effective: '速度', effectiveHint: '首 token 之后的输出 token 数除以首 token 之后的时间。非流式：输出 token 数除以总耗时。', overhead: '网关开销', overheadHint: 'Pitot 自身增加的时间',
    tokenUnit: '≈tok/s', byteUnit: '字节/s', tokensByBytes: 'Token 速度为估算值：{{tokens}} 个输出 token 按 {{bytes}} 流式内容的字节数分摊，平滑窗口 {{window}}。', tokensUnknown: '输出 token 数未知：速度以内容字节计，平滑窗口 {{window}}。',
    chunk: '分块 {{n}}', noContent: '无内容', gap: '间隔 {{d}}', speed: '速度',
    no_stream: '该调用不是流式：回答一次性返回，没有分块可画。', no_timeline: '该调用是流式的，但记录方没有记录分块的到达时间。经网关的调用会有。', version: '该时间线由更新版本的 Pitot 写入，当前版本无法读取。', corrupt: '该调用的时间线已损坏，无法显示。', long: '该调用的时间线超出长度上限，无法显示。',
    lost_one: '之后还有 1 个分块计入总数但没有刻度：时间线只保存前 64 KiB。', lost_other: '之后还有 {{count}} 个分块计入总数但没有刻度：时间线只保存前 64 KiB。',
    phases: '时间花在哪里', phase: '阶段', client: '客户端', gateway: '网关', connect: '建立连接', network: '网络', queue: '排队', network_and_queue: '网络 + 排队', load: '模型加载', prefill: '预填充', decode: '解码', stalls_phase: '卡顿', tail: '收尾',
    between: '{{a}} 至 {{b}}', upTo: '至多 {{b}}', typical: '该服务器的典型值：{{calls}} 次调用的 p50 {{p50}}，p95 {{p95}}', source_gateway: '网关测得', source_server: '服务器上报', source_timeline: '由分块到达时间得出', source_span: '由调用方的 span 得出', source_metrics: '由服务器指标得出', source_rest: '其余部分',
    dominant: '主要', or: '或', outside: '调用方共等待 {{d}}，比调用本身多 {{more}}。', unknownPhases: '未知',
    replay: '回放', play: '播放', pause: '暂停', speedOf: '回放速度', position: '回放位置', answer: '回答出现的过程', reasoning: '推理', toolCall: '工具调用', refusal: '拒绝', noText: '该调用没有记录内容：只能回放时间。', proportion: '保存的内容与流式内容长度不同（已脱敏、截断或计数方式不同）：文本按比例显示。', nothingYet: '尚无内容', waiting: '等待首 token', zoomIn: '放大', zoomOut: '缩小', zoomAll: '显示全部',
  },
);
