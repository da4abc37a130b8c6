import { useMediaQuery } from '@mantine/hooks';
import { useVirtualizer } from '@tanstack/react-virtual';
import { memo, useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import type { Row } from '~/api/logsql';
import { unknown } from '~/format/number';
import { clock, dateTime } from '~/format/time';
import { common } from '~/i18n/common';
import { useSettings, type Zone } from '~/state/settings';
import { keyOf, levelOf, lineAfter } from './logs';
import { KindMark, LevelMark } from './LevelMark';
import { m } from './messages';
import { RowDetail } from './RowDetail';
import type { FieldActions } from './Fields';
import classes from './logs.module.css';

const none: readonly string[] = [];
/** Of the head, which takes the place of a line: a line that is scrolled to must not end below the edge. */
const headHeight = 29;

interface Props extends FieldActions {
  rows: readonly Row[];
  /** Which kind a row is, where there are several. */
  kinds: boolean;
  open: ReadonlySet<string>;
  onOpen: (key: string) => void;
  onEnd?: () => void;
  onContext: (row: Row) => void;
  footer?: ReactNode;
  oldest: boolean;
}

/** Rows of events; only those in sight are in the page. A row opens in place. */
export function Rows({ rows, kinds, open, onOpen, onEnd, onContext, footer, oldest, ...fields }: Props) {
  const t = m.useT();
  const c = common.useT();
  const { zone } = useSettings();
  const scroller = useRef<HTMLDivElement>(null);
  // The same function between renders: a new one would have all rows measured anew, and that would render again.
  const itemKey = useCallback((i: number) => { const r = rows[i]; return r === undefined ? i : keyOf(r); }, [rows]);
  const virtual = useVirtualizer({ count: rows.length, getScrollElement: () => scroller.current, estimateSize: () => 27, overscan: 16, getItemKey: itemKey, scrollPaddingEnd: headHeight });
  const items = virtual.getVirtualItems();
  const last = items.at(-1)?.index ?? -1;
  const ended = useRef(onEnd);
  ended.current = onEnd;
  useEffect(() => {
    if (rows.length > 0 && last >= rows.length - 20) ended.current?.();
  }, [last, rows.length]);
  const wanted = useRef(-1);
  const [moved, setMoved] = useState(0);
  const narrow = useMediaQuery('(max-width: 48em)') ?? false;
  const template = narrow ? ['62px', '58px', 'minmax(0, 1fr)'].join(' ') : ['172px', '62px', ...(kinds ? ['68px'] : []), 'minmax(70px, 130px)', 'minmax(240px, 1fr)', ...fields.columns.map(() => 'minmax(80px, 180px)')].join(' ');
  const move = (e: React.KeyboardEvent) => {
    if (e.ctrlKey || e.metaKey || e.altKey || !(e.target instanceof HTMLElement) || e.target.dataset.line === undefined) return;
    const next = lineAfter(e.key, Number(e.target.dataset.line), rows.length);
    if (next === undefined) return;
    wanted.current = next;
    virtual.scrollToIndex(next);
    setMoved((n) => n + 1);
    e.preventDefault();
  };
  // The line gets the focus once it is in the page: one far away is not there yet when its key is pressed.
  useEffect(() => {
    const el = wanted.current < 0 ? undefined : scroller.current?.querySelector<HTMLElement>(`[data-line="${wanted.current}"]`);
    if (!el) return;
    wanted.current = -1;
    el.focus({ preventScroll: true });
  }, [items, moved]);
  return (
    <div ref={scroller} className={classes.scroller} role="treegrid" aria-label={t('rows')} aria-rowcount={rows.length + 1} onKeyDown={move}>
      <div role="rowgroup" className={classes.top}>
        <div role="row" className={classes.head} style={{ gridTemplateColumns: template }}>
          <span role="columnheader" aria-sort={oldest ? 'ascending' : 'descending'}>{c('time')}</span>
          <span role="columnheader">{t('level')}</span>
          {kinds && !narrow && <span role="columnheader">{t('kind')}</span>}
          {!narrow && <span role="columnheader">{c('service')}</span>}
          <span role="columnheader">{t('message')}</span>
          {!narrow && fields.columns.map((f) => <span key={f} role="columnheader" title={f}>{f}</span>)}
        </div>
      </div>
      <div role="rowgroup" className={classes.body} style={{ height: virtual.getTotalSize() }}>
        {items.map((v) => {
          const row = rows[v.index];
          if (row === undefined) return null;
          const key = keyOf(row);
          const shown = open.has(key);
          return (
            <div key={v.key} ref={virtual.measureElement} data-index={v.index} className={classes.item} style={{ transform: `translateY(${v.start}px)` }}>
              <Line row={row} index={v.index} shown={shown} narrow={narrow} kinds={kinds && !narrow} columns={narrow ? none : fields.columns} template={template} zone={zone} onOpen={onOpen} />
              {shown && <div role="row" className={classes.detail}><div role="gridcell"><RowDetail row={row} onContext={() => onContext(row)} {...fields} /></div></div>}
            </div>
          );
        })}
      </div>
      {footer !== undefined && <div className={classes.footer}>{footer}</div>}
    </div>
  );
}

interface LineProps {
  row: Row;
  index: number;
  shown: boolean;
  /** A phone: time, level and message; the rest is in the row when it is open. */
  narrow: boolean;
  kinds: boolean;
  columns: readonly string[];
  template: string;
  zone: Zone;
  onOpen: (key: string) => void;
}

/** Rendered again only when it changes: scrolling and new rows leave the others as they are. */
const Line = memo(function Line({ row, index, shown, narrow, kinds, columns, template, zone, onOpen }: LineProps) {
  const open = () => onOpen(keyOf(row));
  return (
    <div role="row" aria-rowindex={index + 2} tabIndex={0} aria-expanded={shown} data-line={index} data-level={levelOf(row)} className={classes.line} style={{ gridTemplateColumns: template }} onClick={open} onKeyDown={(e) => { if (e.key === 'Enter' || e.key === ' ') { e.preventDefault(); open(); } }}>
      <span role="gridcell" className={classes.time}>{row._time === undefined ? unknown : narrow ? clock(Date.parse(row._time), zone) : dateTime(Date.parse(row._time), zone, { millis: true })}</span>
      <span role="gridcell"><LevelMark row={row} /></span>
      {kinds && <span role="gridcell"><KindMark kind={row.kind} /></span>}
      {!narrow && <span role="gridcell" className={classes.cell} title={row.service}>{row.service ?? ''}</span>}
      <span role="gridcell" className={classes.message}>{(row._msg ?? JSON.stringify(row)).slice(0, 2000)}</span>
      {columns.map((f) => <span key={f} role="gridcell" className={classes.cell} title={row[f]}>{row[f] ?? ''}</span>)}
    </div>
  );
});
