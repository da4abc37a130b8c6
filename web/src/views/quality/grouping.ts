import { dimensionName } from '~/ui/dimensions';
import { quality } from './messages';

/** The name of what judgements are grouped by; name and evaluator are no dimensions of calls. */
export function groupingName(by: string): string {
  return by === 'name' ? quality.t('judgement') : by === 'evaluator' ? quality.t('evaluator') : dimensionName(by);
}
