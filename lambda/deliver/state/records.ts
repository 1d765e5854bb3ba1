// The records of a state: their form in every store, when they expire, and how two of them are merged.

import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { mergeMuteRecords, mergeRecords, mergeTargetRecords } from '../../lifecycle/merge.ts';
import {
  type AuditState,
  type FindingRecord,
  type MuteRecord,
  REASONS,
  RESOLUTIONS,
  type TargetRecord,
} from '../../model/lifecycle.ts';
import { SEVERITIES } from '../../model/severity.ts';
import { DAY_MS } from '../../model/time.ts';
import { boundedRecord } from './bounds.ts';

/** The version of every stored record. A store refuses a higher version: it would lose fields that it does not know. */
export const STATE_SCHEMA_VERSION = 1;

/** One record, with a key that is unique among the records of its kind. */
export type StateRecord =
  | { readonly kind: 'finding'; readonly key: string; readonly record: FindingRecord }
  | { readonly kind: 'target'; readonly key: string; readonly record: TargetRecord }
  | { readonly kind: 'mute'; readonly key: string; readonly record: MuteRecord };

export const KINDS = ['finding', 'target', 'mute'] as const satisfies readonly StateRecord['kind'][];

/** Days for which a resolved finding is kept, for `firstSeen` and the history. */
const RESOLVED_DAYS = 90;
/** Days for which a target without a new snapshot, or a mute without a change, is kept. */
const UNSEEN_DAYS = 400;

const time = z.iso.datetime();
const severity = z.enum(SEVERITIES);
const text = z.string().optional();

const mute = z.object({
  match: z.object({
    fingerprint: text,
    check: text,
    target: text,
    role: text,
    database: text,
    application: text,
    client: text,
  }),
  reason: z.string(),
  owner: z.string(),
  expires: z.string(),
});

const finding = z.object({
  fingerprint: z.string().min(1),
  check: z.string().min(1),
  severity,
  target: z.string().min(1),
  title: z.string(),
  role: text,
  database: text,
  application: text,
  clients: z.array(z.string()).optional(),
  count: z.number().optional(),
  evidence: z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())])),
  remedy: z.string(),
});

/** The schemas of the records, by kind. Unknown keys are left out. */
const RECORD_SCHEMAS = {
  finding: z.object({
    finding,
    status: z.enum(['open', 'resolved']),
    firstSeen: time,
    openedAt: time,
    lastSeen: time,
    lastNotified: z.object({ at: time, severity, reason: z.enum(REASONS) }).optional(),
    mute: mute.optional(),
    resolved: z.object({ at: time, resolution: z.enum(RESOLUTIONS), detail: text }).optional(),
  }) satisfies z.ZodType<FindingRecord>,
  target: z.object({ name: z.string().min(1), takenAt: time }) satisfies z.ZodType<TargetRecord>,
  mute: z.object({
    key: z.string().min(1),
    firstSeen: time,
    lastMatched: time.optional(),
    unusedNotifiedAt: time.optional(),
  }) satisfies z.ZodType<MuteRecord>,
} as const;

/** @throws z.ZodError */
export function parseRecord(kind: StateRecord['kind'], record: unknown): StateRecord {
  switch (kind) {
    case 'finding':
      return findingEntry(RECORD_SCHEMAS.finding.parse(record));
    case 'target':
      return targetEntry(RECORD_SCHEMAS.target.parse(record));
    case 'mute':
      return muteEntry(RECORD_SCHEMAS.mute.parse(record));
  }
}

const findingEntry = (record: FindingRecord): StateRecord => ({
  kind: 'finding',
  key: record.finding.fingerprint,
  record,
});
export const targetEntry = (record: TargetRecord): StateRecord => ({ kind: 'target', key: record.name, record });
const muteEntry = (record: MuteRecord): StateRecord => ({ kind: 'mute', key: record.key, record });

/** The records of a state as they are stored: of bounded size, without undefined properties. */
export function recordsOf({ findings, targets, mutes }: AuditState): StateRecord[] {
  const entries = [
    ...[...findings.values()].map((record) => findingEntry(boundedRecord(record))),
    ...[...targets.values()].map(targetEntry),
    ...[...mutes.values()].map(muteEntry),
  ];
  return entries.map((entry) => withoutUndefined(entry) as StateRecord);
}

/** The state from its records, without those that have expired. */
export function stateOf(entries: Iterable<StateRecord>, now: Date): AuditState {
  const findings = new Map<string, FindingRecord>();
  const targets = new Map<string, TargetRecord>();
  const mutes = new Map<string, MuteRecord>();
  for (const entry of entries) {
    if (isExpired(entry, now)) continue;
    if (entry.kind === 'finding') findings.set(entry.key, entry.record);
    else if (entry.kind === 'target') targets.set(entry.key, entry.record);
    else mutes.set(entry.key, entry.record);
  }
  return { findings, targets, mutes };
}

/** A text that is unique among the records of all kinds. */
export function recordId({ kind, key }: Pick<StateRecord, 'kind' | 'key'>): string {
  return `${kind} ${key}`;
}

/** Whether two records from `recordsOf` or `parseRecord` are equal. */
export function isSame(a: StateRecord | undefined, b: StateRecord | undefined): boolean {
  return isDeepStrictEqual(a, b);
}

/**
 * When a record expires, in seconds since 1970 as for DynamoDB's time to live. An open finding never does: undefined.
 */
export function expiresAt(entry: StateRecord): number | undefined {
  if (entry.kind === 'finding') {
    const { status, resolved, lastSeen } = entry.record;
    return status === 'open' ? undefined : after(resolved?.at ?? lastSeen, RESOLVED_DAYS);
  }
  if (entry.kind === 'target') return after(entry.record.takenAt, UNSEEN_DAYS);
  const { firstSeen, lastMatched = firstSeen, unusedNotifiedAt = firstSeen } = entry.record;
  return Math.max(...[firstSeen, lastMatched, unusedNotifiedAt].map((at) => after(at, UNSEEN_DAYS)));
}

export function isExpired(entry: StateRecord, now: Date): boolean {
  const at = expiresAt(entry);
  return at !== undefined && at * 1000 <= now.getTime();
}

function after(at: string, days: number): number {
  return Math.floor((Date.parse(at) + days * DAY_MS) / 1000);
}

function withoutUndefined(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUndefined);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, part]) => part !== undefined)
      .map(([name, part]) => [name, withoutUndefined(part)]),
  );
}

/** Merges two records of one kind and key, which two runs saved without knowing of each other. */
export function mergeStateRecords(mine: StateRecord, theirs: StateRecord): StateRecord {
  if (mine.kind === 'finding' && theirs.kind === 'finding') {
    return { ...mine, record: mergeRecords(mine.record, theirs.record) };
  }
  if (mine.kind === 'target' && theirs.kind === 'target') {
    return { ...mine, record: mergeTargetRecords(mine.record, theirs.record) };
  }
  if (mine.kind === 'mute' && theirs.kind === 'mute') {
    return { ...mine, record: mergeMuteRecords(mine.record, theirs.record) };
  }
  throw new TypeError(`a ${mine.kind} and a ${theirs.kind} are not of one kind`);
}
