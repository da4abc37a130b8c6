// Everything else that is known of a call, and all of it as JSON.

import { Stack, Switch, Text } from '@mantine/core';
import { useMemo, useState } from 'react';
import type { Call } from '~/api/types';
import { Json } from '~/ui/Json';
import { Link } from '~/ui/Link';
import { When } from '~/ui/values';
import classes from './call.module.css';
import { callTexts } from './callMessages';
import { Fold } from './Conversation';
import { useFieldName } from './fields';

/** Fields of the head of the table: those that say who called what. */
const fields = ['source', 'service', 'environment', 'provider', 'upstream', 'operation', 'request_model', 'response_model', 'service_tier', 'region', 'user', 'session', 'feature', 'agent', 'workflow', 'prompt_name', 'prompt_version', 'span_name', 'span_id', 'parent_span_id', 'dialect', 'scope', 'scope_version'] as const;

export function DetailsPart({ call }: { call: Call }) {
  const t = callTexts.useT();
  const name = useFieldName();
  const [content, setContent] = useState(false);
  const shown = useMemo(() => (content ? call : { ...call, input: undefined, output: undefined, timeline: undefined }), [call, content]);
  const some = (o: object | undefined) => o !== undefined && Object.keys(o).length > 0;
  return (
    <Stack gap="xs">
      <dl className={classes.table} aria-label={t('identity')}>
        {fields.map((f) => call[f] === undefined || call[f] === '' ? null : <div key={f} className={classes.line}><dt>{name(f)}</dt><dd>{String(call[f])}</dd></div>)}
        {call.finish_reasons !== undefined && <div className={classes.line}><dt>{name('finish_reasons')}</dt><dd>{call.finish_reasons.join(', ')}</dd></div>}
      </dl>
      {some(call.attributes) && <Fold title={t('attributes')} initial><Json value={call.attributes} open={1} /></Fold>}
      {some(call.resource) && <Fold title={t('resource')}><Json value={call.resource} open={1} /></Fold>}
      {(call.events?.length ?? 0) > 0 && (
        <Fold title={`${t('events')} (${call.events?.length})`} initial>
          <Stack gap={4}>{call.events?.map((e, i) => <div key={i}><Text size="xs" component="div"><When time={e.time} millis /> <b>{e.name}</b></Text>{some(e.attributes) && <Json value={e.attributes} open={1} maxHeight={200} />}</div>)}</Stack>
        </Fold>
      )}
      {(call.links?.length ?? 0) > 0 && <Fold title={`${t('links')} (${call.links?.length})`} initial>{call.links?.map((l) => <Text key={l.trace_id + l.span_id} size="xs"><Link to={`/traces/${l.trace_id}?span=${l.span_id}`} size="xs" ff="monospace">{l.trace_id} / {l.span_id}</Link></Text>)}</Fold>}
      <Fold title={t('rawJson')}>
        <Switch size="xs" mb={4} label={t('withContent')} checked={content} onChange={(e) => setContent(e.currentTarget.checked)} />
        <Json value={shown} open={1} maxHeight={560} />
      </Fold>
    </Stack>
  );
}
