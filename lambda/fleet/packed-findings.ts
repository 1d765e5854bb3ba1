// Writes the findings of a part one on a line, and reads them again one by one: the writer may be hostile.
//
// What a finding shares with its outcome, and its long texts, are not repeated: a finding takes some 300 bytes. What is
// wrong in one line costs its reader this line only.

import * as z from 'zod';
import { fingerprint } from '../checks/fingerprint.ts';
import type { Finding, Outcome, Problem } from '../model/finding.ts';
import { type AuditedTarget, RunError } from '../model/run.ts';
import { namesOfProblem } from '../model/run-schema.ts';
import { countValues, isObject, MOST_VALUES } from './untrusted-json.ts';

/** Findings of all targets of a part. */
export const MOST_FINDINGS = 30_000;

/** Characters of titles and remedies, each as often as a finding has it: the report has all of them. */
const MOST_CHARACTERS = 64 * 1024 * 1024;

const { title: _, ...ownOfProblem } = namesOfProblem;
/** Place of a text in the list of them. */
const place = z.int().min(0);
const lineSchema = z.strictObject({ ...ownOfProblem, title: place, remedy: place, subject: z.string().optional() });

export interface PackedFindings {
  /** In the order of targets, outcomes and problems. */
  readonly lines: readonly string[];
  /** Titles and remedies. */
  readonly texts: readonly string[];
  /** Whether they can be read as those of one part. */
  readonly fit: boolean;
}

export function packFindings(audited: readonly AuditedTarget[]): PackedFindings {
  const places = new Map<string, number>();
  let characters = 0;
  const placeOf = (text: string): number => {
    const known = places.get(text) ?? places.size;
    places.set(text, known);
    characters += text.length;
    return known;
  };
  const lines = audited.flatMap(({ outcomes, findings }) => {
    const byCheck = Map.groupBy(findings, ({ check }) => check);
    return outcomes.flatMap(({ check, outcome }) =>
      (byCheck.get(check) ?? []).map((finding, index) => {
        const { severity, title, role, database, application, clients, count, evidence, remedy } = finding;
        const own = { severity, role, database, application, clients, count, evidence };
        const { subject } = problemsOf(outcome)[index] ?? {};
        return JSON.stringify({ ...own, subject, title: placeOf(title), remedy: placeOf(remedy) });
      }),
    );
  });
  const fit =
    lines.length <= MOST_FINDINGS &&
    characters <= MOST_CHARACTERS &&
    lines.every((line) => countValues(line) <= MOST_VALUES);
  return { lines, texts: [...places.keys()], fit };
}

function problemsOf(outcome: Outcome): readonly Problem[] {
  return outcome.status === 'fail' ? outcome.problems : [];
}

/** The outcomes with the number of their findings in place of problems. */
export function countedOutcomes(outcomes: AuditedTarget['outcomes']): readonly unknown[] {
  return outcomes.map(({ check, outcome }) => ({
    check,
    outcome: outcome.status === 'fail' ? { ...outcome, problems: outcome.problems.length } : outcome,
  }));
}

/** What a problem says is in its finding. */
const PROBLEM: Problem = { severity: 'info', title: '', evidence: {} };

const OTHERS = 'the part has other findings than its outcomes say';

/**
 * Puts findings back into the targets of a parsed part, of which nothing is known: what is not as it was written stays
 * for the schema of a run to refuse. Fingerprints are computed: that of another target's finding would stand for that
 * one in the state of every receiver.
 *
 * @returns the targets, whose problems are as many as their findings, and empty
 * @throws RunError for the first line that is not a finding, and for more or fewer lines than outcomes say
 */
export function unpackFindings(
  audited: readonly unknown[],
  { lines, texts }: { readonly lines: readonly string[]; readonly texts: unknown },
): readonly unknown[] {
  const reader = new LineReader(lines, texts);
  const targets = audited.map((one) => {
    if (!isObject(one) || Object.hasOwn(one, 'findings')) return one;
    const name = nameOf(one);
    if (name === undefined || !Array.isArray(one.outcomes)) return one;
    const findings: Finding[] = [];
    const outcomes = one.outcomes.map((each: unknown) => {
      const { check, outcome } = isObject(each) ? each : {};
      if (typeof check !== 'string' || !isObject(outcome) || outcome.status !== 'fail') return each;
      const own = reader.take(outcome.problems, { check, target: name });
      findings.push(...own);
      return { ...(each as object), outcome: { ...outcome, problems: own.map(() => PROBLEM) } };
    });
    return { ...one, outcomes, findings };
  });
  if (!reader.isAtEnd) throw new RunError(OTHERS);
  return targets;
}

function nameOf({ snapshot }: Readonly<Record<string, unknown>>): string | undefined {
  const target = isObject(snapshot) ? snapshot.target : undefined;
  return isObject(target) && typeof target.name === 'string' ? target.name : undefined;
}

class LineReader {
  readonly #lines: readonly string[];
  readonly #texts: unknown;
  #next = 0;
  #characters = 0;

  constructor(lines: readonly string[], texts: unknown) {
    this.#lines = lines;
    this.#texts = texts;
  }

  get isAtEnd(): boolean {
    return this.#next === this.#lines.length;
  }

  take(count: unknown, of: Pick<Finding, 'check' | 'target'>): readonly Finding[] {
    const left = this.#lines.length - this.#next;
    if (typeof count !== 'number' || !Number.isSafeInteger(count) || count < 1 || count > left) {
      throw new RunError(OTHERS);
    }
    this.#next += count;
    return this.#lines.slice(this.#next - count, this.#next).map((line) => this.#read(line, of));
  }

  #read(line: string, { check, target }: Pick<Finding, 'check' | 'target'>): Finding {
    const { subject, title, remedy, ...own } = parseLine(line);
    const texts = { title: this.#text(title), remedy: this.#text(remedy) };
    return { ...own, ...texts, check, target, fingerprint: fingerprint(check, target, { ...own, subject }) };
  }

  #text(index: number): string {
    const text: unknown = Array.isArray(this.#texts) ? this.#texts[index] : undefined;
    if (typeof text !== 'string') throw new RunError('the part has a finding without a text that it names');
    this.#characters += text.length;
    if (this.#characters > MOST_CHARACTERS) {
      throw new RunError(`the findings of the part have more than ${MOST_CHARACTERS} characters`);
    }
    return text;
  }
}

function parseLine(line: string): z.infer<typeof lineSchema> {
  if (countValues(line) > MOST_VALUES) throw new RunError(`a finding of the part has more than ${MOST_VALUES} values`);
  let document: unknown;
  try {
    document = JSON.parse(line);
  } catch {
    // The parser's message quotes the text.
    throw new RunError("the part can't be used: a finding is not JSON");
  }
  const { data } = lineSchema.safeParse(document);
  if (data === undefined) throw new RunError("the part can't be used: a finding is not what it must be");
  return data;
}
