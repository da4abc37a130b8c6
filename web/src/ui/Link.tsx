import { Anchor, type AnchorProps } from '@mantine/core';
import type { ReactNode } from 'react';
import { Link as RouterLink, useSearch } from 'wouter';
import { withRange } from '~/state/url';

/** A link to another page of Pitot that keeps the time range. */
export function Link({ to, children, ...rest }: { to: string; children: ReactNode; 'aria-label'?: string; title?: string; onClick?: React.MouseEventHandler } & AnchorProps) {
  const search = useSearch();
  return <Anchor component={RouterLink} href={withRange(to, search)} {...rest}>{children}</Anchor>;
}
