// Determines who runs a server, as far as that is proven.

import { type ProviderId, providerOfName } from '../../model/hosting.ts';
import type { Snapshot } from '../../model/snapshot.ts';

/**
 * The provider that the server has proven to belong to, by the name that its certificate was verified for: CAs issue
 * certificates for a provider's domains to that provider only. A setting such as `rds.force_ssl` proves nothing: on a
 * server of one's own, the owner of any database can make it up with ALTER DATABASE … SET. Undefined where nothing is
 * proven.
 */
export function provenProvider({ link }: Snapshot): ProviderId | undefined {
  return link.known ? providerOfName(link.value.verifiedName) : undefined;
}

export function isAmazonRds(snapshot: Snapshot): boolean {
  return provenProvider(snapshot) === 'rds';
}
