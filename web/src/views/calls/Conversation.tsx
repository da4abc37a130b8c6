// What was said: the error, the messages, the parameters and the tools.

import { Alert, Stack, Text, UnstyledButton } from '@mantine/core';
import { IconAlertTriangle, IconChevronDown, IconChevronRight } from '@tabler/icons-react';
import { useState, type ReactNode } from 'react';
import type { Call } from '~/api/types';
import { Messages, TextView } from '~/content';
import { Json } from '~/ui/Json';
import classes from './call.module.css';
import { callTexts } from './callMessages';

export function Conversation({ call }: { call: Call }) {
  const t = callTexts.useT();
  const tools = Array.isArray(call.tools) ? call.tools.length : call.tools === undefined || call.tools === null ? 0 : 1;
  const params = Object.entries(call.params ?? {});
  return (
    <Stack gap="xs">
      {call.status === 'error' && (
        <Alert color="red" variant="light" p="xs" icon={<IconAlertTriangle size={16} />} title={call.error_type ?? t('callFailed')}>
          {call.error_message !== undefined && <TextView text={call.error_message} raw mono lines={12} />}
        </Alert>
      )}
      {params.length > 0 && (
        <dl className={classes.params} aria-label={t('parameters')}>
          {params.map(([k, v]) => typeof v === 'object' && v !== null ? <Fold key={k} title={k}><Json value={v} open={2} /></Fold> : <div key={k} className={classes.param}><dt>{k}</dt><dd>{String(v)}</dd></div>)}
        </dl>
      )}
      {tools > 0 && <Fold title={t('tools', { count: tools })}><Json value={call.tools} open={1} /></Fold>}
      <Messages input={call.input} output={call.output} truncated={call.truncated} removed={call.content_removed} failed={call.status === 'error'} />
    </Stack>
  );
}

export function Fold({ title, children, initial = false }: { title: ReactNode; children: ReactNode; initial?: boolean }) {
  const [open, setOpen] = useState(initial);
  return (
    <div>
      <UnstyledButton className={classes.fold} aria-expanded={open} onClick={() => setOpen(!open)}>{open ? <IconChevronDown size={13} /> : <IconChevronRight size={13} />}<Text span size="xs" fw={500}>{title}</Text></UnstyledButton>
      {open && <div className={classes.folded}>{children}</div>}
    </div>
  );
}
