import { createTheme, type MantineColorsTuple } from '@mantine/core';

const pitot: MantineColorsTuple = ['#e3fafc', '#c5f6fa', '#99e9f2', '#66d9e8', '#3bc9db', '#22b8cf', '#15aabf', '#1098ad', '#0b7a8e', '#0b7285'];

// Mantine's green and orange with a darker last shade, which is the text of badges in the light theme: with theirs its contrast is below 4.5.
const green: MantineColorsTuple = ['#ebfbee', '#d3f9d8', '#b2f2bb', '#8ce99a', '#69db7c', '#51cf66', '#40c057', '#37b24d', '#2f9e44', '#237032'];
const orange: MantineColorsTuple = ['#fff4e6', '#ffe8cc', '#ffd8a8', '#ffc078', '#ffa94d', '#ff922b', '#fd7e14', '#f76707', '#e8590c', '#b03a08'];

export const theme = createTheme({
  primaryColor: 'pitot',
  // White on the filled shade has a contrast of 4.5 in both themes.
  primaryShade: { light: 9, dark: 8 },
  colors: { pitot, green, orange },
  fontFamily: '-apple-system, BlinkMacSystemFont, "Segoe UI", Roboto, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", "WenQuanYi Micro Hei", sans-serif',
  fontFamilyMonospace: 'ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "Noto Sans Mono CJK SC", monospace',
  defaultRadius: 'sm',
  respectReducedMotion: true,
  autoContrast: true,
  luminanceThreshold: 0.34,
  cursorType: 'pointer',
});
