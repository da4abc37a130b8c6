// The head of a call: which one, how it went, what it took, where it belongs.

import { Badge, Group, Text, Title, Tooltip } from '@mantine/core';
import type { ReactNode } from 'react';
import type { Call } from '~/api/types';
import { count, duration, short, unknown } from '~/format/number';
import { common } from '~/i18n/common';
import { CopyButton } from '~/ui/Copy';
import { Link } from '~/ui/Link';
import { CallStatus, Money, Tokens, When } from '~/ui/values';
import classes from './call.module.css';
import { callTexts, useNote } from './callMessages';
import { calls } from './messages';

function Fact({ name, children }: { name: string; children: ReactNode }) {
  return (
    <div className={classes.fact}>
      <Text size="xs" c="dimmed">{name}</Text>
      <div className={classes.factValue}>{children}</div>
    </div>
  );
}

export function CallHeader({ call, page }: { call: Call; page?: boolean }) {
  const t = callTexts.useT();
  const l = calls.useT();
  const c = common.useT();
  const note = useNote();
  const model = call.request_model ?? call.response_model ?? call.operation ?? call.id;
  const other = call.response_model !== undefined && call.request_model !== undefined && call.response_model !== call.request_model;
  return (
    <header className={classes.header}>
      <Group gap={8} mb={4} wrap="wrap">
        <Title order={page ? 1 : 2} fz={page ? 'lg' : 'md'} className={classes.break}>{model}</Title>
        <CallStatus call={call} />
        {call.http_status !== undefined && call.status === 'error' && <Badge size="xs" variant="default" tt="none">{t('httpStatus', { n: call.http_status })}</Badge>}
        {other && <Text size="xs" c="dimmed">{t('answeredBy', { model: call.response_model ?? '' })}</Text>}
      </Group>
      <Text size="xs" c="dimmed" mb={6} component="div">
        {[call.provider, call.operation, call.service, call.environment, call.region].filter((x) => x !== undefined && x !== '').join(' · ')}{' · '}<When time={call.time} millis />
      </Text>
      <div className={classes.facts}>
        <Fact name={c('duration')}>{duration(call.duration_seconds)}</Fact>
        {call.stream === true && <Fact name={c('ttft')}>{duration(call.ttft_seconds)}</Fact>}
        {call.stream === true && <Fact name={c('tpot')}>{duration(call.tpot_seconds)}</Fact>}
        {call.tokens_per_second !== undefined && <Fact name={c('tokensPerSecond')}>{short(call.tokens_per_second)}</Fact>}
        <Fact name={c('tokens')}>{call.usage.source === 'unknown' ? unknown : <Tokens usage={call.usage} />}</Fact>
        <Fact name={c('cost')}><Money cost={call.cost} /></Fact>
        {call.gateway_overhead_seconds !== undefined && <Fact name={t('gatewayOverhead')}>{duration(call.gateway_overhead_seconds)}</Fact>}
        {call.chunks !== undefined && call.chunks > 0 && <Fact name={t('streamed')}>{t('chunks', { count: call.chunks })}</Fact>}
      </div>
      <Group gap={10} mt={6} wrap="wrap" className={classes.ids}>
        <Group gap={2} wrap="nowrap"><Text size="xs" c="dimmed">{l('callId')}</Text><Text size="xs" ff="monospace">{call.id}</Text><CopyButton text={call.id} label={t('copyId')} /></Group>
        {call.trace_id !== undefined && <Group gap={2} wrap="nowrap"><Link size="xs" to={`/traces/${call.trace_id}${call.span_id === undefined ? '' : `?span=${call.span_id}`}`}>{t('viewTrace')} {call.trace_id.slice(0, 8)}</Link><CopyButton text={call.trace_id} label={t('copyTrace')} /></Group>}
        {call.session !== undefined && <Link size="xs" to={`/sessions/${encodeURIComponent(call.session)}`}>{t('sessionCalls')} {call.session}</Link>}
        {call.user !== undefined && <Tooltip label={t('otherCalls')}><span><Link size="xs" to={`/calls?user=${encodeURIComponent(call.user)}`}>{c('user')} {call.user}</Link></span></Tooltip>}
        {call.response_id !== undefined && <Group gap={2} wrap="nowrap"><Text size="xs" c="dimmed">{t('responseId')}</Text><Text size="xs" ff="monospace" truncate maw={140} title={call.response_id}>{call.response_id}</Text><CopyButton text={call.response_id} label={t('copyResponse')} /></Group>}
      </Group>
      {((call.tags !== undefined && Object.keys(call.tags).length > 0) || call.feature !== undefined || call.prompt_name !== undefined || call.agent !== undefined) && (
        <Group gap={4} mt={6}>
          {call.feature !== undefined && <Badge size="sm" variant="default" tt="none" fw={400}>{c('feature')}: {call.feature}</Badge>}
          {call.prompt_name !== undefined && <Badge size="sm" variant="default" tt="none" fw={400}>{c('prompt')}: {call.prompt_name}{call.prompt_version === undefined ? '' : `@${call.prompt_version}`}</Badge>}
          {call.agent !== undefined && <Badge size="sm" variant="default" tt="none" fw={400}>{c('agent')}: {call.agent}</Badge>}
          {Object.entries(call.tags ?? {}).map(([k, v]) => <Badge key={k} size="sm" variant="default" tt="none" fw={400}>{k}: {v}</Badge>)}
        </Group>
      )}
      {(call.notes?.length ?? 0) > 0 && <Group gap={4} mt={6}>{call.notes?.map((n) => <Badge key={n} size="sm" variant="light" color="orange" tt="none" fw={500} title={n} className={classes.note}>{note(n)}</Badge>)}</Group>}
      {call.weight !== undefined && call.weight > 1 && <Text size="xs" c="dimmed" mt={4}>{t('weight', { n: count(call.weight) })}</Text>}
    </header>
  );
}
