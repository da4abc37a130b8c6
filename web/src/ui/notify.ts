// Short messages at the edge of the page. Their code is loaded with the first one.

import type { ReactNode } from 'react';

export interface Notice {
  message: ReactNode;
  title?: ReactNode;
  color?: string;
  autoClose?: number | boolean;
  withBorder?: boolean;
}

/** The event by which the page learns that it needs the place for messages. */
export const wanted = 'pitot:notices';

export function notify(n: Notice): void {
  window.dispatchEvent(new Event(wanted));
  void import('@mantine/notifications').then(({ notifications }) => notifications.show({ withBorder: true, ...n }));
}
