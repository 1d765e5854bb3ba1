// Compares the wire's answer to a plaintext login with what the configuration says of that login.

import { decide } from '../../analysis/pg-hba/decision.ts';
import { describePlace, hbaLine } from '../../analysis/pg-hba/line.ts';
import { isInDoubt } from '../../analysis/pg-hba/names.ts';
import { rulesOf } from '../../analysis/pg-hba/rules-of.ts';
import { isAmazonRds } from '../../analysis/provider/platform.ts';
import { displayText } from '../../model/display.ts';
import type { HbaRule } from '../../model/hba.ts';
import type { PgBouncerSettings } from '../../model/pooler.ts';
import type { PlaintextAnswer, WireProbe } from '../../model/probe.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { readSetting } from '../shared/setting.ts';
import { proxyCaveat } from './proxy-caveat.ts';

/** What the configuration does with the login that the probe tried. */
export type Configured =
  | { readonly status: 'accepts'; readonly rule?: HbaRule | undefined; readonly by: string }
  | { readonly status: 'refuses'; readonly by: string }
  | { readonly status: 'unknown'; readonly reason: string; readonly doubtful?: readonly HbaRule[] };

export interface PlaintextReconciliation {
  readonly configured: Configured;
  /** A sentence where the answer settles what the rules leave open: which lines do not mean what they seem to. */
  readonly misread?: string | undefined;
  /** One or two sentences where the two disagree: how, and why it may be. */
  readonly disagreement?: string | undefined;
}

export function reconcilePlaintext(
  snapshot: Snapshot,
  probe: WireProbe,
  answer: PlaintextAnswer,
): PlaintextReconciliation {
  const configured = configuredFor(snapshot, probe);
  if (configured.status === 'unknown') return { configured, misread: misreadOf(configured.doubtful ?? [], answer) };
  const difference = differenceOf(configured, answer);
  if (difference === undefined) return { configured };
  const rule = configured.status === 'accepts' ? configured.rule : undefined;
  return { configured, disagreement: `${difference} ${reasonsFor(snapshot, rule)}` };
}

function configuredFor(snapshot: Snapshot, { role, database }: WireProbe): Configured {
  const { networkPath, pooler } = snapshot;
  // Without the answer itself, which is to be compared with the rules.
  const hba = rulesOf(snapshot, { probe: false });
  const withAnswer = rulesOf(snapshot);
  if (pooler !== undefined)
    return pooler.known ? configuredPooler(pooler.value) : { status: 'unknown', reason: pooler.reason };
  if (!hba.known) {
    const forced = readSetting(snapshot, 'rds.force_ssl');
    if (!forced.known || !isAmazonRds(snapshot)) return { status: 'unknown', reason: hba.reason };
    const by = `rds.force_ssl = ${displayText(forced.value)}`;
    if (/^(1|on|true)$/.test(forced.value)) return { status: 'refuses', by };
    if (/^(0|off|false)$/.test(forced.value)) return { status: 'accepts', by };
    return { status: 'unknown', reason: `${by} is not known here` };
  }
  const address = networkPath?.clientAddressAtServer;
  if (address === undefined) {
    return { status: 'unknown', reason: 'the server did not show from which address it sees the auditor' };
  }
  const login = { encryption: 'plaintext', role, database, address } as const;
  const without = decide(hba.value, login);
  // What they leave open, it may settle.
  const decision = without.status === 'unknown' && withAnswer.known ? decide(withAnswer.value, login) : without;
  if (decision.status === 'unknown') {
    return { status: 'unknown', reason: displayText(decision.reason, 400), doubtful: decision.doubtful };
  }
  const { rule } = decision;
  const by = rule === undefined ? 'no line of it matches' : describeRule(rule);
  return decision.status === 'accepted' ? { status: 'accepts', rule, by } : { status: 'refuses', by };
}

function configuredPooler({ values }: PgBouncerSettings): Configured {
  const mode = values.client_tls_sslmode;
  if (mode === undefined) return { status: 'unknown', reason: 'the pooler shows no client_tls_sslmode' };
  const by = `client_tls_sslmode = ${displayText(mode)}`;
  return /^(require|verify-ca|verify-full)$/.test(mode) ? { status: 'refuses', by } : { status: 'accepts', by };
}

/** Lines that seem to decide otherwise than the server did. */
function misreadOf(doubtful: readonly HbaRule[], answer: PlaintextAnswer): string | undefined {
  const wrong = doubtful.filter(({ method }) => (method !== 'reject') !== answer.accepted);
  if (wrong.length === 0) return undefined;
  const lines = wrong.slice(0, 3).map(describeRule).join('; ');
  const more = wrong.length > 3 ? `; and ${wrong.length - 3} more` : '';
  const does = answer.accepted ? 'did not refuse' : 'did not accept';
  const quoted = wrong.some(isInDoubt)
    ? ' In the file one of its keywords is quoted, which makes it the name of a database, role or host.'
    : '';
  return `On the wire this ${does} the login: ${lines}${more}.${quoted}`;
}

/** e.g. `line 12 of pg_hba.conf: host all all all scram-sha-256`. */
function describeRule(rule: HbaRule): string {
  return `${displayText(describePlace(rule), 300)}: ${displayText(hbaLine(rule), 300)}`;
}

/** `ident` asks the ident server of the client's host, not the client. */
const WITHOUT_ASKING: readonly string[] = ['trust', 'ident'];

function differenceOf(
  configured: Exclude<Configured, { status: 'unknown' }>,
  answer: PlaintextAnswer,
): string | undefined {
  const { by } = configured;
  if (answer.accepted !== (configured.status === 'accepts')) {
    return answer.accepted
      ? `The server accepts a plaintext login that its configuration refuses (${by}).`
      : `The server refuses a plaintext login that its configuration accepts (${by}): it said "${displayText(answer.said, 200)}".`;
  }
  if (!answer.accepted || configured.status !== 'accepts' || configured.rule === undefined) return undefined;
  const asks = answer.authentication !== 'none';
  if (asks !== WITHOUT_ASKING.includes(configured.rule.method)) return undefined;
  return asks
    ? `The server asks for a password where its configuration lets the login in without one (${by}).`
    : `The server lets the login in without a password where its configuration asks for one (${by}).`;
}

function reasonsFor(snapshot: Snapshot, rule: HbaRule | undefined): string {
  const { hba, settings, pooler } = snapshot;
  if (pooler !== undefined)
    return 'Its setting may have been changed without a RELOAD, or something in front of it answers.';
  const pending = settings.known ? (settings.value.pendingRestart ?? []) : [];
  const restart = pending.length === 0 ? '' : ` ${pending.join(', ')} waits for a restart of the server.`;
  const place = rule?.fileName === undefined ? 'pg_hba.conf' : displayText(rule.fileName, 300);
  if (!hba.known) return `${proxyCaveat(snapshot)}${restart}`;
  if (hba.value.changedSinceLoad === true) {
    return `${place} was changed after the server last read it, and the audit reads the file: SELECT pg_reload_conf(); makes it count.${restart}`;
  }
  const reload =
    hba.value.changedSinceLoad === false
      ? ''
      : ` Or ${place} was changed and not loaded yet, for the audit reads the file: SELECT pg_reload_conf(); makes it count.`;
  return `${proxyCaveat(snapshot)}${reload}${restart}`;
}
