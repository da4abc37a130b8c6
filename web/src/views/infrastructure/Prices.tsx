import { BarList } from '~/chart/BarList';
import { meaning } from '~/chart/palette';
import { useScheme } from '~/chart/TimeChart';
import { FramedPanel } from '~/ui/prom/SeriesPanel';
import { priceExpr, type ModelPrice } from './data';
import classes from './infrastructure.module.css';
import { messages } from './messages';

const order = ['prefill', 'decode', 'busy', 'idle'] as const;
type PhaseName = (typeof order)[number];

/** Price of a million tokens of one's own models, with what of it was for nothing. */
export function Prices({ prices }: { prices: readonly ModelPrice[] }) {
  const t = messages.useT();
  const scheme = useScheme();
  const colour: Record<PhaseName, string> = { prefill: meaning[scheme].input, decode: meaning[scheme].output, busy: meaning[scheme].reasoning, idle: meaning[scheme].muted };
  const known = (p: string): p is PhaseName => (order as readonly string[]).includes(p);
  const phases = order.filter((o) => prices.some((p) => p.phases.some((x) => x.phase === o)));
  return (
    <FramedPanel frame={{ id: 'prices', title: t('perMillion'), description: t('perMillionAbout'), exprs: [{ expr: priceExpr }] }}>
      <BarList
        label={t('perMillion')}
        unit="usd"
        bars={prices.map((p) => {
          const idle = p.phases.find((x) => x.phase === 'idle')?.usd;
          return {
            key: p.model, name: p.model === '' ? t('machines') : p.model, value: p.total, colour: meaning[scheme].output,
            note: idle !== undefined && p.total > 0 ? `${Math.round((idle / p.total) * 100)}% ${t('idle')}` : undefined,
            parts: [...p.phases].sort((a, b) => order.indexOf(a.phase as PhaseName) - order.indexOf(b.phase as PhaseName)).map((x) => ({ name: known(x.phase) ? t(x.phase) : x.phase, value: x.usd, colour: known(x.phase) ? colour[x.phase] : meaning[scheme].output })),
          };
        })}
      />
      {phases.length > 0 && <div className={classes.legend}>{phases.map((p) => <span key={p}><i className={classes.swatch} style={{ background: colour[p] }} />{t(p)}</span>)}</div>}
    </FramedPanel>
  );
}
