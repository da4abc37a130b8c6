import { Button, Group, Stack, Text } from '@mantine/core';
import { IconDownload } from '@tabler/icons-react';
import { useEffect, useMemo, useState } from 'react';
import type { Trace } from '~/api/types';
import { bytes, count } from '~/format/number';
import { common } from '~/i18n/common';
import { CopyButton, curl } from '~/ui/Copy';
import { Json } from '~/ui/Json';
import { traces as messages } from './messages';

/** The trace as the API has it. */
export default function JsonView({ trace }: { trace: Trace }) {
  const t = messages.useT();
  const c = common.useT();
  const text = useMemo(() => JSON.stringify(trace, null, 2), [trace]);
  const [url, setUrl] = useState<string>();
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
    setUrl(made);
    return () => URL.revokeObjectURL(made);
  }, [text]);
  return (
    <Stack gap={6}>
      <Group gap="xs">
        <Button size="compact-sm" variant="default" component="a" href={url} download={`trace-${trace.trace_id}.json`} leftSection={<IconDownload size={14} />}>{t('download')}</Button>
        <CopyButton text={text} />
        <CopyButton text={curl(`/traces/${trace.trace_id}`)} label={c('copyCurl')} />
        <Text size="xs" c="dimmed">{t('jsonSize', { spans: count(trace.spans.length), size: bytes(text.length) })}</Text>
      </Group>
      <Json value={trace} maxHeight="calc(100dvh - 260px)" open={2} />
    </Stack>
  );
}
