// Sums of several calls: a cost says how many of them are unpriced.

import { Text, Tooltip } from '@mantine/core';
import { short, unknown, usd } from '~/format/number';
import { traces } from './messages';

export function SumCost({ usd: sum, calls, unpriced = 0, estimated }: { usd: number; calls: number; unpriced?: number; estimated?: boolean }) {
  const t = traces.useT();
  if (calls === 0) return <>{unknown}</>;
  if (unpriced >= calls) return <Text span size="xs" c="dimmed" fs="italic">{t('unpricedCount', { count: unpriced })}</Text>;
  const text = `${estimated ? '≈' : ''}${usd(sum)}`;
  if (unpriced === 0) return <span className="num">{text}</span>;
  return <Tooltip label={t('unpricedCount', { count: unpriced })}><span className="num">{text} <Text span size="xs" c="dimmed">+{unpriced}?</Text></span></Tooltip>;
}

/** Input and output tokens of calls; unknown where no call tells them. */
export function SumTokens({ calls, input, output }: { calls: number; input: number | undefined; output: number | undefined }) {
  if (calls === 0 || (input === undefined && output === undefined)) return <>{unknown}</>;
  return <span className="num">{short(input)} → {short(output)}</span>;
}
