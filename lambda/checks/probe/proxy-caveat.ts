// Describes how likely it is that something before the server answered the wire probe.

import type { Snapshot } from '../../model/snapshot.ts';

/** A sentence on proxies and poolers, as far as the audit's own connection shows whether there is one. */
export function proxyCaveat({ networkPath, link }: Snapshot): string {
  if (networkPath?.isDirect === true) {
    return 'The audit itself met the server without anything in between, but another connection may meet another server of a load balancer.';
  }
  if (link.known && link.value.channelBinding) {
    return 'A proxy or load balancer that passes TLS on may answer plaintext by itself, or lead each connection to another server.';
  }
  return 'A proxy or pooler between the auditor and the server may answer in its place.';
}
