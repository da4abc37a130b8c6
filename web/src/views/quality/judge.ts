import type { FeedbackInput } from '~/api/types';

/** What was filled in. */
export interface Judgement {
  /** The id of a call, or the provider's of an answer. */
  about: string;
  kind: '' | 'up' | 'down' | 'score';
  score: string;
  name: string;
  label: string;
  comment: string;
  user: string;
}

/** Calls have ULIDs; everything else is an id of a provider. */
const ulid = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

/** The body of POST /feedback, or what is missing. */
export function feedbackOf(j: Judgement): FeedbackInput | 'needCall' | 'needSomething' {
  const about = j.about.trim();
  if (about === '') return 'needCall';
  const text = (s: string) => (s.trim() === '' ? undefined : s.trim());
  const score = j.kind === 'score' && j.score.trim() !== '' ? Number(j.score) : undefined;
  const thumb = j.kind === 'up' || j.kind === 'down' ? j.kind : undefined;
  // A thumb has a label of its own.
  const label = thumb === undefined ? text(j.label) : undefined;
  const comment = text(j.comment);
  if (thumb === undefined && label === undefined && comment === undefined && (score === undefined || !(score >= 0 && score <= 1))) return 'needSomething';
  const body: FeedbackInput = { ...(ulid.test(about) ? { call_id: about } : { response_id: about }), thumb, score, label, comment, name: text(j.name), user: text(j.user) };
  return Object.fromEntries(Object.entries(body).filter(([, v]) => v !== undefined)) as FeedbackInput;
}
