import { ActionIcon, Alert, AppShell, Burger, Button, Group, Kbd, Stack, Text, UnstyledButton, useMantineColorScheme } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { IconSearch, IconSettings } from '@tabler/icons-react';
import { useQuery } from '@tanstack/react-query';
import { Component, lazy, Suspense, useCallback, useEffect, useRef, useState, type ReactNode } from 'react';
import { Link as RouterLink, Route, Switch as RouteSwitch, useLocation, useSearch } from 'wouter';
import { ApiError, get } from '~/api/client';
import { useAuth } from '~/account/data';
import type { Status } from '~/api/types';
import { setLanguage, useLanguage } from '~/i18n';
import { common } from '~/i18n/common';
import { useSettings } from '~/state/settings';
import { useTime } from '~/state/time';
import { useParam, withRange } from '~/state/url';
import { Empty, Failure, Loading } from '~/ui/states';
import { app } from './messages';
import { groups, pageOf, pages } from './routes';
import classes from './shell.module.css';
import { TimePicker } from './TimePicker';

const AccountMenu = lazy(() => import('~/account/AccountMenu'));
const Palette = lazy(() => import('./Palette'));
const Settings = lazy(() => import('./Settings'));
const KeyHelp = lazy(() => import('./KeyHelp'));

/** Keeps a fault of one page from taking the others with it. */
class Guard extends Component<{ children: ReactNode; path: string; fallback: (e: Error) => ReactNode }, { error: Error | null }> {
  override state: { error: Error | null } = { error: null };
  static getDerivedStateFromError(error: Error) {
    return { error };
  }
  override componentDidUpdate(was: { path: string }) {
    if (was.path !== this.props.path && this.state.error !== null) this.setState({ error: null });
  }
  override render() {
    return this.state.error === null ? this.props.children : this.props.fallback(this.state.error);
  }
}

export function Shell() {
  const t = app.useT();
  const c = common.useT();
  const search = useSearch();
  const [path, navigate] = useLocation();
  const [menu, { toggle, close }] = useDisclosure(false);
  const [help, helpActions] = useDisclosure(false);
  const [kiosk, setKiosk] = useParam('kiosk');
  const page = pageOf(path);
  const wall = kiosk === '1';
  const [palette, setPalette] = useState(0);
  const openPalette = useCallback(() => setPalette((n) => n + 1), []);
  useShortcuts(helpActions.toggle, openPalette);
  const title = page === undefined ? t('noPage') : c(page.name);
  useEffect(() => {
    document.title = `${title} · Pitot`;
  }, [title]);
  const main = useRef<HTMLElement>(null);
  return (
    <AppShell header={{ height: 46, collapsed: wall }} navbar={{ width: 190, breakpoint: 'sm', collapsed: { mobile: !menu, desktop: wall } }} padding="sm">
      <a href="#main" className={classes.skip} onClick={(e) => { e.preventDefault(); main.current?.focus(); }}>{c('skipToContent')}</a>
      {!wall && <AppShell.Header>
        <Group h="100%" px="sm" justify="space-between" wrap="nowrap" gap="xs">
          <Group gap="xs" wrap="nowrap">
            <Burger opened={menu} onClick={toggle} hiddenFrom="sm" size="sm" aria-label={t('toggleMenu')} />
            <RouterLink href={withRange('/', search)} className={classes.brand} aria-label="Pitot">
              <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="7" fill="#0b7285" /><path d="M6 13h13a4 4 0 0 1 0 8H6v-3h13a1 1 0 0 0 0-2H6z" fill="#fff" /><circle cx="24.5" cy="9" r="2" fill="#99e9f2" /><circle cx="27" cy="14" r="1.4" fill="#99e9f2" /></svg>
              <Text fw={700} visibleFrom="sm">Pitot</Text>
            </RouterLink>
            <UnstyledButton className={classes.search} onClick={() => openPalette()} visibleFrom="sm">
              <IconSearch size={14} /> <span>{t('palettePlaceholder')}</span> <Kbd size="xs">⌘K</Kbd>
            </UnstyledButton>
          </Group>
          <Group gap={4} wrap="nowrap">
            {!page?.timeless && <TimePicker />}
            <ActionIcon hiddenFrom="sm" variant="subtle" color="gray" aria-label={t('palette')} onClick={() => openPalette()}><IconSearch size={16} /></ActionIcon>
            <Account />
            <SettingsMenu onHelp={helpActions.open} onKiosk={() => setKiosk('1')} />
          </Group>
        </Group>
      </AppShell.Header>}
      {!wall && <AppShell.Navbar p={6}>
        <div className={classes.scroll}>
          <nav aria-label={t('menu')}>
            {groups.map((g) => (
              <Stack key={g} gap={1} mb={8}>
                <Text size="xs" c="dimmed" fw={600} px={8} pt={4}>{t(g)}</Text>
                {pages.filter((p) => p.group === g).map((p) => (
                  <RouterLink key={p.name} href={withRange(p.paths[0] ?? '/', search)} className={classes.nav} aria-current={page?.name === p.name ? 'page' : undefined} onClick={close}>
                    <p.icon size={16} stroke={1.6} /> {c(p.name)}
                  </RouterLink>
                ))}
              </Stack>
            ))}
          </nav>
        </div>
      </AppShell.Navbar>}
      <AppShell.Main ref={main} id="main" tabIndex={-1} className={classes.main}>
        {wall && <Button className={classes.leave} size="compact-xs" variant="default" onClick={() => setKiosk(null)}>{t('leaveKiosk')}</Button>}
        <Health />
        <Guard path={path} fallback={(e) => <Stack p="md"><Failure error={new Error(`${t('crashedHint')} ${e.message}`)} /><Button w="fit-content" size="xs" onClick={() => window.location.reload()}>{t('reload')}</Button></Stack>}>
          <Suspense fallback={<Loading height={240} />}>
            <RouteSwitch>
              {pages.flatMap((p) => p.paths.map((x) => <Route key={x} path={x}><p.view /></Route>))}
              <Route><Empty title={t('noPage')} hint={path} height={300} action={<Button size="xs" variant="light" onClick={() => navigate('/')}>{t('home')}</Button>} /></Route>
            </RouteSwitch>
          </Suspense>
        </Guard>
      </AppShell.Main>
      {palette > 0 && <Suspense fallback={null}><Palette asked={palette} /></Suspense>}
      {help && <Suspense fallback={null}><KeyHelp onClose={helpActions.close} /></Suspense>}
    </AppShell>
  );
}

