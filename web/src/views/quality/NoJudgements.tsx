import { Code, Paper, Stack, Text } from '@mantine/core';
import { CopyButton } from '~/ui/Copy';
import { Panel } from '~/ui/Panel';
import { quality } from './messages';
import { feedbackCurl, feedbackGo, judgeYaml } from './snippets';

/** How judgements come here, where there are none. */
export function NoJudgements() {
  const t = quality.useT();
  const parts: [string, string][] = [[t('byCurl'), feedbackCurl(window.location.origin)], [t('bySdk'), feedbackGo], [t('byJudge'), judgeYaml]];
  return (
    <Panel title={t('emptyTitle')}>
      <Stack gap="xs" maw={820}>
        <Text size="sm" c="dimmed">{t('emptyHint')} {t('docs')} {t('bySdkNote')}</Text>
        {parts.map(([name, text]) => (
          <div key={name}>
            <Text size="xs" fw={600} mb={2}>{name}</Text>
            <Paper withBorder pos="relative" radius="sm">
              <div style={{ position: 'absolute', right: 6, top: 6 }}><CopyButton text={text} size="sm" /></div>
              <Code block fz={12} tabIndex={0}>{text}</Code>
            </Paper>
          </div>
        ))}
      </Stack>
    </Panel>
  );
}
