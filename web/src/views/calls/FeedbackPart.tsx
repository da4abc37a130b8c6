// What people and evaluators said about a call, and a way to say it.

import { Badge, Button, Group, Stack, Text, Textarea, TextInput, UnstyledButton } from '@mantine/core';
import { notify } from '~/ui/notify';
import { IconThumbDown, IconThumbUp } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { post } from '~/api/client';
import type { Call, Feedback } from '~/api/types';
import { format } from '~/format/number';
import { common } from '~/i18n/common';
import { Failure } from '~/ui/states';
import { When } from '~/ui/values';
import classes from './call.module.css';
import { callTexts } from './callMessages';

export function FeedbackPart({ call }: { call: Call }) {
  const t = callTexts.useT();
  // What was just said is shown before the store has it.
  const [own, setOwn] = useState<Feedback[]>([]);
  const all = [...own.filter((f) => !(call.feedback ?? []).some((x) => x.id === f.id)), ...(call.feedback ?? [])];
  return (
    <Stack gap="sm">
      <section aria-label={t('given')}>
        <Text size="sm" fw={600} mb={4}>{t('given')}</Text>
        {all.length === 0 ? <Text size="xs" c="dimmed">{t('noFeedback')}</Text> : <Stack gap={6}>{all.map((f, i) => <Judgement key={f.id ?? i} f={f} />)}</Stack>}
      </section>
      <Give call={call} onGiven={(f) => setOwn((was) => [f, ...was])} />
    </Stack>
  );
}

function Judgement({ f }: { f: Feedback }) {
  const t = callTexts.useT();
  const up = f.label === 'thumbs_up';
  const down = f.label === 'thumbs_down';
  return (
    <article className={classes.judgement}>
      <Group gap={6}>
        {up && <IconThumbUp size={15} aria-hidden />}
        {down && <IconThumbDown size={15} aria-hidden />}
        {(up || down) && <Text size="xs" fw={600}>{t(up ? 'thumbUp' : 'thumbDown')}</Text>}
        {f.name !== undefined && <Text size="xs" fw={600}>{f.name}</Text>}
        {f.score !== undefined && !up && !down && <Badge size="sm" variant="light" tt="none">{t('score', { n: format(f.score, 'score') })}</Badge>}
        {f.label !== undefined && !up && !down && <Badge size="sm" variant="default" tt="none">{f.label}</Badge>}
        <Text size="xs" c="dimmed" ml="auto" component="div">{t('by', { who: f.user ?? f.evaluator ?? 'user' })} · <When time={f.received ?? f.time} /></Text>
      </Group>
      {f.comment !== undefined && <Text size="sm" className={classes.comment}>{f.comment}</Text>}
    </article>
  );
}

type Thumb = 'up' | 'down';

function Give({ call, onGiven }: { call: Call; onGiven: (f: Feedback) => void }) {
  const t = callTexts.useT();
  const c = common.useT();
  const client = useQueryClient();
  const [thumb, setThumb] = useState<Thumb>();
  const [label, setLabel] = useState('');
  const [comment, setComment] = useState('');
  const send = useMutation({
    // A label of one's own stands instead of the thumb's; then the thumb is said as its score.
    mutationFn: () => post<Feedback>('/feedback', { call_id: call.id, comment: comment.trim() || undefined, ...(label.trim() === '' ? { thumb } : { label: label.trim(), score: thumb === undefined ? undefined : thumb === 'up' ? 1 : 0 }) }),
    onSuccess: (f) => {
      onGiven(f);
      setThumb(undefined);
      setLabel('');
      setComment('');
      notify({ message: t('sent'), autoClose: 2000, withBorder: true });
      void client.invalidateQueries({ queryKey: ['call', call.id] });
    },
  });
  const nothing = thumb === undefined && label.trim() === '' && comment.trim() === '';
  const button = (value: Thumb, Icon: typeof IconThumbUp, text: string) => (
    <UnstyledButton className={classes.thumb} data-value={value} aria-pressed={thumb === value} onClick={() => setThumb(thumb === value ? undefined : value)}><Icon size={16} /> {text}</UnstyledButton>
  );
  return (
    <form aria-label={t('give')} onSubmit={(e) => { e.preventDefault(); if (!nothing) send.mutate(); }}>
      <Text size="sm" fw={600} mb={4}>{t('give')}</Text>
      <Stack gap={8}>
        <Group gap={6} role="group" aria-label={t('thumbs')}>{button('up', IconThumbUp, t('thumbUp'))}{button('down', IconThumbDown, t('thumbDown'))}</Group>
        <TextInput size="xs" label={t('label')} placeholder={t('labelPlaceholder')} value={label} maxLength={200} onChange={(e) => setLabel(e.currentTarget.value)} />
        <Textarea size="xs" label={t('comment')} placeholder={t('commentPlaceholder')} value={comment} autosize minRows={2} maxRows={8} maxLength={8000} onChange={(e) => setComment(e.currentTarget.value)} />
        {send.error !== null && <Failure error={send.error} compact />}
        <Group gap="xs">
          <Button type="submit" size="xs" loading={send.isPending} disabled={nothing}>{t('sendFeedback')}</Button>
          {nothing ? <Text size="xs" c="dimmed">{t('nothingSaid')}</Text> : <Button size="xs" variant="subtle" color="gray" onClick={() => { setThumb(undefined); setLabel(''); setComment(''); }}>{c('clear')}</Button>}
        </Group>
      </Stack>
    </form>
  );
}
