import { Badge, Group, Paper, SegmentedControl, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { Link as RouterLink, useSearch } from 'wouter';
import { useLanguage } from '~/i18n';
import { common } from '~/i18n/common';
import { useParam, withRange } from '~/state/url';
import type { Dashboard } from '~/ui/prom/definition';
import { States } from '~/ui/states';
import classes from './grid.module.css';
import { messages, roleNames, type Role } from './messages';
import { useDashboards } from './useDashboards';

const roles = Object.keys(roleNames) as Role[];

export function DashboardList() {
  const t = messages.useT();
  const c = common.useT();
  const q = useDashboards();
  const [role, setRole] = useParam('role');
  return (
    <Stack gap="sm">
      <Group justify="space-between">
        <div>
          <Title order={1} fz="lg">{c('dashboards')}</Title>
          <Text size="sm" c="dimmed">{t('intro')}</Text>
        </div>
        <SegmentedControl size="xs" aria-label={t('forRole')} value={role} onChange={(v) => setRole(v, { push: true })} data={[{ value: '', label: t('everyone') }, ...roles.map((r) => ({ value: r, label: t(roleNames[r]) }))]} />
      </Group>
      <States query={q}>
        {(all) => {
          const shown = all.filter((d) => role === '' || d.roles.includes(role));
          // A role's own page has the role's name.
          const own = shown.filter((d) => (roles as string[]).includes(d.id));
          const rest = shown.filter((d) => !own.includes(d));
          return (
            <>
              <Cards title={t('rolePages')} list={own} />
              <Cards title={t('general')} list={rest} />
            </>
          );
        }}
      </States>
    </Stack>
  );
}

function Cards({ title, list }: { title: string; list: readonly Dashboard[] }) {
  const t = messages.useT();
  const language = useLanguage();
  const search = useSearch();
  if (list.length === 0) return null;
  return (
    <section aria-label={title}>
      <Text size="xs" fw={600} c="dimmed" mb={6}>{title}</Text>
      <SimpleGrid cols={{ base: 1, sm: 2, md: 3, xl: 4 }} spacing="sm">
        {list.map((d) => (
          <Paper key={d.id} withBorder radius="md" p="sm" component={RouterLink} href={withRange(`/dashboards/${d.id}${firstRange(d)}`, search)} className={classes.card}>
            <Stack gap={6} h="100%" justify="space-between">
              <div>
                <Text size="sm" fw={600}>{d.title[language]}</Text>
                <Text size="xs" c="dimmed" mt={2}>{d.description[language]}</Text>
              </div>
              <Group gap={4}>
                {roles.filter((r) => d.roles.includes(r)).map((r) => <Badge key={r} size="xs" variant="light" tt="none">{t(roleNames[r])}</Badge>)}
                <Text size="xs" c="dimmed" ml="auto">{t('panels', { count: d.rows.reduce((n, r) => n + r.panels.length, 0) })}</Text>
              </Group>
            </Stack>
          </Paper>
        ))}
      </SimpleGrid>
    </section>
  );
}

/** The range that a dashboard is first shown with, where it is not the usual hour. */
function firstRange(d: Dashboard): string {
  const start = d.from.replace(/^now/, '');
  return start === '-1h' || start === '' ? '' : `?start=${encodeURIComponent(start)}`;
}
