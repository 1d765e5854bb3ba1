// Reads the major version out of the version that a server shows.

import type { Snapshot } from './snapshot.ts';

/** The server's major version; undefined where it is not known. */
export function majorOf({ server }: Pick<Snapshot, 'server'>): number | undefined {
  const [, major] = server.known ? (/^(\d+)/.exec(server.value.version) ?? []) : [];
  return major === undefined ? undefined : Number(major);
}
