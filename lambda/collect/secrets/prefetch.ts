// All secrets of a run, asked for at its start: twenty to a call, instead of one by one as targets come to their turn.

import type { Target } from '../../model/target.ts';
import type { SecretStore } from './store.ts';

/** Starts fetching. What fails here is asked for again, and told, by the targets that need it. */
export function prefetchSecrets(targets: readonly Target[], secrets: SecretStore): void {
  const sources = targets.flatMap(({ credentials, ca, crl = [], clientCertificate }) => [
    credentials,
    ...ca,
    ...crl,
    clientCertificate,
  ]);
  const ids = sources.flatMap((source) => (typeof source === 'object' && 'secret' in source ? source.secret : []));
  for (const id of new Set(ids)) secrets.get(id).catch(() => {});
}
