// How a value of a kind is shown everywhere: a time, a cost with its state, a status.

import { Badge, Text, Tooltip } from '@mantine/core';
import type { Call, Cost, Usage } from '~/api/types';
import { duration, count, short, unknown, usd } from '~/format/number';
import { ago, compact, dateTime } from '~/format/time';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';

/** A moment as it was chosen to be shown; the whole of it on hover. */
export function When({ time, millis }: { time: string | number | undefined; millis?: boolean }) {
  const { zone, relative, tick, zoneName } = useSettings();
  if (time === undefined) return <>{unknown}</>;
  const ms = typeof time === 'number' ? time : Date.parse(time);
  const full = `${dateTime(ms, zone, { millis: true })} ${zoneName}`;
  return (
    <Tooltip label={relative ? full : `${full} · ${ago(ms, tick)}`} openDelay={400}>
      <time dateTime={new Date(ms).toISOString()} style={{ whiteSpace: 'nowrap', fontVariantNumeric: 'tabular-nums' }}>{relative ? ago(ms, tick) : millis ? dateTime(ms, zone, { millis: true }) : compact(ms, zone, tick)}</time>
    </Tooltip>
  );
}

export function Duration({ seconds }: { seconds: number | undefined }) {
  return <span style={{ whiteSpace: 'nowrap', fontVariantNumeric: 'tabular-nums' }}>{duration(seconds)}</span>;
}

/** A cost never hides its state: estimated is marked, unpriced says so. */
export function Money({ cost }: { cost: Cost }) {
  const t = common.useT();
  if (cost.usd === undefined) {
    return (
      <Tooltip label={cost.reason ?? t('unpriced')}>
        <Text span size="xs" c="dimmed" fs="italic">{t('unpriced')}</Text>
      </Tooltip>
    );
  }
  return (
    <Tooltip label={`${t(cost.state)}${cost.rule === undefined ? '' : ` · ${cost.rule}`}`} openDelay={400}>
      <span style={{ whiteSpace: 'nowrap', fontVariantNumeric: 'tabular-nums' }}>{cost.state === 'estimated' ? '≈' : ''}{usd(cost.usd)}</span>
    </Tooltip>
  );
}

/** input → output tokens */
export function Tokens({ usage }: { usage: Usage }) {
  return (
    <Tooltip label={`${count(usage.input_tokens)} → ${count(usage.output_tokens)} (${usage.source})`} openDelay={400}>
      <span style={{ whiteSpace: 'nowrap', fontVariantNumeric: 'tabular-nums' }}>{usage.source === 'estimated' ? '≈' : ''}{short(usage.input_tokens)} → {short(usage.output_tokens)}</span>
    </Tooltip>
  );
}

export function CallStatus({ call }: { call: Pick<Call, 'status' | 'error_type' | 'http_status'> }) {
  const t = common.useT();
  if (call.status === 'ok') return <Badge size="xs" variant="light" color="green">{t('ok')}</Badge>;
  return <Badge size="xs" variant="light" color="red" tt="none" title={call.http_status === undefined ? undefined : `HTTP ${call.http_status}`}>{call.error_type ?? t('error')}</Badge>;
}

export type Level = 'ok' | 'warning' | 'critical' | 'muted';

export const levelColor: Record<Level, string> = { ok: 'green', warning: 'orange', critical: 'red', muted: 'gray' };

export function LevelBadge({ level, children }: { level: Level; children: React.ReactNode }) {
  return <Badge size="sm" variant="light" color={levelColor[level]} tt="none">{children}</Badge>;
}
