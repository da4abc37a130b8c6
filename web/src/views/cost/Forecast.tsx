import { Grid, Group, Progress, Stack, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { get } from '~/api/client';
import type { ForecastReport, PeriodForecast } from '~/api/types';
import { count, percent, usd } from '~/format/number';
import { useSettings } from '~/state/settings';
import { Panel } from '~/ui/Panel';
import { States } from '~/ui/states';
import { DayBars } from './DayBars';
import { useScope } from './data';
import { cost } from './messages';

function useForecast() {
  const { filters } = useScope();
  const { zoneName, tick } = useSettings();
  const params = { ...filters, time_zone: zoneName };
  // A new one a minute: it moves slowly.
  return useQuery({ queryKey: ['forecast', params, Math.floor(tick / 60_000)], queryFn: ({ signal }) => get<ForecastReport>('/costs/forecast', params, signal), placeholderData: (was) => was });
}

/** Whole days that a forecast of a period takes. */
const needed = { day: 3, month: 7 } as const;

function Period({ p, days }: { p: PeriodForecast; days: number }) {
  const t = cost.useT();
  const known = p.forecast_usd !== undefined;
  const end = Math.max(p.high_usd ?? 0, p.forecast_usd ?? 0, p.spent_usd, 1e-12);
  return (
    <Stack gap={4}>
      <Text size="xs" fw={600}>{p.period === 'day' ? t('today') : t('thisMonth')}</Text>
      <Group gap="lg" align="baseline">
        <span><Text span fz={20} fw={650} className="num">{usd(p.spent_usd)}</Text> <Text span size="xs" c="dimmed">{t('soFar')}</Text></span>
        {known && <span><Text span fz={20} fw={650} className="num">≈{usd(p.forecast_usd)}</Text> <Text span size="xs" c="dimmed">{t('expected')} ({t('between', { low: usd(p.low_usd), high: usd(p.high_usd) })})</Text></span>}
      </Group>
      {known && (
        <Progress.Root size="lg" aria-label={`${usd(p.spent_usd)} ${t('soFar')}, ${usd(p.forecast_usd)} ${t('expected')}`}>
          <Progress.Section value={(p.spent_usd / end) * 100} aria-label={t('soFar')} />
          <Progress.Section value={(Math.max(0, (p.forecast_usd ?? 0) - p.spent_usd) / end) * 100} color="pitot.3" striped aria-label={t('expected')} />
        </Progress.Root>
      )}
      {!known && <Text size="xs" c="dimmed">{t('tooLittle', { have: count(days), need: needed[p.period] })}</Text>}
      <Text size="xs" c="dimmed">
        {[
          p.previous_usd === undefined ? '' : t('before', { usd: usd(p.previous_usd) }),
          p.previous_so_far_usd === undefined ? '' : t('beforeSoFar', { usd: usd(p.previous_so_far_usd) }),
          p.method === undefined ? '' : t(`method_${p.method}`),
          p.unpriced_calls > 0 ? t('sumNote', { unpriced: count(p.unpriced_calls) }) : '',
        ].filter((x) => x !== '').join(' · ')}
      </Text>
    </Stack>
  );
}

/** What the day and the month will have cost. */
export function Forecast() {
  const t = cost.useT();
  const query = useForecast();
  const level = query.data?.periods.find((p) => p.level !== undefined)?.level;
  return (
    <Panel title={t('forecast')} description={`${t('forecastHelp', { level: percent(level ?? 0.8) })} ${t('forecastFilters')}`} busy={query.isFetching} actions={query.data === undefined ? undefined : <Text size="xs" c="dimmed">{t('zone', { zone: query.data.time_zone })}</Text>}>
      <States query={query} height={150}>
        {(d) => (
          <Grid gap="lg">
            <Grid.Col span={{ base: 12, md: 5 }}><Stack gap="md">{d.periods.map((p) => <Period key={p.period} p={p} days={d.history_days} />)}</Stack></Grid.Col>
            <Grid.Col span={{ base: 12, md: 7 }}><DayBars history={d.history} today={d.periods.find((p) => p.period === 'day')} zone={d.time_zone} /></Grid.Col>
          </Grid>
        )}
      </States>
    </Panel>
  );
}
