import { CallView } from './CallView';

/** One call as a page of its own. */
export default function CallPage({ id }: { id: string }) {
  return <CallView id={id} page />;
}
