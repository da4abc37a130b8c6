// The fields of a call that one filters by, and what they are called.

import { common } from '~/i18n/common';
import { calls } from './messages';

/** Facets in the order of the page; those that are open at first. */
export const facetFields = ['status', 'model', 'provider', 'service', 'operation', 'error_type', 'environment', 'feature', 'prompt_name', 'prompt_version', 'agent', 'finish_reasons', 'user', 'session', 'source', 'stream', 'cost.state', 'upstream', 'workflow', 'dialect'] as const;
export const openAtFirst: readonly string[] = ['status', 'model', 'provider', 'service', 'error_type'];

/** The name of a field in the language of the page. */
export function useFieldName(): (field: string) => string {
  const t = calls.useT();
  const c = common.useT();
  return (field) => {
    switch (field) {
      case 'status': return c('status');
      case 'model': return c('model');
      case 'provider': return c('provider');
      case 'service': return c('service');
      case 'operation': return c('operation');
      case 'error_type': return t('errorType');
      case 'environment': return c('environment');
      case 'feature': return c('feature');
      case 'prompt_name': return t('promptName');
      case 'prompt_version': return c('promptVersion');
      case 'agent': return c('agent');
      case 'finish_reasons': return t('finishReason');
      case 'user': return c('user');
      case 'session': return c('session');
      case 'source': return c('source');
      case 'stream': return t('stream');
      case 'cost.state': return t('costState');
      case 'upstream': return t('upstream');
      case 'workflow': return c('workflow');
      case 'dialect': return t('dialect');
      case 'trace_id': return t('traceId');
      case 'request_model': return t('requestModel');
      case 'response_model': return t('responseModel');
      case 'service_tier': return t('serviceTier');
      case 'region': return c('region');
      case 'span_name': return t('spanName');
      case 'span_id': return t('spanId');
      case 'parent_span_id': return t('parentSpan');
      case 'scope': return t('scope');
      case 'scope_version': return t('scopeVersion');
      default: return field.startsWith('tags.') ? t('tag', { name: field.slice(5) }) : field;
    }
  };
}
