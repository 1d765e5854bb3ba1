// Plans the end of plaintext for one target: who would break, whether it is ready, and what to do.

import { clientNetworks } from '../analysis/sessions/client-networks.ts';
import { describeGuess, guessDriver } from '../drivers/guess.ts';
import type { ClientRecord, ClientUse, KnownClient } from '../model/client-record.ts';
import { displayText } from '../model/display.ts';
import type { FindingRecord } from '../model/lifecycle.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { compareText } from '../model/text-order.ts';
import { DAY_MS, HOUR_MS } from '../model/time.ts';
import { dayOf, keptServer } from './record.ts';
import { refusesPlaintext } from './refuses-plaintext.ts';
import type { PlannedClient, TargetPlan } from './schema.ts';
import { type Steps, stepsFor } from './steps.ts';

export interface PlanInput {
  readonly name: string;
  /** Undefined where no run has kept anything of its clients. */
  readonly record: ClientRecord | undefined;
  /** Why what was kept can't be used; undefined where it can. */
  readonly problem?: string | undefined;
  /** The records of its findings, muted or not. */
  readonly findings: readonly Pick<FindingRecord, 'finding' | 'lastSeen' | 'status'>[];
  /** Of the window: 30 by default. */
  readonly days: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A last run that is older says nothing of today. */
const STALE_MS = 26 * HOUR_MS;
/** Days without plaintext after which a client that was seen once counts as moved. */
const MOVED_AFTER_DAYS = 7;

interface Given extends PlanInput {
  /** The facts of the server that were kept; undefined where there are none. */
  readonly server: Snapshot | undefined;
}

/** What is known without the steps. */
interface Known extends Given {
  readonly window: Window | undefined;
  /** Milliseconds since 1970: where the window begins, or would. */
  readonly from: number;
  readonly clients: readonly PlannedClient[];
  readonly progress: { readonly moved: number; readonly of: number };
  /** What keeps it from being known that no client breaks. */
  readonly unseen: readonly string[];
  /** Whether the server is known to refuse plaintext over the network. */
  readonly isRefused: boolean;
}

/** Checks whose clients break once plaintext is refused. */
const PLAINTEXT_CHECKS: ReadonlySet<string> = new Set(['plaintext-session', 'tls-fallback']);

/** Pure: the same for the same input. Nothing that is not known makes it ready, and no mute does. */
export function planTarget(input: PlanInput): TargetPlan {
  const { record, days } = input;
  const known = knownOf(input);
  const { window, from, clients, progress } = known;
  const steps = stepsOf(known);
  return {
    name: displayText(input.name),
    ...assess(known, steps),
    platform: steps?.platform ?? 'unknown',
    window:
      window === undefined
        ? null
        : { from: iso(window.from), to: iso(window.to), days, daysNotCovered: window.daysNotCovered },
    progress: { ...progress, since: iso(firstPlaintext(record, from) ?? from) },
    clients: [...clients],
    refused: refusedIn(record, from),
    steps: [...(steps?.steps ?? [])],
  };
}

/**
 * What `planTarget` says of the readiness, for a fraction of its time: changes of rules are tried only where nothing
 * else keeps the target from being ready, so that reasons which only the steps have may be missing elsewhere.
 */
export function planReadiness(input: PlanInput): Pick<TargetPlan, 'readiness' | 'reasons'> {
  const known = knownOf(input);
  const untried = assess(known, undefined);
  return untried.readiness === 'ready' || untried.readiness === 'waiting' ? assess(known, stepsOf(known)) : untried;
}

function knownOf(input: PlanInput): Known {
  const { name, record, days, now } = input;
  const server = keptServer(record, name);
  const given: Given = { ...input, server };
  const window = windowOf(record, days);
  const from = window?.from ?? now - days * DAY_MS;
  const clients = [
    ...(record?.clients ?? []).filter(isOverNetwork).map((client) => planClient(client, given, from)),
    ...onlyInFindings(given, from),
  ].toSorted(compareClients);
  const moved = clients.filter((client) => client.moved).length;
  const blocking = clients.filter(({ breaks }) => breaks).length;
  const unseen = gapsOf(given, window);
  const isRefused = server !== undefined && refusesPlaintext(server) === true;
  return { ...given, window, from, clients, progress: { moved, of: moved + blocking }, unseen, isRefused };
}

/** @returns undefined where no facts of the server are known */
function stepsOf({ server, record, clients, progress, unseen, from }: Known): Steps | undefined {
  if (server === undefined) return undefined;
  const gssSeen = (record?.clients ?? []).some(({ uses }) => uses.gss !== undefined);
  // Where something could not be seen, a role may have clients that were not.
  const done = unseen.length > 0 || progress.of === 0 ? NO_ROLES : rolesDone(record, clients, from);
  return stepsFor(server, { gssSeen, done });
}

/** Checks that find plaintext admitted by the server, over whatever the policy takes for a network. */
const ADMITTING_CHECKS: ReadonlySet<string> = new Set(['plaintext-allowed', 'plaintext-accepted']);

const ADMITTED_OTHERWISE =
  'the rules refuse plaintext over the network, and an open finding says that it is admitted: over loopback, which these steps leave as it is, where policy.loopback is "network"; else audit again';

function assess(
  { isRefused, progress: { moved, of }, unseen, days, findings }: Known,
  steps: Steps | undefined,
): Pick<TargetPlan, 'readiness' | 'reasons'> {
  const blocking = of - moved;
  const isAdmitted = findings.some(({ finding, status }) => status === 'open' && ADMITTING_CHECKS.has(finding.check));
  const isEnforced = isRefused && !isAdmitted;
  const gaps = [
    ...unseen,
    ...(isRefused && isAdmitted ? [ADMITTED_OTHERWISE] : []),
    ...(steps?.doubt === undefined ? [] : [steps.doubt]),
  ];
  const readiness = readinessOf({ isEnforced, blocking, moved, gaps });
  return {
    readiness,
    reasons: [
      ...(blocking === 0 ? [] : [whatBlocks(blocking, readiness)]),
      ...(readiness === 'enforced' ? ['the server refuses plaintext over the network'] : []),
      ...(readiness === 'waiting'
        ? [`${plural(moved, 'client')} moved to TLS within the last ${days} days: wait until the window is over`]
        : []),
      ...gaps,
    ],
  };
}

const NO_ROLES: ReadonlySet<string> = new Set();

/** Roles whose clients came over TLS within the window, and none of them in plaintext, whatever it does since. */
function rolesDone(
  record: ClientRecord | undefined,
  planned: readonly PlannedClient[],
  from: number,
): ReadonlySet<string> {
  const open = planned.filter(({ lastPlaintext }) => lastPlaintext !== null).map(({ role }) => role);
  // It may be any role's.
  if (open.includes(null)) return NO_ROLES;
  const clients = record?.clients ?? [];
  const privileged = new Set(clients.filter((each) => each.superuser || each.replication).map(({ role }) => role));
  return new Set(
    clients.flatMap(({ role, uses: { tls } }) =>
      role !== undefined &&
      tls !== undefined &&
      tls.last >= from &&
      !privileged.has(role) &&
      !open.includes(shown(role))
        ? [role]
        : [],
    ),
  );
}

/** Whether the server's switch concerns a client: sockets, and loopback where it stays as it is, have no part in it. */
function isOverNetwork(client: KnownClient): boolean {
  const { side, uses } = client;
  if (side === 'server') return false;
  return plaintextOf(client) !== undefined || uses.tls !== undefined || uses.gss !== undefined;
}

/** PgBouncer makes no difference between loopback and the network once it asks for TLS. */
function plaintextOf({ side, uses: { plaintext, loopback } }: KnownClient): ClientUse | undefined {
  if (side !== 'client' || loopback === undefined) return plaintext;
  if (plaintext === undefined) return loopback;
  const days = new Map(plaintext.days);
  for (const [day, count] of loopback.days) days.set(day, (days.get(day) ?? 0) + count);
  return {
    first: Math.min(plaintext.first, loopback.first),
    last: Math.max(plaintext.last, loopback.last),
    logins: plaintext.logins + loopback.logins,
    days: [...days].toSorted(([a], [b]) => a - b),
    hours: [],
  };
}

interface Window {
  readonly from: number;
  readonly to: number;
  /** Days of it, in UTC, of which not every login is known. */
  readonly daysNotCovered: number;
}

/** The days up to the last run, as far as the log was read there. */
function windowOf(record: ClientRecord | undefined, days: number): Window | undefined {
  if (record === undefined) return undefined;
  const read = record.covered.at(-1)?.[1];
  const to = read !== undefined && record.lastSeen - read <= HOUR_MS ? read : record.lastSeen;
  const from = to - days * DAY_MS;
  let daysNotCovered = 0;
  for (let day = dayOf(from); day <= dayOf(to); day += 1) {
    const [start, end] = [Math.max(from, day * DAY_MS), Math.min(to, (day + 1) * DAY_MS)];
    if (start < end && !record.covered.some(([first, last]) => first <= start && end <= last)) daysNotCovered += 1;
  }
  return { from, to, daysNotCovered: Math.min(daysNotCovered, days) };
}

function gapsOf({ record, now, days, server, problem }: Given, window: Window | undefined): string[] {
  if (problem !== undefined) return [displayText(problem, 400)];
  if (record === undefined || window === undefined) {
    return ['no run has kept anything of its clients: run audits with this state, at least once a day'];
  }
  const gaps: string[] = [];
  if (now - record.lastSeen > STALE_MS) gaps.push(`no run has seen its sessions since ${iso(record.lastSeen)}`);
  if (record.covered.length === 0) {
    gaps.push(
      'snapshots only: a client that connects between two runs is not seen, so it can not be known that none would break; read its connection log ("logs")',
    );
  } else if (window.daysNotCovered > 0) {
    gaps.push(`the log was not read on ${window.daysNotCovered} of ${days} days`);
  }
  if (record.gap !== undefined && record.gap.at > window.from) {
    gaps.push(
      ...record.gap.reasons.slice(0, 3).map((reason) => `on ${iso(record.gap?.at ?? 0)}: ${displayText(reason, 300)}`),
    );
  }
  if (record.hidden > 0) gaps.push(`the server did not show how ${plural(record.hidden, 'session')} travel`);
  if (record.isCut) gaps.push('it has more clients than are kept apart');
  const unshown = record.unshown === undefined ? undefined : inWindow(record.unshown, window.from);
  if (unshown !== undefined) {
    gaps.push(`${plural(unshown.logins, 'unencrypted login')} of which the log does not show the client or its place`);
  }
  if (server === undefined) gaps.push('the facts of the server are not known: audit it again with this version');
  return gaps;
}

function readinessOf({
  isEnforced,
  blocking,
  moved,
  gaps,
}: {
  readonly isEnforced: boolean;
  readonly blocking: number;
  readonly moved: number;
  readonly gaps: readonly string[];
}): TargetPlan['readiness'] {
  if (isEnforced) return 'enforced';
  if (blocking > 0) return 'blocked';
  if (gaps.length > 0) return 'unknown';
  return moved > 0 ? 'waiting' : 'ready';
}

interface Recent {
  readonly last: number;
  readonly logins: number;
}

/** What of a use is in the window; undefined where it is older. */
function inWindow(use: ClientUse, from: number): Recent | undefined {
  if (use.last < from) return undefined;
  const logins = use.days.filter(([day]) => day >= dayOf(from)).reduce((sum, [, count]) => sum + count, 0);
  return { last: use.last, logins };
}

function planClient(client: KnownClient, { server, now }: Given, from: number): PlannedClient {
  const { role, database, application, replication, uses, fellBack, addresses, networks } = client;
  const unencrypted = plaintextOf(client);
  const plaintext = unencrypted === undefined ? undefined : inWindow(unencrypted, from);
  const moved = unencrypted !== undefined && plaintext !== undefined && hasMoved(unencrypted, uses.tls, now);
  const guess = guessDriver({ application, replication, fellBack: fellBack !== undefined && fellBack >= from });
  const endpoint = { host: server?.target.host, port: server?.target.port };
  const line = guess === undefined ? GENERIC : describeGuess(guess, endpoint);
  const newest = Math.max(...Object.values(uses).map((use) => use?.last ?? 0));
  return {
    role: shown(role),
    database: shown(database),
    application: displayText(application),
    replication,
    networks: (networks.length > 0 ? networks : clientNetworks(addresses)).map((each) => displayText(each)),
    logins: plaintext?.logins ?? 0,
    lastSeen: iso(newest),
    lastPlaintext: plaintext === undefined ? null : iso(plaintext.last),
    breaks: plaintext !== undefined && !moved,
    moved,
    ...(guess === undefined ? {} : { driver: guess.drivers.map(({ name }) => name).join(' or ') }),
    fix: plaintext === undefined ? `Survives; nothing shows whether it verifies the server. ${line}` : line,
  };
}

const GENERIC =
  'Make it verify the server: sslmode=verify-full sslrootcert=<CA file> (docs/drivers.md has the line of each driver)';

/** It came over TLS since, and has stayed away from plaintext for longer than it ever did between two such days. */
function hasMoved(plaintext: ClientUse, tls: ClientUse | undefined, now: number): boolean {
  if (tls === undefined || tls.last <= plaintext.last) return false;
  const days = plaintext.days.map(([day]) => day);
  const pauses = days.slice(1).map((day, index) => day - (days[index] ?? day));
  const longest = pauses.length === 0 ? MOVED_AFTER_DAYS : Math.max(1, ...pauses);
  return dayOf(now) - dayOf(plaintext.last) > longest;
}

function firstPlaintext(record: ClientRecord | undefined, from: number): number | undefined {
  const firsts = (record?.clients ?? []).flatMap((client) => {
    const plaintext = plaintextOf(client);
    return plaintext !== undefined && plaintext.last >= from ? [plaintext.first] : [];
  });
  return firsts.length === 0 ? undefined : Math.min(...firsts);
}

/** Where plaintext is refused already, only sessions that were open before are left. */
function whatBlocks(clients: number, readiness: TargetPlan['readiness']): string {
  return readiness === 'enforced'
    ? `${plural(clients, 'client')} came unencrypted before: refused once open sessions end`
    : `blocked by ${plural(clients, 'client')}`;
}

/**
 * Clients of findings of which what is kept does not show that they came unencrypted over the network then: it is
 * younger than they are, the run that saw them could not save it, or the policy takes loopback for a network. A muted
 * finding blocks like any other.
 */
function onlyInFindings({ record, findings, server }: Given, from: number): readonly PlannedClient[] {
  const keyOf = (role: string | null | undefined, database: string | null | undefined, application: string | null) =>
    JSON.stringify([role ?? null, database ?? null, (application ?? '').replace(/\d+/g, '#')]);
  const lastKnown = new Map<string, number>();
  for (const client of record?.clients ?? []) {
    const key = keyOf(shown(client.role), shown(client.database), displayText(client.application));
    lastKnown.set(key, Math.max(lastKnown.get(key) ?? 0, plaintextOf(client)?.last ?? 0));
  }
  return findings.flatMap(({ finding, lastSeen, status }): readonly PlannedClient[] => {
    const { role = null, database = null, application = null, clients = [] } = finding;
    if (!PLAINTEXT_CHECKS.has(finding.check)) return [];
    const seen = Date.parse(lastSeen);
    if (status !== 'open' && seen < from) return [];
    // A log shows logins of up to a day before the run.
    if ((lastKnown.get(keyOf(role, database, application)) ?? 0) >= seen - STALE_MS) return [];
    const guess = guessDriver({ application: application ?? 'unknown' });
    return [
      {
        role,
        database,
        application,
        replication: finding.evidence.kind === 'replication',
        networks: [...clients],
        logins: 0,
        lastSeen,
        lastPlaintext: lastSeen,
        breaks: true,
        moved: false,
        ...(guess === undefined ? {} : { driver: guess.drivers.map(({ name }) => name).join(' or ') }),
        fix:
          guess === undefined
            ? GENERIC
            : describeGuess(guess, { host: server?.target.host, port: server?.target.port }),
      },
    ];
  });
}

/** Those that came back with TLS at once are not broken. */
function refusedIn(record: ClientRecord | undefined, from: number): TargetPlan['refused'] {
  return (record?.refusals ?? [])
    .filter(({ last, count, retriedOverTls }) => last >= from && count > retriedOverTls)
    .map(({ role, database, networks, last, count, retriedOverTls }) => ({
      role: shown(role),
      database: shown(database),
      networks: networks.map((network) => displayText(network)),
      lastSeen: iso(last),
      count: count - retriedOverTls,
    }));
}

function compareClients(a: PlannedClient, b: PlannedClient): number {
  return (
    Number(b.breaks) - Number(a.breaks) ||
    Number(b.moved) - Number(a.moved) ||
    b.logins - a.logins ||
    compareText(a.role ?? '', b.role ?? '') ||
    compareText(a.application ?? '', b.application ?? '')
  );
}

function shown(name: string | undefined): string | null {
  return name === undefined ? null : displayText(name);
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}

function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
