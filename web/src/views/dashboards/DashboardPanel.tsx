// One panel of a dashboard's definition.

import { Text } from '@mantine/core';
import { useLanguage } from '~/i18n';
import { useTime } from '~/state/time';
import { Markdown } from '~/ui/Markdown';
import { FramedPanel } from '~/ui/prom/SeriesPanel';
import type { Chosen, PanelDefinition } from '~/ui/prom/definition';
import { explainLink, fill, fillTitle, pageFor } from '~/ui/prom/links';
import { PromPanel } from '~/ui/prom/PromPanel';
import { TracesPanel } from './TracesPanel';

/** Of what is in the frame. */
export function heightOf(p: PanelDefinition): number {
  return Math.max(60, (p.height ?? 8) * 30 - (p.kind === 'timeseries' || p.kind === 'heatmap' ? 40 : 50));
}

export function DashboardPanel({ panel: p, chosen, minStep }: { panel: PanelDefinition; chosen: Chosen; minStep?: number }) {
  const language = useLanguage();
  const { range } = useTime();
  const links = (p.links ?? []).filter((l) => !l.series);
  const perSeries = (p.links ?? []).find((l) => l.series);
  const frame = {
    id: p.id,
    title: p.title[language],
    description: p.description?.[language],
    height: heightOf(p),
    links: links.map((l) => ({ title: l.title[language], to: explainLink(l.path, chosen) ?? pageFor(fill(l.path, { chosen, from: range.from, to: range.to }), range) })),
  };
  if (p.kind === 'text') return <FramedPanel frame={frame}><Text size="sm" component="div"><Markdown text={p.content?.[language] ?? ''} /></Text></FramedPanel>;
  if (p.kind === 'traces') return <TracesPanel frame={frame} trace={p.trace} chosen={chosen} />;
  return (
    <PromPanel
      {...frame}
      kind={p.kind}
      unit={p.unit ?? 'count'}
      stacked={p.stacked}
      base={p.base}
      thresholds={p.thresholds}
      chosen={chosen}
      minStep={minStep}
      sync="dashboard"
      linkLabel={/\$\{__field\.labels\.(\w+)\}/.exec(perSeries?.path ?? '')?.[1]}
      targets={(p.targets ?? []).map((x) => ({ ref: x.ref, expr: x.expr, legend: x.legend[language], instant: x.instant, exemplars: x.exemplars, unit: x.unit }))}
      seriesLink={perSeries === undefined ? undefined : (labels) => {
        // A link without its label leads nowhere in particular.
        const missing = [...perSeries.path.matchAll(/\$\{__field\.labels\.(\w+)\}/g)].some((m) => !labels[m[1] ?? '']);
        return missing ? undefined : { title: fillTitle(perSeries.title[language], labels), to: pageFor(fill(perSeries.path, { chosen, from: range.from, to: range.to, labels }), range) };
      }}
    />
  );
}
