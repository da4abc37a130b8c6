import { MantineProvider } from '@mantine/core';
import { QueryClient, QueryClientProvider } from '@tanstack/react-query';
import { StrictMode } from 'react';
import { createRoot } from 'react-dom/client';
import '@mantine/core/styles.css';
import './app/global.css';
import './i18n';
import { Gate } from './account/Gate';
import { ApiError } from './api/client';
import { nonce } from './app/nonce';
import { Notices } from './app/Notices';
import { Shell } from './app/Shell';
import { theme } from './app/theme';
import { SettingsProvider } from './state/settings';

const client = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      gcTime: 60_000,
      refetchOnWindowFocus: false,
      // What the request is at fault for does not get better by asking again.
      retry: (n, e) => n < 1 && !(e instanceof ApiError && e.status >= 400 && e.status < 500),
    },
  },
});

const root = document.getElementById('root');
if (root !== null) {
  createRoot(root).render(
    <StrictMode>
      <MantineProvider theme={theme} defaultColorScheme="auto" getStyleNonce={() => nonce}>
        <QueryClientProvider client={client}>
          <SettingsProvider>
            <Notices />
            <Gate><Shell /></Gate>
          </SettingsProvider>
        </QueryClientProvider>
      </MantineProvider>
    </StrictMode>,
  );
}
