// Sums the logins that connection logs show.

import type { ReportTarget } from './schema.ts';

/** Of the targets whose log was read, which may be none: then the sums say nothing. */
export function plaintextLogins(targets: readonly Pick<ReportTarget, 'logins'>[]): {
  readonly read: number;
  readonly total: number;
  readonly plaintext: number;
} {
  const logged = targets.flatMap(({ logins }) => logins ?? []);
  return {
    read: logged.length,
    total: logged.reduce((sum, { total }) => sum + total, 0),
    plaintext: logged.reduce((sum, { byTransport }) => sum + byTransport.plaintext, 0),
  };
}
