// What the server says of its rules and judges: how many answers were drawn, what
// judges spent today against their caps, and what went wrong last.

import { Group, Stack, Table, Text, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import type { EvaluatorsReport } from '~/api/types';
import { count, percent, usd } from '~/format/number';
import { defineMessages } from '~/i18n';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { curl } from '~/ui/Copy';
import { Panel } from '~/ui/Panel';
import { States } from '~/ui/states';
import { LevelBadge, When, type Level } from '~/ui/values';

const judgeStatus = defineMessages(
  'judgeStatus',
  {
    title: 'Status of rules and judges', help: 'Counted since the server’s start; dollars are today’s, UTC.', rulesLine: 'Rules judge {{share}} of the answers: {{sampled}} drawn, {{waiting}} waiting. Stored: {{stored}}.', stored_failed: 'what failed', stored_all: 'all', stored_none: 'nothing',
    none: 'No judge is configured.', model: 'Model', share: 'Share', sampled: 'Drawn', judged: 'Judged', bad: 'Found bad', spent: 'Spent today', spentAll: 'All judges: {{spent}} of {{cap}} today.', lastError: 'Last error', ofCap: '{{spent}} of {{cap}}', through: 'through {{upstream}}', waitingFor: '{{n}} waiting', unpriced: '{{n}} unpriced',
    own: 'own instructions', state_waiting: 'Waiting', state_ok: 'Well', state_failed: 'Failing', state_paused: 'Paused', dropped: 'Left out: {{list}}.', ruleList: 'Rules that are on: {{list}}.',
  },
  {
    title: '规则与评判模型的状态', help: '计数自服务器启动起；金额为当天（UTC）。', rulesLine: '规则评判 {{share}} 的回答：已抽取 {{sampled}}，等待 {{waiting}}。保存：{{stored}}。', stored_failed: '未通过的', stored_all: '全部', stored_none: '不保存',
    none: '未配置评判模型。', model: '模型', share: '比例', sampled: '已抽取', judged: '已评判', bad: '判为差', spent: '今日花费', spentAll: '全部评判模型今日：{{spent}}，上限 {{cap}}。', lastError: '最近的错误', ofCap: '{{spent}} / {{cap}}', through: '经由 {{upstream}}', waitingFor: '{{n}} 个等待中', unpriced: '{{n}} 个未定价',
    own: '自定义说明', state_waiting: '等待中', state_ok: '正常', state_failed: '出错', state_paused: '已暂停', dropped: '略去：{{list}}。', ruleList: '启用的规则：{{list}}。',
  },
);

type Judge = EvaluatorsReport['judges'][number];

const levels: Record<Judge['state'], Level> = { ok: 'ok', waiting: 'muted', failed: 'critical', paused: 'warning' };

function JudgeRow({ j }: { j: Judge }) {
  const t = judgeStatus.useT();
  return (
    <Table.Tr>
      <Table.Td fw={500}>{j.name}<Text size="xs" c="dimmed">{j.rubric ?? t('own')}</Text></Table.Td>
      <Table.Td><LevelBadge level={levels[j.state]}>{t(`state_${j.state}`)}</LevelBadge>{j.detail !== undefined && <Text size="xs" c="dimmed" maw={260}>{j.detail}</Text>}</Table.Td>
      <Table.Td>{j.model}<Text size="xs" c="dimmed">{t('through', { upstream: j.upstream })}</Text></Table.Td>
      <Table.Td ta="right" className="num">{percent(j.share)}</Table.Td>
      <Table.Td ta="right" className="num">{count(j.sampled)}{j.waiting > 0 && <Text size="xs" c="dimmed">{t('waitingFor', { n: count(j.waiting) })}</Text>}</Table.Td>
      <Table.Td ta="right" className="num">{count(j.judged)}</Table.Td>
      <Table.Td ta="right" className="num">{count(j.failed)}</Table.Td>
      <Table.Td ta="right" className="num"><Tooltip label={percent(j.cap_usd > 0 ? j.spent_today_usd / j.cap_usd : undefined)}><span>{t('ofCap', { spent: usd(j.spent_today_usd), cap: usd(j.cap_usd) })}</span></Tooltip>{(j.unpriced_calls_today ?? 0) > 0 && <Text size="xs" c="dimmed">{t('unpriced', { n: count(j.unpriced_calls_today) })}</Text>}</Table.Td>
      <Table.Td>{j.last_error === undefined ? '–' : <><Text size="xs" style={{ overflowWrap: 'anywhere' }} maw={260}>{j.last_error}</Text><Text size="xs" c="dimmed"><When time={j.last_error_at} /></Text></>}</Table.Td>
    </Table.Tr>
  );
}

export function JudgeStatus() {
  const t = judgeStatus.useT();
  const c = common.useT();
  const { tick } = useSettings();
  const query = useQuery({ queryKey: ['evaluators', Math.floor(tick / 5000)], queryFn: ({ signal }) => get<EvaluatorsReport>('/evaluators', undefined, signal), placeholderData: (was) => was });
  return (
    <Panel title={t('title')} description={t('help')} busy={query.isFetching} curl={curl('/evaluators')}>
      <States query={query} height={100}>
        {(d) => {
          const dropped = Object.entries(d.dropped ?? {}).filter(([, n]) => n > 0);
          return (
            <Stack gap="xs">
              <Text size="sm">{t('rulesLine', { share: percent(d.share), sampled: count(d.sampled), waiting: count(d.waiting), stored: t(`stored_${d.stored}`) })}</Text>
              {d.rules.length > 0 && <Text size="xs" c="dimmed" style={{ overflowWrap: 'anywhere' }}>{t('ruleList', { list: d.rules.map((r) => `${r.name} ${count(r.failed)}/${count(r.judged)}`).join(' · ') })}</Text>}
              {d.judges.length === 0 ? <Text size="sm" c="dimmed">{t('none')}</Text> : (
                <Table.ScrollContainer minWidth={860} type="native">
                  <Table fz="sm" verticalSpacing={4} aria-label={t('title')}>
                    <Table.Thead><Table.Tr><Table.Th>{c('name')}</Table.Th><Table.Th>{c('state')}</Table.Th><Table.Th>{t('model')}</Table.Th><Table.Th ta="right">{t('share')}</Table.Th><Table.Th ta="right">{t('sampled')}</Table.Th><Table.Th ta="right">{t('judged')}</Table.Th><Table.Th ta="right">{t('bad')}</Table.Th><Table.Th ta="right">{t('spent')}</Table.Th><Table.Th>{t('lastError')}</Table.Th></Table.Tr></Table.Thead>
                    <Table.Tbody>{d.judges.map((j) => <JudgeRow key={j.name} j={j} />)}</Table.Tbody>
                  </Table>
                </Table.ScrollContainer>
              )}
              <Group gap="xs"><Text size="xs" c="dimmed">{d.judges.length > 0 && t('spentAll', { spent: usd(d.spent_today_usd), cap: usd(d.cap_usd) })} {dropped.length > 0 && t('dropped', { list: dropped.map(([reason, n]) => `${reason} ${count(n)}`).join(', ') })}</Text></Group>
            </Stack>
          );
        }}
      </States>
    </Panel>
  );
}
