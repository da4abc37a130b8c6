import { defineMessages } from '~/i18n';

export const app = defineMessages(
  'app',
  {
    watch: 'Watch', explore: 'Explore', understand: 'Understand', server: 'Server', menu: 'Navigation', toggleMenu: 'Open or close the navigation',
    language: 'Language', theme: 'Theme', light: 'Light', dark: 'Dark', system: 'As the system', timeZone: 'Time zone', local: 'Local', relative: 'Relative times', refreshEvery: 'Refresh', off: 'Off', refreshNow: 'Refresh now', settings: 'Settings',
    timeRange: 'Time range', last: 'Last {{d}}', custom: 'Absolute range', apply: 'Apply', start: 'Start', end: 'End', timeHelp: '-2h, now, 2026-01-31 14:00 or a Unix time', badTime: 'Not a time', startAfterEnd: 'The start must be before the end', zoomOut: 'Zoom out', earlier: 'Earlier', later: 'Later', live: 'live',
    palette: 'Commands', palettePlaceholder: 'Go to a page, a call, a trace, or run a command', paletteNothing: 'Nothing matches', goTo: 'Go to {{page}}', openCall: 'Open call {{id}}', openTrace: 'Open trace {{id}}', searchCalls: 'Search calls for “{{text}}”',
    keyboard: 'Keyboard shortcuts', keyPalette: 'Commands', keyHelp: 'This help', keyRefresh: 'Refresh', keySearch: 'Go to the search field', keyTable: 'Next / previous row', keyOpen: 'Open the row', keyClose: 'Close the panel', keyTime: 'Earlier / later', keyZoom: 'Zoom out', keyTheme: 'Light / dark', keyLanguage: 'English / Chinese', then: 'then',
    crashedHint: 'The rest of Pitot goes on. What went wrong:', reload: 'Load the page anew', noPage: 'There is no such page', home: 'To the overview', degraded: 'Pitot itself needs attention', down: 'Pitot is not well',
    kiosk: 'Wall display', leaveKiosk: 'Leave the wall display', 
  },
  {
    watch: '监控', explore: '探索', understand: '分析', server: '服务器', menu: '导航', toggleMenu: '打开或关闭导航',
    language: '语言', theme: '主题', light: '浅色', dark: '深色', system: '跟随系统', timeZone: '时区', local: '本地', relative: '相对时间', refreshEvery: '刷新', off: '关闭', refreshNow: '立即刷新', settings: '设置',
    timeRange: '时间范围', last: '最近 {{d}}', custom: '绝对时间', apply: '应用', start: '开始', end: '结束', timeHelp: '-2h、now、2026-01-31 14:00 或 Unix 时间', badTime: '不是有效的时间', startAfterEnd: '开始时间必须早于结束时间', zoomOut: '缩小', earlier: '更早', later: '更晚', live: '实时',
    palette: '命令', palettePlaceholder: '前往页面、调用、链路，或执行命令', paletteNothing: '没有匹配项', goTo: '前往{{page}}', openCall: '打开调用 {{id}}', openTrace: '打开链路 {{id}}', searchCalls: '在调用中搜索“{{text}}”',
    keyboard: '键盘快捷键', keyPalette: '命令', keyHelp: '本帮助', keyRefresh: '刷新', keySearch: '跳到搜索框', keyTable: '下一行 / 上一行', keyOpen: '打开该行', keyClose: '关闭面板', keyTime: '更早 / 更晚', keyZoom: '缩小时间范围', keyTheme: '浅色 / 深色', keyLanguage: '英文 / 中文', then: '然后',
    crashedHint: 'Pitot 的其他部分仍在运行。错误信息：', reload: '重新加载页面', noPage: '没有这个页面', home: '前往总览', degraded: 'Pitot 自身需要关注', down: 'Pitot 状态异常',
    kiosk: '大屏模式', leaveKiosk: '退出大屏模式', 
  },
);
