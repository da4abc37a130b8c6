// A squarified treemap: rectangles as large as their values, as square as can be.

export interface Tile {
  index: number;
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The worst ratio of sides of a row of areas along a side. */
function worst(areas: readonly number[], side: number): number {
  const sum = areas.reduce((a, b) => a + b, 0);
  const s2 = sum * sum;
  const w2 = side * side;
  return Math.max((w2 * Math.max(...areas)) / s2, s2 / (w2 * Math.min(...areas)));
}

/** Lays values out in a rectangle. Values that are not above 0 have no tile. */
export function treemap(values: readonly number[], width: number, height: number): Tile[] {
  const items = values.map((value, index) => ({ value, index })).filter((i) => i.value > 0 && Number.isFinite(i.value)).sort((a, b) => b.value - a.value);
  const total = items.reduce((a, i) => a + i.value, 0);
  if (total === 0 || width <= 0 || height <= 0) return [];
  const scale = (width * height) / total;
  const tiles: Tile[] = [];
  let [x, y, w, h] = [0, 0, width, height];
  let row: { index: number; area: number }[] = [];
  const place = () => {
    const sum = row.reduce((a, r) => a + r.area, 0);
    const along = Math.min(w, h);
    const thick = sum / along;
    let at = 0;
    for (const r of row) {
      const length = r.area / thick;
      tiles.push(w >= h ? { index: r.index, x, y: y + at, width: thick, height: length } : { index: r.index, x: x + at, y, width: length, height: thick });
      at += length;
    }
    if (w >= h) {
      x += thick;
      w -= thick;
    } else {
      y += thick;
      h -= thick;
    }
    row = [];
  };
  for (const item of items) {
    const area = item.value * scale;
    const side = Math.min(w, h);
    const areas = row.map((r) => r.area);
    if (row.length > 0 && worst([...areas, area], side) > worst(areas, side)) place();
    row.push({ index: item.index, area });
  }
  if (row.length > 0) place();
  return tiles;
}
