// Every page: its path, its place in the navigation, its shortcut, its code.

import { IconActivity, IconBell, IconBinaryTree, IconBulb, IconCoin, IconCpu, IconFileText, IconHeartRateMonitor, IconKey, IconLayoutDashboard, IconListSearch, IconMessages, IconPlugConnected, IconScale, IconTarget, IconTerminal2 } from '@tabler/icons-react';
import { lazy, type ComponentType, type LazyExoticComponent } from 'react';

export type PageName = 'overview' | 'alerts' | 'slos' | 'calls' | 'traces' | 'sessions' | 'logs' | 'query' | 'models' | 'cost' | 'quality' | 'infrastructure' | 'dashboards' | 'status' | 'setup' | 'keys';

export interface Page {
  name: PageName;
  /** The first one is where the navigation leads; the others are its details. */
  paths: string[];
  group: 'watch' | 'explore' | 'understand' | 'server';
  icon: ComponentType<{ size?: number; stroke?: number }>;
  /** Pressed after g. */
  key: string;
  view: LazyExoticComponent<ComponentType>;
  /** The page has no time range of its own. */
  timeless?: boolean;
}

export const pages: Page[] = [
  { name: 'overview', paths: ['/', '/overview'], group: 'watch', icon: IconActivity, key: 'o', view: lazy(() => import('~/views/overview')) },
  { name: 'alerts', paths: ['/alerts', '/alerts/:tab'], group: 'watch', icon: IconBell, key: 'a', view: lazy(() => import('~/views/alerts')) },
  { name: 'slos', paths: ['/slos', '/slos/:name'], group: 'watch', icon: IconTarget, key: 'b', view: lazy(() => import('~/views/slos')) },
  { name: 'calls', paths: ['/calls', '/calls/compare', '/calls/:id'], group: 'explore', icon: IconListSearch, key: 'c', view: lazy(() => import('~/views/calls')) },
  { name: 'traces', paths: ['/traces', '/traces/compare', '/traces/:id'], group: 'explore', icon: IconBinaryTree, key: 't', view: lazy(() => import('~/views/traces')) },
  { name: 'sessions', paths: ['/sessions', '/sessions/:id'], group: 'explore', icon: IconMessages, key: 's', view: lazy(() => import('~/views/sessions')) },
  { name: 'logs', paths: ['/logs'], group: 'explore', icon: IconFileText, key: 'l', view: lazy(() => import('~/views/logs')) },
  { name: 'query', paths: ['/query', '/graph'], group: 'explore', icon: IconTerminal2, key: 'e', view: lazy(() => import('~/views/query')) },
  { name: 'models', paths: ['/models'], group: 'understand', icon: IconScale, key: 'm', view: lazy(() => import('~/views/models')) },
  { name: 'cost', paths: ['/cost', '/cost/:tab'], group: 'understand', icon: IconCoin, key: 'd', view: lazy(() => import('~/views/cost')) },
  { name: 'quality', paths: ['/quality'], group: 'understand', icon: IconBulb, key: 'q', view: lazy(() => import('~/views/quality')) },
  { name: 'infrastructure', paths: ['/infrastructure'], group: 'understand', icon: IconCpu, key: 'i', view: lazy(() => import('~/views/infrastructure')) },
  { name: 'dashboards', paths: ['/dashboards', '/dashboards/:id'], group: 'understand', icon: IconLayoutDashboard, key: 'h', view: lazy(() => import('~/views/dashboards')) },
  { name: 'status', paths: ['/status', '/status/:tab'], group: 'server', icon: IconHeartRateMonitor, key: 'v', view: lazy(() => import('~/views/status')), timeless: true },
  { name: 'keys', paths: ['/keys'], group: 'server', icon: IconKey, key: 'k', view: lazy(() => import('~/views/keys')), timeless: true },
  { name: 'setup', paths: ['/setup'], group: 'server', icon: IconPlugConnected, key: 'n', view: lazy(() => import('~/views/setup')), timeless: true },
];

export const groups = ['watch', 'explore', 'understand', 'server'] as const;

/** The page that a path belongs to. */
export function pageOf(path: string): Page | undefined {
  const first = '/' + (path.split('/')[1] ?? '');
  return pages.find((p) => p.paths.some((x) => '/' + (x.split('/')[1] ?? '') === first));
}
