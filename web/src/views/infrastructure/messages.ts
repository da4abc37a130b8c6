import { defineMessages } from '~/i18n';

export const messages = defineMessages(
  'infrastructure',
  {
    servers: 'Model servers', serversAbout: 'Each model server that is scraped, as it says itself. Rates and quantiles are of the last 5 minutes of the range.', server: 'Server', up: 'Up', isUp: 'up', isDown: 'down', running: 'Running', waiting: 'Waiting', queue: 'Queue p95', kv: 'KV cache', prefix: 'Prefix hits', preemptions: 'Preemptions', promptGenerated: 'Prompt → generated', generated: 'Generated', ttft: 'TTFT p95', tpot: 'TPOT p95',
    summary: 'Summary', serversUp: 'Servers up', ofAll: 'of {{count}}', gpus: 'GPUs', gpu: 'GPU {{id}}', utilization: 'Utilization', memory: 'Memory', power: 'Power', temperature: 'Temperature', used: '{{used}} of {{total}}', meanUse: 'Mean GPU utilization', perMillion: 'Cost of a million tokens', perMillionAbout: 'Price of the machines of an hour over the tokens of that hour: what was spent on prompts, on answers and on waiting for work. On a busy GPU the split is an estimate.', prefill: 'prefill', decode: 'decode', idle: 'idle', busy: 'busy', machines: 'all machines', chosen: 'Only {{server}} {{model}}', all: 'All servers', toDashboard: 'All of the infrastructure', queueSign: 'Waiting requests are the first sign of a full server.',
    noServers: 'No model server is scraped', noServersHint: 'Pitot reads the metrics of vLLM, SGLang, TGI, llama.cpp, Triton, LiteLLM and others. Add yours to the configuration, then reload it:', noGPUs: 'No GPU is seen', noGPUsHint: 'nvidia-smi on this host, dcgm-exporter or nvidia_gpu_exporter feed this part.', connect: 'How to connect one', showCalls: 'Calls of this model', example: 'Example configuration', since: '{{value}} mean',
  },
  {
    servers: '模型服务器', serversAbout: '已采集的各模型服务器自身上报的状态。速率与分位数取自时间范围的最后 5 分钟。', server: '服务器', up: '在线', isUp: '在线', isDown: '离线', running: '运行中', waiting: '等待中', queue: '排队 p95', kv: 'KV 缓存', prefix: '前缀命中', preemptions: '抢占', promptGenerated: '提示 → 生成', generated: '生成', ttft: 'TTFT p95', tpot: 'TPOT p95',
    summary: '摘要', serversUp: '在线服务器', ofAll: '共 {{count}} 台', gpus: 'GPU', gpu: 'GPU {{id}}', utilization: '利用率', memory: '显存', power: '功耗', temperature: '温度', used: '{{used}} / {{total}}', meanUse: 'GPU 平均利用率', perMillion: '每百万 token 成本', perMillionAbout: '一小时的机器价格除以该小时的 token 数：分别用于提示、回答和空闲。GPU 繁忙时该拆分为估算。', prefill: '预填充', decode: '解码', idle: '空闲', busy: '繁忙', machines: '全部机器', chosen: '仅 {{server}} {{model}}', all: '全部服务器', toDashboard: '完整基础设施仪表盘', queueSign: '等待中的请求是服务器饱和的最早迹象。',
    noServers: '没有采集任何模型服务器', noServersHint: 'Pitot 可读取 vLLM、SGLang、TGI、llama.cpp、Triton、LiteLLM 等的指标。将服务器加入配置后重新加载：', noGPUs: '没有发现 GPU', noGPUsHint: '数据来自本机的 nvidia-smi、dcgm-exporter 或 nvidia_gpu_exporter。', connect: '如何接入', showCalls: '该模型的调用', example: '配置示例', since: '平均 {{value}}',
  },
);
