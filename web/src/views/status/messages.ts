import { defineMessages } from '~/i18n';

export const status = defineMessages(
  'status',
  {
    server: 'Server', doctor: 'Doctor', senders: 'Senders', targets: 'Scrape targets', ledger: 'Ledger', config: 'Configuration', health: 'Health', version: 'Version', started: 'Started', uptime: 'up for', dataDir: 'Data directory', listeners: 'Listeners', digest: 'Configuration digest', reloadFailed: 'The last reload failed: the configuration before it is in force', component: 'Component', detail: 'Detail',
    ok: 'well', degraded: 'needs attention', down: 'down',
    ledgerIntro: 'Per source: received = stored + in flight + dropped. What was dropped has a reason; nothing vanishes silently.', received: 'Received', stored: 'Stored', inFlight: 'In flight', dropped: 'Dropped', restored: 'restored from the journal', balanced: 'balanced', unbalanced: 'does not balance: report this', reasons: 'Reasons', emptyLedger: 'Nothing was received since the start.',
    sendersIntro: 'What each sender delivers, what it does not, and the setting that would change that.', sender: 'Sender', lastSeen: 'Last seen', spans: 'Spans', streams: 'Streams', findings: 'Findings', fields: 'Fields', noFindings: 'Everything it can deliver arrives.', setting: 'Setting', noSenders: 'No sender in this range', noSendersHint: 'Connect an application, or choose a longer range.', delivered: 'delivered', partial: 'partial', missing: 'missing', cannot: 'cannot', not_seen: 'not seen', no_data: 'no data', wrong_numbers: 'wrong numbers', cosmetic: 'cosmetic', histograms: 'Histograms too wide to use',
    job: 'Job', target: 'Target', lastScrape: 'Last scrape', scrapeTime: 'Took', labels: 'Labels', up: 'up', noTargets: 'Nothing is scraped', noTargetsHint: 'Add model_servers or prometheus.scrape_configs to the configuration.', unknown: 'not yet scraped', droppedTargets_one: '{{count}} target dropped by relabelling', droppedTargets_other: '{{count}} targets dropped by relabelling',
    configFile: 'File', loaded: 'Loaded', noFile: 'none: the defaults are in force', changed: 'Differs from the default', effective: 'In effect', default: 'Default', reload: 'Reload', reloaded: 'The configuration was read again', reloadAsk: 'Read the configuration file again? A bad one changes nothing.', warnings: 'Warnings', allDefaults: 'Every setting has its default.',
    doctorIntro: 'Looks for why data might be missing, likeliest cause first.', healthy: 'No cause was found: data arrives and is stored.', matching_one: '{{n}} call in this range', matching_other: '{{n}} calls in this range', evidence: 'Evidence', showRange: 'Show the range that has data', error: 'error', warning: 'warning', info: 'note', check: 'Check again', firstCall: 'First call', lastCall: 'Last call', storedCalls: 'Stored calls',
  },
  {
    server: '服务器', doctor: '诊断', senders: '发送端', targets: '抓取目标', ledger: '账本', config: '配置', health: '健康', version: '版本', started: '启动于', uptime: '已运行', dataDir: '数据目录', listeners: '监听地址', digest: '配置摘要', reloadFailed: '上次重载失败：仍使用之前的配置', component: '组件', detail: '详情',
    ok: '正常', degraded: '需要关注', down: '不可用',
    ledgerIntro: '按来源：接收 = 已存储 + 处理中 + 丢弃。丢弃都有原因，不会悄悄丢失数据。', received: '接收', stored: '已存储', inFlight: '处理中', dropped: '丢弃', restored: '从日志恢复', balanced: '已平衡', unbalanced: '不平衡：请报告此问题', reasons: '原因', emptyLedger: '启动以来没有收到数据。',
    sendersIntro: '每个发送端提供了什么、缺少什么，以及如何通过设置改变。', sender: '发送端', lastSeen: '最近出现', spans: 'Span', streams: '流式', findings: '发现', fields: '字段', noFindings: '它能提供的都已到达。', setting: '设置', noSenders: '该时间范围内没有发送端', noSendersHint: '接入一个应用，或选择更长的时间范围。', delivered: '已提供', partial: '部分', missing: '缺失', cannot: '无法提供', not_seen: '未出现', no_data: '无数据', wrong_numbers: '数值错误', cosmetic: '次要', histograms: '桶过宽而无法使用的直方图',
    job: 'Job', target: '目标', lastScrape: '上次抓取', scrapeTime: '耗时', labels: '标签', up: '正常', noTargets: '没有抓取目标', noTargetsHint: '在配置中添加 model_servers 或 prometheus.scrape_configs。', unknown: '尚未抓取', droppedTargets_one: '{{count}} 个目标被 relabel 丢弃', droppedTargets_other: '{{count}} 个目标被 relabel 丢弃',
    configFile: '文件', loaded: '加载于', noFile: '无：使用默认配置', changed: '与默认值不同', effective: '生效的配置', default: '默认值', reload: '重载', reloaded: '已重新读取配置', reloadAsk: '重新读取配置文件？错误的配置不会生效。', warnings: '警告', allDefaults: '所有设置均为默认值。',
    doctorIntro: '查找数据缺失的可能原因，最可能的排在最前。', healthy: '未发现问题：数据正常到达并已存储。', matching_one: '该范围内有 {{n}} 次调用', matching_other: '该范围内有 {{n}} 次调用', evidence: '依据', showRange: '显示有数据的时间范围', error: '错误', warning: '警告', info: '提示', check: '重新检查', firstCall: '首次调用', lastCall: '最近调用', storedCalls: '已存储的调用',
  },
);
