import { createSpotlight, Spotlight, type SpotlightActionData } from '@mantine/spotlight';
import { useMantineColorScheme } from '@mantine/core';
import { IconArrowRight, IconLanguage, IconListSearch, IconMoon, IconSearch } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import { useLocation } from 'wouter';
import { setLanguage, useLanguage } from '~/i18n';
import { common } from '~/i18n/common';
import { presets, parseDuration, useTime } from '~/state/time';
import { duration } from '~/format/number';
import { withRange } from '~/state/url';
import { app } from './messages';
import { pages } from './routes';
import '@mantine/spotlight/styles.css';

const [store, actions] = createSpotlight();

/** Commands by ⌘K: pages in both languages, time ranges, ids and free text. Loaded when it is asked for first; asked counts. */
export default function Palette({ asked }: { asked: number }) {
  useEffect(() => actions.open(), [asked]);
  const t = app.useT();
  const c = common.useT();
  const language = useLanguage();
  const [, navigate] = useLocation();
  const { set } = useTime();
  const { setColorScheme, colorScheme } = useMantineColorScheme();
  const [query, setQuery] = useState('');
  const go = (path: string) => navigate(withRange(path, window.location.search));
  const text = query.trim();
  const list = useMemo<SpotlightActionData[]>(() => {
    const found: SpotlightActionData[] = [];
    if (/^[0-9A-HJKMNP-TV-Z]{26}$/i.test(text)) found.push({ id: 'call', label: t('openCall', { id: text }), leftSection: <IconListSearch size={16} />, onClick: () => go(`/calls/${text.toUpperCase()}`) });
    if (/^[0-9a-f]{16,32}$/i.test(text)) found.push({ id: 'trace', label: t('openTrace', { id: text }), leftSection: <IconSearch size={16} />, onClick: () => go(`/traces/${text.toLowerCase()}`) });
    for (const p of pages) found.push({ id: p.name, label: t('goTo', { page: c(p.name) }), keywords: [p.name, c(p.name)], leftSection: <p.icon size={16} />, rightSection: <span>g {p.key}</span>, onClick: () => go(p.paths[0] ?? '/') });
    for (const p of presets) found.push({ id: p, label: t('last', { d: duration(parseDuration(p.slice(1)) ?? 0) }), keywords: [p], leftSection: <IconArrowRight size={16} />, onClick: () => set(p, 'now') });
    found.push({ id: 'theme', label: `${t('theme')}: ${colorScheme === 'dark' ? t('light') : t('dark')}`, keywords: ['theme', 'dark', 'light'], leftSection: <IconMoon size={16} />, onClick: () => setColorScheme(colorScheme === 'dark' ? 'light' : 'dark') });
    found.push({ id: 'language', label: language === 'en' ? '中文' : 'English', keywords: ['language', '语言', 'chinese', 'english'], leftSection: <IconLanguage size={16} />, onClick: () => setLanguage(language === 'en' ? 'zh' : 'en') });
    if (text !== '') found.push({ id: 'search', label: t('searchCalls', { text }), keywords: [text], leftSection: <IconSearch size={16} />, onClick: () => go('/calls?search=' + encodeURIComponent(text)) });
    return found;
    // eslint-disable-next-line react-hooks/exhaustive-deps
  }, [text, language, colorScheme]);
  return <Spotlight store={store} actions={list} query={query} onQueryChange={setQuery} shortcut={null} nothingFound={t('paletteNothing')} searchProps={{ placeholder: t('palettePlaceholder'), 'aria-label': t('palette'), leftSection: <IconSearch size={16} /> }} highlightQuery limit={12} scrollable maxHeight={420} />;
}
