import { Kbd, Modal, Table } from '@mantine/core';
import { common } from '~/i18n/common';
import { app } from './messages';
import { pages } from './routes';

/** The keyboard shortcuts. */
export default function KeyHelp({ onClose }: { onClose: () => void }) {
  const t = app.useT();
  const c = common.useT();
  const rows: [string[], string][] = [
    [['⌘ K', 'Ctrl K'], t('keyPalette')], [['?'], t('keyHelp')], [['/'], t('keySearch')], [['r'], t('keyRefresh')], [['j', 'k'], t('keyTable')], [['Enter'], t('keyOpen')], [['Esc'], t('keyClose')], [['[', ']'], t('keyTime')], [['z'], t('keyZoom')], [['T'], t('keyTheme')], [['L'], t('keyLanguage')],
    ...pages.map((p): [string[], string] => [['g ' + p.key], t('goTo', { page: c(p.name) })]),
  ];
  return (
    <Modal opened onClose={onClose} title={t('keyboard')} closeButtonProps={{ 'aria-label': c('close') }}>
      <Table fz="sm" verticalSpacing={3}>
        <Table.Tbody>
          {rows.map(([keys, what]) => (
            <Table.Tr key={what}>
              <Table.Td w={120}>{keys.map((k) => <Kbd key={k} size="xs" mr={4}>{k}</Kbd>)}</Table.Td>
              <Table.Td>{what}</Table.Td>
            </Table.Tr>
          ))}
        </Table.Tbody>
      </Table>
    </Modal>
  );
}
