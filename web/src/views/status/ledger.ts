import type { LedgerEntry } from '~/api/types';

export function droppedOf(e: LedgerEntry): number {
  return Object.values(e.dropped ?? {}).reduce((a, b) => a + b, 0);
}

/** What is neither stored, nor in flight, nor dropped: 0 unless there is a bug. */
export function balance(e: LedgerEntry): number {
  return e.received - e.stored - e.in_flight - droppedOf(e);
}
