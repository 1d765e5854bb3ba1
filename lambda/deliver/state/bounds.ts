// Bounds the size of a saved finding: enough to notify of its resolution, and never more than an item may hold.

import type { Evidence, Finding } from '../../model/finding.ts';
import type { FindingRecord } from '../../model/lifecycle.ts';

/** Characters (UTF-16) of a role, database or application, a title, a text of evidence and a remedy. */
const NAME = 1_000;
const TITLE = 1_000;
const TEXT = 2_000;
const REMEDY = 8_000;
/** Entries of a list of clients or evidence, and characters of each. */
const LIST = 100;
const LIST_TEXT = 256;

/**
 * The most bytes of a saved finding as JSON. DynamoDB counts fewer bytes for the same content, and takes 400 KB
 * ("Quotas": item size), the rest of the record and the keys included.
 */
const FINDING_BYTES = 200_000;

const NAMES = ['role', 'database', 'application'] as const;

/** Stands for what was left out. It is not an address, so that a mute for all clients never matches a cut list. */
const MORE = '…';

/** The record with a finding of bounded size. Bounding it again changes nothing. */
export function boundedRecord(record: FindingRecord): FindingRecord {
  const finding = boundedFinding(record.finding);
  const { resolved } = record;
  if (resolved?.detail === undefined) return { ...record, finding };
  return { ...record, finding, resolved: { ...resolved, detail: cut(resolved.detail, TEXT) } };
}

/** The finding with its texts and lists cut to a size. Nearly every finding stays as it is. */
function boundedFinding(finding: Finding): Finding {
  const bounded: Finding = {
    ...finding,
    title: cut(finding.title, TITLE),
    ...Object.fromEntries(
      NAMES.flatMap((name) => (finding[name] === undefined ? [] : [[name, cut(finding[name], NAME)]])),
    ),
    ...(finding.clients === undefined ? {} : { clients: cutList(finding.clients) }),
    evidence: boundedEvidence(finding.evidence),
    remedy: cut(finding.remedy, REMEDY),
  };
  if (fits(bounded)) return bounded;
  const withoutLists = Object.entries(bounded.evidence).filter(([, value]) => !Array.isArray(value));
  const lighter = { ...bounded, evidence: Object.fromEntries(withoutLists) };
  if (fits(lighter)) return lighter;
  return { ...bounded, ...(bounded.clients === undefined ? {} : { clients: [MORE] }), evidence: {} };
}

function fits(finding: Finding): boolean {
  return Buffer.byteLength(JSON.stringify(finding)) <= FINDING_BYTES;
}

function boundedEvidence(evidence: Evidence): Evidence {
  return Object.fromEntries(
    Object.entries(evidence).map(([name, value]) => {
      if (typeof value === 'string') return [name, cut(value, TEXT)];
      if (typeof value === 'number') return [name, exact(value)];
      return [name, typeof value === 'boolean' ? value : cutList(value)];
    }),
  );
}

/** A larger number becomes a text: DynamoDB's client refuses it. */
function exact(value: number): number | string {
  return Math.abs(value) <= Number.MAX_SAFE_INTEGER ? value : String(value);
}

function cutList(list: readonly string[]): readonly string[] {
  const entries = list.slice(0, LIST).map((entry) => cut(entry, LIST_TEXT));
  return list.length <= LIST ? entries : [...entries.slice(0, LIST - 1), MORE];
}

function cut(text: string, length: number): string {
  if (text.length <= length) return text.toWellFormed();
  return `${text.slice(0, length - MORE.length).replace(/[\ud800-\udbff]$/, '')}${MORE}`.toWellFormed();
}