/** Says so on every page when Pitot itself is not well: numbers may be missing. */
function Health() {
  const t = app.useT();
  const { tick } = useSettings();
  const q = useQuery({ queryKey: ['status', tick], queryFn: ({ signal }) => get<Status>('/status', {}, signal), placeholderData: (was) => was });
  const s = q.data;
  // How the server is doing is not for users of other tenants to see.
  if (q.error instanceof ApiError && q.error.status === 403) return null;
  if (q.error && s === undefined) return <Stack mb="sm"><Failure error={q.error} retry={() => void q.refetch()} /></Stack>;
  if (s === undefined || s.state === 'ok') return null;
  const bad = s.components.filter((x) => x.state !== 'ok');
  return (
    <Alert mb="sm" py={6} color={s.state === 'down' ? 'red' : 'orange'} variant="light" title={s.state === 'down' ? t('down') : t('degraded')}>
      {bad.map((b) => <Text key={b.name} size="sm"><b>{b.name}</b>: {b.detail}{b.hint === undefined ? '' : ` – ${b.hint}`}</Text>)}
    </Alert>
  );
}

/** Who is looking; nothing is loaded where nobody must log in. */
function Account() {
  const { data } = useAuth();
  return data?.enabled === true && data.user !== undefined ? <Suspense fallback={null}><AccountMenu report={data} user={data.user} /></Suspense> : null;
}

/** The settings are loaded when they are opened first. */
function SettingsMenu({ onHelp, onKiosk }: { onHelp: () => void; onKiosk: () => void }) {
  const t = app.useT();
  const [wanted, setWanted] = useState(false);
  const button = <ActionIcon variant="subtle" color="gray" aria-label={t('settings')} data-testid="settings" onClick={() => setWanted(true)}><IconSettings size={18} /></ActionIcon>;
  return wanted ? <Suspense fallback={button}><Settings onHelp={onHelp} onKiosk={onKiosk} /></Suspense> : button;
}

/** One-key shortcuts, but not while somebody types. */
function useShortcuts(help: () => void, palette: () => void): void {
  const [, navigate] = useLocation();
  const time = useTime();
  const { refreshNow } = useSettings();
  const { setColorScheme } = useMantineColorScheme();
  const language = useLanguage();
  const latest = useRef({ navigate, time, refreshNow, setColorScheme, language, help, palette });
  latest.current = { navigate, time, refreshNow, setColorScheme, language, help, palette };
  useEffect(() => {
    let g = 0;
    const on = (e: KeyboardEvent) => {
      const el = e.target instanceof HTMLElement ? e.target : null;
      if ((e.metaKey || e.ctrlKey) && !e.altKey && !e.shiftKey && e.key.toLowerCase() === 'k') {
        e.preventDefault();
        latest.current.palette();
        return;
      }
      if (e.metaKey || e.ctrlKey || e.altKey || e.defaultPrevented || el?.closest('input,textarea,select,[contenteditable="true"],.cm-editor') || document.querySelector('[role="dialog"]')) return;
      const x = latest.current;
      if (Date.now() - g < 1200) {
        g = 0;
        const p = pages.find((each) => each.key === e.key);
        if (p) {
          e.preventDefault();
          x.navigate(withRange(p.paths[0] ?? '/', window.location.search));
        }
        return;
      }
      switch (e.key) {
        case 'g': g = Date.now(); return;
        case '?': x.help(); break;
        case 'r': x.refreshNow(); break;
        case '/': document.querySelector<HTMLElement>('[data-search]')?.focus(); break;
        case '[': x.time.shift(-1); break;
        case ']': if (!x.time.range.live) x.time.shift(1); break;
        case 'z': x.time.zoomOut(); break;
        case 'T': x.setColorScheme(document.documentElement.getAttribute('data-mantine-color-scheme') === 'dark' ? 'light' : 'dark'); break;
        case 'L': setLanguage(x.language === 'en' ? 'zh' : 'en'); break;
        default: return;
      }
      e.preventDefault();
    };
    window.addEventListener('keydown', on);
    return () => window.removeEventListener('keydown', on);
  }, []);
}
