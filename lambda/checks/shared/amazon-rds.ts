// Whether a server is Amazon RDS or Aurora, as far as that is proven.

import type { Snapshot } from '../../model/snapshot.ts';

/** Where Amazon's own certificate authorities alone vouch for names. */
const DOMAINS = /\.rds\.amazonaws\.com(\.cn)?\.?$/i;

/**
 * By the name that its certificate was verified for. A setting such as `rds.force_ssl` proves nothing: on a server of
 * one's own, the owner of any database can set it.
 */
export function isAmazonRds({ link }: Snapshot): boolean {
  return link.known && DOMAINS.test(link.value.verifiedName);
}
