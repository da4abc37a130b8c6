import { defineMessages } from '~/i18n';

export const setup = defineMessages(
  'setup',
  {
    title: 'Connect your applications', intro: 'Pick what you use, copy, and send one request. Each way turns green when its first data arrives.', nothing: 'Nothing has arrived yet.', waiting: 'waiting', arrived: 'data arrives', events_one: '{{count}} record', events_other: '{{count}} records', last: 'last', addresses: 'Addresses of this server', off: 'off',
    gateway: 'Change one base URL', gatewayHint: 'The gateway passes bytes through and records calls on the side. No code changes.', telemetry: 'Already instrumented', telemetryHint: 'Any OpenTelemetry sender: change where it sends to.', sdk: 'Go programs', sdkHint: 'One line in main, one HTTP client.', agents: 'Coding agents', agentsHint: 'Usage and cost of command line agents.', logs: 'Logs', logsHint: 'Log shippers with an Elasticsearch output need no change but the address.', metrics: 'Metrics', metricsHint: 'Model servers, GPUs, and whatever Prometheus scrapes.', feedback: 'Feedback and scores', feedbackHint: 'What users and evaluators think of an answer.',
    api: 'API and pages', gatewayAddress: 'Gateway', otlpHttp: 'OTLP over HTTP', otlpGrpc: 'OTLP over gRPC', 
    demo: 'No application at hand? `pitot demo` sends simulated traffic through the real gateway.', refused_one: '{{count}} request was refused: see Status → Doctor', refused_other: '{{count}} requests were refused: see Status → Doctor', nothingShows: 'Sent something and nothing shows?', doctor: 'Ask the doctor', search: 'Find a framework', unavailable: 'Whether data arrives cannot be told now: {{error}}', more: 'More in docs/{{page}}.md', see: 'See your calls',
  },
  {
    title: '接入你的应用', intro: '选择你使用的方式，复制代码，发送一个请求。收到第一条数据后，对应方式会变为绿色。', nothing: '尚未收到任何数据。', waiting: '等待中', arrived: '已收到数据', events_one: '{{count}} 条记录', events_other: '{{count}} 条记录', last: '最近', addresses: '本服务器的地址', off: '未开启',
    gateway: '只改一个 base URL', gatewayHint: '网关原样转发字节，在旁路记录调用，无需修改代码。', telemetry: '已有埋点', telemetryHint: '任何 OpenTelemetry 发送端：只需修改发送地址。', sdk: 'Go 程序', sdkHint: 'main 中一行代码，一个 HTTP 客户端。', agents: '编程智能体', agentsHint: '命令行智能体的用量与成本。', logs: '日志', logsHint: '带 Elasticsearch 输出的日志采集器只需修改地址。', metrics: '指标', metricsHint: '模型服务器、GPU，以及 Prometheus 抓取的一切。', feedback: '反馈与评分', feedbackHint: '用户和评估器对回答的评价。',
    api: 'API 与页面', gatewayAddress: '网关', otlpHttp: 'OTLP（HTTP）', otlpGrpc: 'OTLP（gRPC）', 
    demo: '手边没有应用？`pitot demo` 会通过真实网关发送模拟流量。', refused_one: '{{count}} 个请求被拒绝：见“状态 → 诊断”', refused_other: '{{count}} 个请求被拒绝：见“状态 → 诊断”', nothingShows: '已发送但没有显示？', doctor: '运行诊断', search: '查找框架', unavailable: '暂时无法判断数据是否到达：{{error}}', more: '更多见 docs/{{page}}.md', see: '查看调用',
  },
);
