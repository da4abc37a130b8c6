// The call that is open beside the list.

import { ActionIcon, Drawer, Group, Tooltip } from '@mantine/core';
import { useMediaQuery } from '@mantine/hooks';
import { IconChevronDown, IconChevronUp, IconExternalLink, IconX } from '@tabler/icons-react';
import { lazy, Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { useLocation, useSearch } from 'wouter';
import { common } from '~/i18n/common';
import { withRange } from '~/state/url';
import { Loading } from '~/ui/states';
import classes from './explorer.module.css';
import { calls } from './messages';

const CallView = lazy(() => import('./CallView').then((m) => ({ default: m.CallView })));

const stored = 'pitot.calls.panel';
const least = 380;

export interface PanelProps {
  id: string;
  onClose: () => void;
  /** Opens the call before or after it in the list; absent: there is none. */
  onStep?: (by: 1 | -1) => void;
}

function storedWidth(): number {
  const n = Number(typeof window === 'undefined' ? 0 : window.localStorage.getItem(stored));
  return n >= least ? n : Math.round(Math.min(720, Math.max(480, (typeof window === 'undefined' ? 1440 : window.innerWidth) * 0.42)));
}

/** j, k and the arrows go through the list while a call is open; Escape closes it. */
function useKeys({ onClose, onStep }: PanelProps): void {
  const latest = useRef({ onClose, onStep });
  latest.current = { onClose, onStep };
  useEffect(() => {
    const on = (e: KeyboardEvent) => {
      const el = e.target instanceof Element ? e.target : null;
      if (e.metaKey || e.ctrlKey || e.altKey || el?.closest('input,textarea,select,[contenteditable="true"],[role="menu"],[role="listbox"],[role="radiogroup"],[role="tablist"],[role="slider"],[role="separator"]')) return;
      if (document.querySelector('[role="dialog"]:not([data-call-panel])')) return;
      const inPanel = el?.closest('[data-call-panel-body]') !== null && el !== null;
      const by = e.key === 'j' || (e.key === 'ArrowDown' && !inPanel) ? 1 : e.key === 'k' || (e.key === 'ArrowUp' && !inPanel) ? -1 : 0;
      if (by !== 0 && latest.current.onStep) latest.current.onStep(by);
      else if (e.key === 'Escape') latest.current.onClose();
      else return;
      e.preventDefault();
      e.stopPropagation();
    };
    // Before the table, which moves its own focus with the same keys.
    window.addEventListener('keydown', on, true);
    return () => window.removeEventListener('keydown', on, true);
  }, []);
}

export function Panel(props: PanelProps) {
  const { id, onClose } = props;
  const t = calls.useT();
  const wide = useMediaQuery('(min-width: 62em)', true, { getInitialValueInEffect: false });
  useKeys(props);
  const body = (
    <div className={classes.panelBody} data-call-panel-body tabIndex={-1} key={id}>
      <Head {...props} />
      <Suspense fallback={<Loading height={300} />}><CallView id={id} /></Suspense>
    </div>
  );
  if (!wide) {
    return (
      <Drawer.Root opened onClose={onClose} position="right" size="100%">
        <Drawer.Overlay />
        <Drawer.Content data-call-panel="" aria-label={t('panel')}>
          <Drawer.Body p={0}>{body}</Drawer.Body>
        </Drawer.Content>
      </Drawer.Root>
    );
  }
  return <Aside>{body}</Aside>;
}

function Head({ id, onClose, onStep }: PanelProps) {
  const t = calls.useT();
  const c = common.useT();
  const search = useSearch();
  const [, navigate] = useLocation();
  return (
    <Group gap={2} justify="flex-end" wrap="nowrap" style={{ float: 'right' }}>
      <Tooltip label={`${t('nextCall')} (j)`}><ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('nextCall')} disabled={onStep === undefined} onClick={() => onStep?.(1)}><IconChevronDown size={16} /></ActionIcon></Tooltip>
      <Tooltip label={`${t('previousCall')} (k)`}><ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('previousCall')} disabled={onStep === undefined} onClick={() => onStep?.(-1)}><IconChevronUp size={16} /></ActionIcon></Tooltip>
      <Tooltip label={t('openPage')}><ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('openPage')} onClick={() => navigate(withRange(`/calls/${id}`, search))}><IconExternalLink size={15} /></ActionIcon></Tooltip>
      <Tooltip label={`${c('close')} (Esc)`}><ActionIcon size="sm" variant="subtle" color="gray" aria-label={t('closePanel')} onClick={onClose}><IconX size={16} /></ActionIcon></Tooltip>
    </Group>
  );
}

/** A column beside the list whose width one chooses with the mouse or the arrow keys. */
function Aside({ children }: { children: React.ReactNode }) {
  const t = calls.useT();
  const [width, setWidth] = useState(storedWidth);
  const set = useCallback((w: number) => {
    const next = Math.round(Math.max(least, Math.min(w, window.innerWidth - 420)));
    setWidth(next);
    window.localStorage.setItem(stored, String(next));
  }, []);
  const drag = (e: React.PointerEvent<HTMLDivElement>) => {
    const handle = e.currentTarget;
    const start = e.clientX;
    const was = width;
    handle.setPointerCapture(e.pointerId);
    const move = (m: PointerEvent) => set(was + start - m.clientX);
    const up = () => {
      handle.removeEventListener('pointermove', move);
      handle.removeEventListener('pointerup', up);
    };
    handle.addEventListener('pointermove', move);
    handle.addEventListener('pointerup', up);
  };
  return (
    <aside className={`${classes.paper} ${classes.panel}`} style={{ width }} aria-label={t('panel')} data-call-panel="">
      <div
        className={classes.handle} role="separator" aria-orientation="vertical" aria-label={t('resize')} aria-valuenow={width} aria-valuemin={least} aria-valuemax={2000} tabIndex={0} onPointerDown={drag}
        onKeyDown={(e) => { if (e.key === 'ArrowLeft') set(width + 24); else if (e.key === 'ArrowRight') set(width - 24); else return; e.preventDefault(); }}
      />
      {children}
    </aside>
  );
}
