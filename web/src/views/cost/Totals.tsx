import { SimpleGrid } from '@mantine/core';
import { count, short, usd } from '~/format/number';
import type { Group } from '~/api/types';
import { useParams } from '~/state/url';
import { Loading, Failure } from '~/ui/states';
import { Stat } from '~/ui/Stat';
import { useCourse, useTotals } from './data';
import { costOf, unpricedOf } from './groups';
import { cost } from './messages';

const empty: Group['totals'] = { calls: 0, errors: 0, input_tokens: 0, output_tokens: 0, cost_usd: 0 };

const perCall = (t: Group['totals'] | undefined) => {
  const priced = t === undefined ? 0 : t.calls - unpricedOf(t);
  return t === undefined || priced === 0 ? undefined : t.cost_usd / priced;
};

/** What the range cost in all, beside the range before. */
export function Totals() {
  const t = cost.useT();
  const [params] = useParams();
  const { now, before } = useTotals();
  const course = useCourse();
  if (now.data === undefined) return now.error ? <Failure error={now.error} retry={() => void now.refetch()} /> : <Loading height={92} />;
  const a = now.data.groups[0]?.totals ?? empty;
  const b = before.data?.groups[0]?.totals;
  // A period before in which there was nothing is no measure.
  const was = b === undefined || b.calls === 0 ? undefined : b;
  const s = course.data?.series?.[0];
  const estimated = a.by_state?.['estimated']?.cost_usd ?? 0;
  const unpriced = unpricedOf(a);
  const q = new URLSearchParams(params);
  q.delete('by');
  return (
    <SimpleGrid cols={{ base: 1, xs: 2, lg: 4 }} spacing="sm">
      <Stat title={t('total')} value={a.calls === 0 ? 0 : costOf(a)} before={was === undefined ? undefined : costOf(was)} unit="usd" better="less" values={s?.cost_usd} note={estimated > 0 ? t('statesNote', { usd: usd(estimated) }) : t('callsNote', { count: a.calls, n: short(a.calls) })} />
      <Stat title={t('perCall')} description={t('perCallHelp')} value={perCall(a)} before={perCall(was)} unit="usd" better="less" values={s?.cost_usd?.map((v, i) => ((s.calls[i] ?? 0) > 0 ? v / (s.calls[i] ?? 1) : null))} note={t('ofCalls', { n: count(a.calls) })} />
      <Stat title={t('tokensTotal')} description={t('tokensHelp')} value={a.input_tokens + a.output_tokens} before={was === undefined ? undefined : was.input_tokens + was.output_tokens} unit="tokens" values={s?.input_tokens?.map((v, i) => v + (s.output_tokens?.[i] ?? 0))} note={t('inOut', { input: short(a.input_tokens), output: short(a.output_tokens) })} />
      <Stat title={t('unpricedCalls')} description={t('unpricedHelp')} value={unpriced} before={was === undefined ? undefined : unpricedOf(was)} unit="count" better="less" level={unpriced > 0 ? 'warning' : undefined} note={t('ofCalls', { n: count(a.calls) })} to={unpriced > 0 ? `/cost/unpriced?${q.toString()}` : undefined} />
    </SimpleGrid>
  );
}
