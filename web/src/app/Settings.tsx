import { ActionIcon, Menu, SegmentedControl, Stack, Switch, Text, useMantineColorScheme, type MantineColorScheme } from '@mantine/core';
import { IconDeviceTv, IconKeyboard, IconSettings } from '@tabler/icons-react';
import { languageNames, languages, setLanguage, useLanguage, type Language } from '~/i18n';
import { useSettings } from '~/state/settings';
import { app } from './messages';

/** Language, theme and how times are shown. Loaded when it is opened first, and open then. */
export default function Settings({ onHelp, onKiosk }: { onHelp: () => void; onKiosk: () => void }) {
  const t = app.useT();
  const language = useLanguage();
  const { colorScheme, setColorScheme } = useMantineColorScheme();
  const { relative, change } = useSettings();
  return (
    <Menu position="bottom-end" width={240} closeOnItemClick={false} withinPortal defaultOpened>
      <Menu.Target>
        <ActionIcon variant="subtle" color="gray" aria-label={t('settings')} data-testid="settings"><IconSettings size={18} /></ActionIcon>
      </Menu.Target>
      <Menu.Dropdown p="xs">
        <Stack gap={8}>
          <Text size="xs" fw={600}>{t('language')}</Text>
          <SegmentedControl size="xs" fullWidth aria-label={t('language')} value={language} onChange={(v) => setLanguage(v as Language)} data={languages.map((l) => ({ value: l, label: languageNames[l] }))} />
          <Text size="xs" fw={600}>{t('theme')}</Text>
          <SegmentedControl size="xs" fullWidth aria-label={t('theme')} value={colorScheme} onChange={(v) => setColorScheme(v as MantineColorScheme)} data={[{ value: 'light', label: t('light') }, { value: 'dark', label: t('dark') }, { value: 'auto', label: t('system') }]} />
          <Switch size="xs" label={t('relative')} checked={relative} onChange={(e) => change({ relative: e.currentTarget.checked })} />
        </Stack>
        <Menu.Divider />
        <Menu.Item leftSection={<IconKeyboard size={14} />} onClick={onHelp} closeMenuOnClick>{t('keyboard')}</Menu.Item>
        <Menu.Item leftSection={<IconDeviceTv size={14} />} onClick={onKiosk} closeMenuOnClick>{t('kiosk')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
