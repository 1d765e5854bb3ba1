// Selects the part of a remedy that the target's platform needs.

import { providerOfName } from '../../model/hosting.ts';
import { PLATFORM_NAMES, PLATFORMS, type Platform, type PlatformRemedy, type Remedy } from '../../model/remedy.ts';
import type { Snapshot } from '../../model/snapshot.ts';

/** The remedy as a finding of this target shows it. */
export function remedyText(remedy: Remedy, snapshot: Snapshot): string {
  if (typeof remedy === 'string') return remedy;
  // What is PostgreSQL's, or a provider's, is nothing that a pooler has.
  if (snapshot.target.kind === 'pgbouncer') return joined(remedy.everywhere, remedy.pgbouncer);
  const platform = platformOf(snapshot);
  return joined(remedy.everywhere, platform === undefined ? forUnknown(remedy) : remedy[platform]);
}

/**
 * By the name that its certificate was verified for; where no connection came about, by the one that it was to be
 * reached by, which is proof of nothing but enough for advice. A server whose login may read the rules is
 * self-managed: that takes a superuser's GRANT, which no provider gives. Undefined where none of this is known.
 */
function platformOf({ link, target, hba, cloud }: Snapshot): Platform | undefined {
  // Discovery lists databases of RDS by its API.
  if (cloud !== undefined) return 'rds';
  const provider = providerOfName(link.known ? link.value.verifiedName : (target.host ?? ''));
  if (provider === undefined && hba.known) return 'selfManaged';
  return PLATFORMS.find((platform) => platform === provider);
}

/** Most such servers are their owner's; others are a provider's, behind a name of the owner's. */
function forUnknown(remedy: PlatformRemedy): string {
  const isSame = PLATFORMS.every((platform) => remedy[platform] === remedy.selfManaged);
  return joined(remedy.selfManaged, isSame ? undefined : ON_A_SERVICE);
}

const ON_A_SERVICE =
  'If a cloud provider runs this server, "pg-tls-auditor explain <check>" shows what to set there instead.';

const PGBOUNCER = 'PgBouncer';

/** The remedy for every platform: each platform's part under its heading. */
export function wholeRemedy(remedy: Remedy): string {
  if (typeof remedy === 'string') return remedy;
  return joined(remedy.everywhere, ...remedyParts(remedy).map(({ of, text }) => `${of}:\n${text}`));
}

/**
 * The parts under their headings, in the order in which platforms are listed; those that need the same share one part.
 * The first line of a managed service's part is a sentence that says what the commands after it do.
 */
export function remedyParts(remedy: PlatformRemedy): readonly { readonly of: string; readonly text: string }[] {
  const groups = Map.groupBy(PLATFORMS, (platform) => remedy[platform]);
  const parts = [...groups].map(([text, platforms]) => ({
    of: platforms.map((platform) => PLATFORM_NAMES[platform]).join(', '),
    text,
  }));
  return remedy.pgbouncer === undefined ? parts : [...parts, { of: PGBOUNCER, text: remedy.pgbouncer }];
}

function joined(...parts: readonly (string | undefined)[]): string {
  return parts.filter((part) => part !== undefined && part !== '').join('\n');
}
