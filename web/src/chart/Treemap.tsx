// Shares as areas. Each tile is a button with its value in words.

import { useElementSize } from '@mantine/hooks';
import { treemap } from './treemap';
import { useScheme } from './TimeChart';
import classes from './treemap.module.css';

export interface TreemapItem {
  key: string;
  name: string;
  value: number;
  colour: string;
  /** The value as people read it. */
  text: string;
}

export function Treemap({ items, label, height = 240, onOpen }: { items: readonly TreemapItem[]; label: string; height?: number; onOpen?: (key: string) => void }) {
  const { ref, width } = useElementSize<HTMLDivElement>();
  const scheme = useScheme();
  const tiles = treemap(items.map((i) => i.value), width, height);
  return (
    <div ref={ref} className={classes.map} style={{ height }} role="group" aria-label={label}>
      {tiles.map((t) => {
        const item = items[t.index];
        if (item === undefined) return null;
        const roomy = t.width > 64 && t.height > 34;
        return (
          <button key={item.key} type="button" className={classes.tile} title={`${item.name}: ${item.text}`} aria-label={`${item.name}: ${item.text}`} onClick={() => onOpen?.(item.key)} style={{ left: t.x, top: t.y, width: Math.max(0, t.width - 2), height: Math.max(0, t.height - 2), background: `color-mix(in srgb, ${item.colour} ${scheme === 'dark' ? 34 : 22}%, var(--mantine-color-body))`, borderColor: item.colour, padding: roomy ? undefined : 0 }}>
            {roomy && <span className={classes.name}>{item.name}</span>}
            {roomy && <span className={classes.text}>{item.text}</span>}
          </button>
        );
      })}
    </div>
  );
}
