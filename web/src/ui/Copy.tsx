import { ActionIcon, Tooltip } from '@mantine/core';
import { notify } from '~/ui/notify';
import { IconCopy } from '@tabler/icons-react';
import { base, queryString, type Params } from '~/api/client';
import { common } from '~/i18n/common';

/** Copies a text and says so. Where the clipboard is not to be had, as over plain HTTP from elsewhere, it selects a field and copies that. */
export async function copyText(text: string): Promise<void> {
  if (navigator.clipboard !== undefined && window.isSecureContext) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const field = document.createElement('textarea');
  field.value = text;
  field.style.position = 'fixed';
  field.style.opacity = '0';
  document.body.append(field);
  field.select();
  document.execCommand('copy');
  field.remove();
}

export function useCopy(): (text: string) => void {
  const t = common.useT();
  return (text) => {
    void copyText(text).then(() => notify({ message: t('copied'), autoClose: 1500, withBorder: true }));
  };
}

export function CopyButton({ text, label, size = 'xs' }: { text: string; label?: string; size?: 'xs' | 'sm' }) {
  const t = common.useT();
  const copy = useCopy();
  return (
    <Tooltip label={label ?? t('copy')}>
      <ActionIcon variant="subtle" color="gray" size={size} aria-label={label ?? t('copy')} onClick={(e) => { e.stopPropagation(); copy(text); }}>
        <IconCopy size={13} />
      </ActionIcon>
    </Tooltip>
  );
}

/** A curl command for an endpoint of Pitot's API at this server. */
export function curl(path: string, params: Params = {}): string {
  return `curl -s '${window.location.origin}${path.startsWith('/api/') || path.startsWith('/select/') ? '' : base}${path}${queryString(params).replaceAll("'", '%27')}'`;
}
