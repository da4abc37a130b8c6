import { Group, Stack, Text, Title } from '@mantine/core';
import { IconArrowLeft } from '@tabler/icons-react';
import { useLanguage } from '~/i18n';
import { useTime } from '~/state/time';
import { useParam } from '~/state/url';
import type { Chosen, Dashboard } from '~/ui/prom/definition';
import { Link } from '~/ui/Link';
import { Pick } from '~/ui/Pick';
import { Empty, States } from '~/ui/states';
import { InView } from '~/ui/InView';
import { DashboardPanel, heightOf } from './DashboardPanel';
import classes from './grid.module.css';
import { messages } from './messages';
import { useDashboards } from './useDashboards';
import { choosable, minStep, useChosen, useOptions } from './variables';

export function DashboardPage({ id }: { id: string }) {
  const t = messages.useT();
  const q = useDashboards();
  return (
    <States query={q}>
      {(all) => {
        const d = all.find((x) => x.id === id || x.uid === id);
        return d === undefined ? <Empty height={260} title={t('none', { id })} hint={t('noneHint')} action={<Link to="/dashboards" size="sm">{t('back')}</Link>} /> : <Loaded dashboard={d} />;
      }}
    </States>
  );
}

function Loaded({ dashboard: d }: { dashboard: Dashboard }) {
  const t = messages.useT();
  const language = useLanguage();
  const [kiosk] = useParam('kiosk');
  const [chosen, choose] = useChosen(d.variables);
  const summary = choosable(d.variables).flatMap((v) => (chosen[v.name]?.length && v.kind === 'label' ? [`${v.label[language]}: ${chosen[v.name]?.join(', ')}`] : []));
  return (
    <Stack gap={4}>
      <Group justify="space-between" align="flex-start" gap="xs">
        <div>
          {kiosk !== '1' && <Link to="/dashboards" size="xs"><Group gap={4} component="span"><IconArrowLeft size={12} />{t('back')}</Group></Link>}
          <Title order={1} fz="lg">{d.title[language]}</Title>
          {kiosk !== '1' ? <Text size="xs" c="dimmed" title={t('inGrafana', { uid: d.uid })}>{d.description[language]}</Text> : summary.length > 0 && <Text size="sm" c="dimmed">{summary.join(' · ')}</Text>}
        </div>
        {kiosk !== '1' && <Variables dashboard={d} chosen={chosen} choose={choose} />}
      </Group>
      <Rows dashboard={d} chosen={chosen} />
    </Stack>
  );
}

function Variables({ dashboard, chosen, choose }: { dashboard: Dashboard; chosen: Chosen; choose: (name: string, values: string[]) => void }) {
  const t = messages.useT();
  const language = useLanguage();
  const { range } = useTime();
  const options = useOptions(dashboard.variables, chosen, range);
  return (
    <Group gap={6} role="group" aria-label={t('variables')}>
      {choosable(dashboard.variables).map((v) => (
        <Pick
          key={v.name}
          label={v.label[language]}
          chosen={v.kind === 'custom' && chosen[v.name]?.[0] === v.default ? [] : (chosen[v.name] ?? [])}
          initial={v.kind === 'custom' ? v.default : undefined}
          single={!v.multi}
          options={(v.kind === 'custom' ? (v.values ?? []) : (options.get(v.name) ?? [])).map((value) => ({ value }))}
          onChange={(values) => choose(v.name, v.kind === 'custom' && values[0] === v.default ? [] : values)}
        />
      ))}
    </Group>
  );
}

/** The rows of a dashboard, or those with these panels. */
export function Rows({ dashboard: d, chosen, only, titles = true }: { dashboard: Dashboard; chosen: Chosen; only?: (panelID: string) => boolean; titles?: boolean }) {
  const language = useLanguage();
  return (
    <>
      {d.rows.map((r) => {
        const panels = only === undefined ? r.panels : r.panels.filter((p) => only(p.id));
        if (panels.length === 0) return null;
        return (
          <section key={r.title.en} aria-label={r.title[language]}>
            {titles && <h2 className={classes.row}>{r.title[language]}</h2>}
            <div className={classes.grid}>
              {panels.map((p) => (
                <InView key={p.id} height={heightOf(p) + 60} className={classes.cell} kind={p.kind} style={{ '--span': p.width ?? 12 } as React.CSSProperties}>
                  <DashboardPanel panel={p} chosen={chosen} minStep={minStep(chosen)} />
                </InView>
              ))}
            </div>
          </section>
        );
      })}
    </>
  );
}

