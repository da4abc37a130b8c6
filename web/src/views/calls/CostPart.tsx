// Usage and what it cost, component by component.

import { Anchor, Badge, Group, Stack, Table, Text, Tooltip } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ApiError, get } from '~/api/client';
import type { components } from '~/api/schema';
import type { Call, Usage } from '~/api/types';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { safeLink } from '~/content/links';
import { count, duration, percent, usd } from '~/format/number';
import { common } from '~/i18n/common';
import { Link } from '~/ui/Link';
import { Failure, Loading } from '~/ui/states';
import { Money } from '~/ui/values';
import classes from './call.module.css';
import { callTexts } from './callMessages';
import { usageParts, type PartName } from './usage';

type PriceExplanation = components['schemas']['PriceExplanation'];
type Explanation = components['schemas']['CostExplanation'];

export function CostPart({ call }: { call: Call }) {
  return (
    <Stack gap="md">
      <UsageBars usage={call.usage} />
      <CostExplained call={call} />
    </Stack>
  );
}

function useColour(): (p: PartName) => string {
  const scheme = useScheme();
  const m = meaning[scheme];
  return (p) => ({ fresh: m.input, cache_read: m.cache, cache_write: m.warning, input_audio: m.muted, answer: m.output, reasoning: m.reasoning, output_audio: m.muted })[p];
}

function UsageBars({ usage }: { usage: Usage }) {
  const t = callTexts.useT();
  const c = common.useT();
  const colour = useColour();
  const parts = usageParts(usage);
  const total = (usage.input_tokens ?? 0) + (usage.output_tokens ?? 0);
  const others: [string, string][] = [];
  if (usage.images !== undefined) others.push([t('images'), count(usage.images)]);
  if (usage.searches !== undefined) others.push([t('searches'), count(usage.searches)]);
  if (usage.characters !== undefined) others.push([t('characters'), count(usage.characters)]);
  if (usage.audio_seconds !== undefined) others.push([t('audioSeconds'), duration(usage.audio_seconds)]);
  return (
    <section aria-label={t('usage')}>
      <Group gap={6} mb={4}>
        <Text size="sm" fw={600}>{t('usage')}</Text>
        <Badge size="xs" variant="light" color={usage.source === 'reported' ? 'green' : 'orange'} tt="none">{c(usage.source)}</Badge>
      </Group>
      {usage.source === 'unknown' && <Text size="sm" c="dimmed">{t('usageUnknown')}</Text>}
      {usage.source === 'estimated' && <Text size="xs" c="dimmed" mb={4}>{t('usageEstimated')}</Text>}
      {total > 0 && (
        <div className={classes.bar} role="img" aria-label={`${t('usageBar')}: ${parts.map((p) => `${t(p.name)} ${count(p.tokens)}`).join(', ')}`}>
          {parts.map((p) => <Tooltip key={p.name} label={`${t(p.name)}: ${count(p.tokens)} (${percent(p.tokens / total)})`}><span style={{ width: `${(p.tokens / total) * 100}%`, background: colour(p.name) }} data-side={p.side} /></Tooltip>)}
        </div>
      )}
      <div className={classes.usage}>
        {(['input', 'output'] as const).map((side) => usage[`${side}_tokens`] !== undefined && (
          <div key={side}>
            <Text size="xs" fw={600}>{c(side === 'input' ? 'inputTokens' : 'outputTokens')}: {usage.source === 'estimated' ? '≈' : ''}{count(usage[`${side}_tokens`])}</Text>
            {parts.filter((p) => p.side === side).map((p) => (
              <Group key={p.name} gap={6} wrap="nowrap"><span className={classes.swatch} style={{ background: colour(p.name) }} aria-hidden /><Text size="xs" c="dimmed">{t(p.name)}</Text><Text size="xs" ml="auto" className="num">{count(p.tokens)}</Text></Group>
            ))}
          </div>
        ))}
      </div>
      {usage.cache_read_tokens !== undefined && usage.cache_read_tokens > 0 && usage.input_tokens !== undefined && usage.input_tokens > 0 && <Text size="xs" c="dimmed" mt={2}>{t('ofInput', { p: percent(usage.cache_read_tokens / usage.input_tokens) })}</Text>}
      {others.map(([k, v]) => <Text key={k} size="xs">{k}: {v}</Text>)}
    </section>
  );
}

function CostExplained({ call }: { call: Call }) {
  const t = callTexts.useT();
  const c = common.useT();
  const q = useQuery({ queryKey: ['prices', 'explain', call.id], queryFn: ({ signal }) => get<PriceExplanation>('/prices/explain', { call_id: call.id }, signal), staleTime: 60_000 });
  const absent = q.error instanceof ApiError && q.error.status === 404;
  return (
    <section aria-label={c('cost')}>
      <Group gap={6} mb={4}>
        <Text size="sm" fw={600}>{c('cost')}</Text>
        <Text size="sm" fw={600} component="div"><Money cost={call.cost} /></Text>
        <Badge size="xs" variant="light" color={call.cost.state === 'unpriced' ? 'gray' : call.cost.state === 'estimated' ? 'orange' : 'green'} tt="none">{c(call.cost.state)}</Badge>
      </Group>
      {call.cost.rule !== undefined && <Text size="xs" c="dimmed">{t('rule')}: <span className="mono">{call.cost.rule}</span></Text>}
      <Reason call={call} />
      {q.data !== undefined ? <Answer answer={q.data} /> : absent ? <Text size="xs" c="dimmed">{t('noExplain')}</Text> : q.error ? <Failure error={q.error} compact retry={() => void q.refetch()} /> : <Loading height={80} />}
    </section>
  );
}

