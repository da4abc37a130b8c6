import { TextInput } from '@mantine/core';
import { useDebouncedCallback } from '@mantine/hooks';
import { IconSearch } from '@tabler/icons-react';
import { useEffect, useState } from 'react';
import { useParam } from '~/state/url';

/** A text field that is a parameter of the URL, once one stops typing. */
export function ParamField({ name, label, placeholder, width, search }: { name: string; label: string; placeholder?: string; width?: number | string; search?: boolean }) {
  const [value, set] = useParam(name);
  const [text, setText] = useState(value);
  useEffect(() => setText(value), [value]);
  const later = useDebouncedCallback((v: string) => set(v.trim() === '' ? null : v.trim()), 400);
  return (
    <TextInput
      size="xs" w={width} miw={90} flex={search ? 1 : undefined} aria-label={label} placeholder={placeholder ?? label} value={text}
      leftSection={search ? <IconSearch size={14} /> : undefined} data-search={search ? '' : undefined}
      onChange={(e) => { setText(e.currentTarget.value); later(e.currentTarget.value); }}
      onKeyDown={(e) => { if (e.key === 'Enter') set(text.trim() === '' ? null : text.trim(), { push: true }); }}
    />
  );
}
