// A judgement that a person gives here.

import { Button, Group, Modal, NumberInput, SegmentedControl, Stack, TextInput, Textarea } from '@mantine/core';
import { notify } from '~/ui/notify';
import { IconThumbDown, IconThumbUp } from '@tabler/icons-react';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { post } from '~/api/client';
import type { Feedback, FeedbackInput } from '~/api/types';
import { common } from '~/i18n/common';
import { useParam } from '~/state/url';
import { Failure } from '~/ui/states';
import { feedbackOf, type Judgement } from './judge';
import { quality } from './messages';

const blank: Judgement = { about: '', kind: '', score: '', name: '', label: '', comment: '', user: '' };
const remembered = 'pitot.judge.user';

export function Judge() {
  const t = quality.useT();
  const c = common.useT();
  const client = useQueryClient();
  const [about, setAbout] = useParam('judge', '-');
  const [j, setJ] = useState<Judgement>(blank);
  const opened = about !== '-';
  const set = (change: Partial<Judgement>) => setJ((was) => ({ ...was, ...change }));
  useEffect(() => {
    if (opened) setJ({ ...blank, about: about === 'new' ? '' : about, user: window.localStorage.getItem(remembered) ?? '' });
  }, [opened, about]);
  const body = feedbackOf(j);
  const send = useMutation({
    mutationFn: (b: FeedbackInput) => post<Feedback>('/feedback', b),
    onSuccess: () => {
      window.localStorage.setItem(remembered, j.user);
      notify({ message: t('saved'), color: 'green' });
      setAbout(null);
      // It is in the store within a second or so.
      window.setTimeout(() => void client.invalidateQueries(), 1500);
    },
  });
  const close = () => { send.reset(); setAbout(null); };
  return (
    <Modal opened={opened} onClose={close} title={t('judgeTitle')} centered closeButtonProps={{ 'aria-label': c('close') }}>
      <form onSubmit={(e) => { e.preventDefault(); if (typeof body !== 'string') send.mutate(body); }}>
        <Stack gap="xs">
          <TextInput size="sm" label={t('callId')} description={t('callIdHelp')} value={j.about} onChange={(e) => set({ about: e.currentTarget.value })} required data-autofocus={about === 'new' ? true : undefined} />
          <SegmentedControl
            fullWidth aria-label={t('howGood')} value={j.kind} onChange={(v) => set({ kind: v as Judgement['kind'] })}
            data={[{ value: '', label: '–' }, { value: 'up', label: <Group gap={4} justify="center" wrap="nowrap"><IconThumbUp size={14} />{t('up')}</Group> }, { value: 'down', label: <Group gap={4} justify="center" wrap="nowrap"><IconThumbDown size={14} />{t('down')}</Group> }, { value: 'score', label: t('asScore') }]}
          />
          {j.kind === 'score' && <NumberInput size="sm" label={t('scoreValue')} min={0} max={1} step={0.1} decimalScale={2} clampBehavior="strict" value={j.score} onChange={(v) => set({ score: String(v) })} />}
          <Group grow>
            <TextInput size="sm" label={t('nameField')} placeholder={t('namePlaceholder')} value={j.name} onChange={(e) => set({ name: e.currentTarget.value })} maxLength={256} />
            <TextInput size="sm" label={t('labelField')} placeholder={t('labelPlaceholder')} value={j.label} onChange={(e) => set({ label: e.currentTarget.value })} maxLength={256} disabled={j.kind === 'up' || j.kind === 'down'} />
          </Group>
          <Textarea size="sm" label={t('commentField')} autosize minRows={2} maxRows={8} maxLength={16_000} value={j.comment} onChange={(e) => set({ comment: e.currentTarget.value })} />
          <TextInput size="sm" label={t('userField')} value={j.user} onChange={(e) => set({ user: e.currentTarget.value })} maxLength={256} />
          {send.error !== null && <Failure error={send.error} compact />}
          <Group justify="flex-end" gap="xs">
            <Button size="xs" variant="default" onClick={close}>{c('cancel')}</Button>
            <Button size="xs" type="submit" loading={send.isPending} disabled={typeof body === 'string'} title={typeof body === 'string' ? t(body) : undefined}>{c('send')}</Button>
          </Group>
        </Stack>
      </form>
    </Modal>
  );
}