function Reason({ call }: { call: Call }) {
  const t = callTexts.useT();
  const r = call.cost.reason;
  if (r === undefined) return null;
  return (
    <Group gap={8}>
      <Text size="xs" c="dimmed">{r === 'unknown_model' || r === 'unknown_usage' || r === 'unknown_price' ? t(`reason_${r}`) : r}</Text>
      {call.cost.state === 'unpriced' && r !== 'unknown_usage' && <Link size="xs" to="/cost/unpriced">{t('wouldPrice')}</Link>}
    </Group>
  );
}

function Answer({ answer }: { answer: PriceExplanation }) {
  const t = callTexts.useT();
  const e = answer.explanation;
  const now = usd(e.cost.usd);
  return (
    <>
      {answer.comparison !== undefined && answer.comparison !== 'same' && <Text size="xs" mb={4}>{t(`comparison_${answer.comparison}`, { now, stored: usd(answer.stored?.usd) })}</Text>}
      <Components e={e} />
      <Facts e={e} />
      {answer.comparison === 'same' && <Text size="xs" c="dimmed" mt={4}>{t('comparison_same')}</Text>}
      {e.notes?.map((n) => <Text key={n} size="xs" c="dimmed" mt={4}><span lang="en">{n}</span></Text>)}
    </>
  );
}

function useKind(): (kind: string) => string {
  const t = callTexts.useT();
  return (k) => (k === 'input' || k === 'output' || k === 'cache_read' || k === 'cache_write' || k === 'cache_write_1h' || k === 'reasoning' ? t(`kind_${k}`) : k.replaceAll('_', ' '));
}

function useUnit(): (unit: string) => string {
  const t = callTexts.useT();
  return (u) => {
    switch (u) {
      case 'million tokens': return t('unit_million_tokens');
      case 'image': return t('unit_image');
      case 'minute': case 'audio minute': return t('unit_minute');
      case 'million characters': return t('unit_million_characters');
      case 'thousand searches': return t('unit_thousand_searches');
      case 'thousand requests': return t('unit_request');
      default: return u;
    }
  };
}

function Components({ e }: { e: Explanation }) {
  const t = callTexts.useT();
  const c = common.useT();
  const kind = useKind();
  const unit = useUnit();
  if (e.components === undefined || e.components.length === 0) return null;
  const sum = e.components.reduce((n, x) => n + x.usd, 0);
  return (
    <div className={classes.scroll} tabIndex={0} role="group" aria-label={c('cost')}>
      <Table fz="xs" verticalSpacing={2} horizontalSpacing={6} withRowBorders={false} className={classes.components}>
        <Table.Thead><Table.Tr><Table.Th>{t('component')}</Table.Th><Table.Th ta="right">{t('quantity')}</Table.Th><Table.Th ta="right">{t('unitPrice')}</Table.Th><Table.Th ta="right">{t('amount')}</Table.Th><Table.Th w={70} /></Table.Tr></Table.Thead>
        <Table.Tbody>
          {e.components.map((x) => (
            <Table.Tr key={x.kind}>
              <Table.Td>{kind(x.kind)}{x.priced_as !== undefined && <Text span size="xs" c="dimmed"> ({t('pricedAs', { kind: kind(x.priced_as) })})</Text>}</Table.Td>
              <Table.Td ta="right" className="num">{count(x.quantity)}</Table.Td>
              <Table.Td ta="right" className="num">{t('perUnit', { price: usd(x.unit_price), unit: unit(x.unit) })}</Table.Td>
              <Table.Td ta="right" className="num">{usd(x.usd)}</Table.Td>
              <Table.Td><span className={classes.share} style={{ width: `${sum > 0 ? (x.usd / sum) * 100 : 0}%` }} aria-hidden /></Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
        <Table.Tfoot><Table.Tr><Table.Th colSpan={3}>{c('total')}</Table.Th><Table.Th ta="right">{usd(e.cost.usd ?? sum)}</Table.Th><Table.Th /></Table.Tr></Table.Tfoot>
      </Table>
    </div>
  );
}

function Facts({ e }: { e: Explanation }) {
  const t = callTexts.useT();
  const source = safeLink(e.source);
  const facts = [
    e.origin === undefined ? '' : t(`origin_${e.origin}`),
    e.match === undefined ? '' : `${t(`match_${e.match}`)}${e.matched_model === undefined ? '' : ` ${e.matched_model}`}`,
    e.since === undefined ? '' : t('ruleSince', { date: e.since.slice(0, 10) }),
    e.checked === undefined ? '' : t('ruleChecked', { date: e.checked.slice(0, 10) }),
    e.context_above === undefined ? '' : t('contextAbove', { n: count(e.context_above) }),
    e.service_tier === undefined ? '' : t('tierOf', { tier: e.service_tier }),
    e.off_peak === true ? t('offPeak') : '',
    e.region_factor === undefined || e.region_factor === 1 ? '' : t('regionFactor', { region: e.region ?? '', factor: e.region_factor }),
  ].filter((x) => x !== '');
  if (facts.length === 0 && source === undefined) return null;
  return <Text size="xs" c="dimmed" mt={4}>{facts.join(' · ')}{source !== undefined && <> · <Anchor size="xs" underline="always" href={source} target="_blank" rel="noopener noreferrer">{t('ruleSource')}</Anchor></>}</Text>;
}
