import { SimpleGrid, Stack, Text, UnstyledButton } from '@mantine/core';
import { PromQLText } from '~/editor';
import { m } from './messages';
import classes from './query.module.css';

const examples = [
  ['example1', 'sum by (model) (rate(llm_requests_total[5m]))'],
  ['example2', 'histogram_quantile(0.95, sum by (model) (rate(llm_request_duration_seconds[5m])))'],
  ['example3', 'sum by (service) (rate(llm_requests_total{status="error"}[5m])) / sum by (service) (rate(llm_requests_total[5m]))'],
  ['example4', 'sum by (service) (rate(llm_cost_usd_total[5m])) * 3600'],
  ['example5', 'sum by (model) (rate(llm_tokens_total{type="output"}[5m]))'],
] as const;

/** What to ask first. */
export function Examples({ onChoose }: { onChoose: (expr: string) => void }) {
  const t = m.useT();
  return (
    <Stack gap={4} p="xs">
      <Text size="sm" fw={500}>{t('empty')}</Text>
      <Text size="xs" c="dimmed">{t('emptyHint')}</Text>
      <SimpleGrid cols={{ base: 1, lg: 2 }} spacing={4}>
        {examples.map(([key, expr]) => (
          <UnstyledButton key={key} className={classes.metric} onClick={() => onChoose(expr)}>
            <Text size="xs" fw={500}>{t(key)}</Text>
            <PromQLText expr={expr} />
          </UnstyledButton>
        ))}
      </SimpleGrid>
    </Stack>
  );
}
