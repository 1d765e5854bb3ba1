// Combines a snapshot's rules with what the audit's own logins prove about them.

import type { HbaFacts } from '../../model/hba.ts';
import { known, type Observed } from '../../model/observed.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { type SeenLogin, withSeenLogins } from './proven-quoting.ts';

/**
 * The rules, with quotes that logins prove: the auditor's own, and the one that the wire probe tried.
 *
 * @param probe false for the rules by which the probe's answer itself is to be explained
 */
export function rulesOf(snapshot: Snapshot, { probe = true }: { readonly probe?: boolean } = {}): Observed<HbaFacts> {
  const kept = probe ? WITH_PROBE : WITHOUT_PROBE;
  const rules = kept.get(snapshot) ?? readRules(snapshot, probe);
  kept.set(snapshot, rules);
  return rules;
}

/** Several checks go by the rules of a snapshot. What is worked out of them is kept with them, by the rule. */
const WITH_PROBE = new WeakMap<Snapshot, Observed<HbaFacts>>();
const WITHOUT_PROBE = new WeakMap<Snapshot, Observed<HbaFacts>>();

function readRules(snapshot: Snapshot, probe: boolean): Observed<HbaFacts> {
  const { hba } = snapshot;
  // Rules that wait to be loaded are not those by which anybody was let in.
  if (!hba.known || hba.value.changedSinceLoad === true) return hba;
  const own = hba.value.login === undefined ? [] : [{ ...hba.value.login, accepted: true }];
  return known(withSeenLogins(hba.value, probe ? [...own, ...probedLogin(snapshot)] : own));
}

function probedLogin({ probe, networkPath }: Snapshot): readonly SeenLogin[] {
  if (!probe?.known || !probe.value.plaintext.known || networkPath?.isDirect !== true) return [];
  const { role, database, plaintext } = probe.value;
  // Nothing proves who answered in plaintext: that may make a judgement worse, and never better, as a refusal would.
  if (networkPath.clientAddressAtServer === undefined || !plaintext.value.accepted) return [];
  return [{ encryption: 'plaintext', role, database, address: networkPath.clientAddressAtServer, accepted: true }];
}
