// How a span of a kind looks: an icon, a word, a colour.

import { IconBox, IconBrain, IconDatabaseSearch, IconHexagon, IconListCheck, IconMessageChatbot, IconRobot, IconSitemap, IconTool } from '@tabler/icons-react';
import type { ComponentType } from 'react';
import type { TraceSpan } from '~/api/types';
import type { Scheme } from '~/chart/palette';

export type Kind = TraceSpan['kind'];

export const kinds: readonly Kind[] = ['call', 'agent', 'tool', 'retrieval', 'workflow', 'task', 'llm', 'other'];

const icons: Record<Kind, ComponentType<{ size?: number; color?: string; stroke?: number; 'aria-hidden'?: boolean }>> = {
  call: IconMessageChatbot, workflow: IconSitemap, agent: IconRobot, task: IconListCheck, tool: IconTool, retrieval: IconDatabaseSearch, llm: IconBrain, other: IconHexagon,
};

const light: Record<Kind, string> = { call: '#0b7285', workflow: '#5f3dc4', agent: '#ae3ec9', task: '#3b5b8c', tool: '#b35c00', retrieval: '#2b8a3e', llm: '#1c7ed6', other: '#868e96' };
const dark: Record<Kind, string> = { call: '#3bc9db', workflow: '#9775fa', agent: '#da77f2', task: '#91a7ff', tool: '#ffa94d', retrieval: '#51cf66', llm: '#4dabf7', other: '#909aa3' };

export function kindColour(kind: Kind, scheme: Scheme): string {
  return (scheme === 'dark' ? dark : light)[kind];
}

export function KindIcon({ kind, scheme, size = 14 }: { kind: Kind; scheme: Scheme; size?: number }) {
  const Icon = icons[kind] ?? IconBox;
  return <Icon size={size} stroke={1.8} color={kindColour(kind, scheme)} aria-hidden />;
}
