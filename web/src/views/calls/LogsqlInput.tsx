// The field for a LogsQL filter, with completion of names and values.

import { Combobox, Kbd, Text, TextInput, useCombobox } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { IconFilterCode } from '@tabler/icons-react';
import { useEffect, useRef, useState } from 'react';
import type { ApiError } from '~/api/client';
import { matching, spotAt, take, type Spot } from './complete';
import classes from './explorer.module.css';
import { calls } from './messages';
import { useFieldNames, useFieldValues } from './useFields';

function useSuggestions(spot: Spot | undefined, active: boolean, end: number): string[] {
  const [field] = useDebouncedValue(spot?.kind === 'value' ? spot.field : undefined, 120);
  const names = useFieldNames(end, active);
  const values = useFieldValues(field, end, active);
  if (spot === undefined) return [];
  if (spot.kind === 'field') return matching(names.data ?? [], spot.prefix);
  return spot.field === field ? matching(values.data ?? [], spot.prefix) : [];
}

export function LogsqlInput({ value, onApply, error, end }: { value: string; onApply: (text: string) => void; error?: ApiError; end: number }) {
  const t = calls.useT();
  const [text, setText] = useState(value);
  const [cursor, setCursor] = useState(0);
  const [focused, setFocused] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => setText(value), [value]);
  const combobox = useCombobox({ onDropdownClose: () => combobox.resetSelectedOption() });
  const spot = focused ? spotAt(text, cursor) : undefined;
  const list = useSuggestions(spot, focused, end);
  const shown = list.length > 0 && !(list.length === 1 && list[0] === spot?.prefix);

  const choose = (choice: string) => {
    if (spot === undefined) return;
    const next = take(text, spot, choice);
    setText(next.text);
    setCursor(next.cursor);
    combobox.resetSelectedOption();
    requestAnimationFrame(() => input.current?.setSelectionRange(next.cursor, next.cursor));
  };
  const follow = () => setCursor(input.current?.selectionStart ?? text.length);
  const apply = () => {
    combobox.closeDropdown();
    if (text.trim() !== value) onApply(text.trim());
  };
  const onKeyDown = (e: React.KeyboardEvent) => {
    const at = combobox.getSelectedOptionIndex();
    if (e.key === 'Tab' && combobox.dropdownOpened && shown && !e.shiftKey && (at >= 0 || (spot?.prefix ?? '') !== '')) {
      e.preventDefault();
      choose(list[Math.max(at, 0)] ?? '');
    } else if (e.key === 'Enter' && (!combobox.dropdownOpened || at < 0)) {
      e.preventDefault();
      apply();
    } else if (e.key === 'Escape' && combobox.dropdownOpened) {
      e.stopPropagation();
      combobox.closeDropdown();
    }
  };

  return (
    <Combobox store={combobox} onOptionSubmit={choose} position="bottom-start" width={340} middlewares={{ flip: true, shift: true }} withinPortal>
      <Combobox.Target withKeyboardNavigation={shown}>
        <TextInput
          ref={input} size="xs" className={classes.query} classNames={{ input: classes.mono }} leftSection={<IconFilterCode size={14} />} aria-label={t('queryLabel')} placeholder={t('queryPlaceholder')} title={t('queryHelp')} spellCheck={false} autoComplete="off" autoCapitalize="off"
          value={text} rightSectionWidth={text.trim() === value ? 0 : 30} rightSectionPointerEvents="none" rightSection={text.trim() === value ? undefined : <Kbd size="xs">↵</Kbd>}
          error={error === undefined ? undefined : <span><b>{t('wrongQuery')}</b>: {error.message.replace(/^query: /, '')}{error.hint === '' ? null : <Text span c="dimmed" size="xs"> · {error.hint}</Text>}</span>}
          onChange={(e) => { setText(e.currentTarget.value); setCursor(e.currentTarget.selectionStart ?? 0); combobox.openDropdown(); combobox.resetSelectedOption(); }}
          onFocus={() => { setFocused(true); follow(); combobox.openDropdown(); }}
          onBlur={() => setFocused(false)}
          onKeyUp={follow} onClick={() => { follow(); combobox.openDropdown(); }} onKeyDown={onKeyDown}
        />
      </Combobox.Target>
      <Combobox.Dropdown hidden={!shown}>
        <Combobox.Options mah={260} className={classes.options} aria-label={t('suggestions')}>
          <Combobox.Group label={spot?.kind === 'value' ? `${t('values')} · ${spot.field}` : t('fields')}>
            {list.map((x) => <Combobox.Option key={x} value={x} className={classes.option}>{x}</Combobox.Option>)}
          </Combobox.Group>
        </Combobox.Options>
      </Combobox.Dropdown>
    </Combobox>
  );
}
