// Writes the findings of a part on lines, without what they share with others, and reads them again.
//
// A finding takes some 200 bytes: its outcome says of which check it is, and titles and remedies are written once.

import * as z from 'zod';
import { fingerprint } from '../checks/fingerprint.ts';
import type { Finding, Outcome, Problem } from '../model/finding.ts';
import { type AuditedTarget, RunError } from '../model/run.ts';
import { namesOfProblem } from '../model/run-schema.ts';
import { countValues, isObject, type LineReader, lineParser, MOST_VALUES } from './part-lines.ts';

/** Findings of all targets of a part. */
export const MOST_FINDINGS = 30_000;

/** Characters of titles and remedies, each as often as a finding has it: the report has all of them. */
export const MOST_CHARACTERS = 64 * 1024 * 1024;

const { title: _, ...ownOfProblem } = namesOfProblem;
/** Place of a text in the list of them. */
const place = z.int().min(0);
const parseFinding = lineParser(
  'a finding',
  z.strictObject({ ...ownOfProblem, title: place, remedy: place, subject: z.string().optional() }),
);
const parseText = lineParser('a text', z.string());

/** Packs the findings of a part, target by target. */
export class FindingPacker {
  readonly #places = new Map<string, number>();
  #characters = 0;
  #findings = 0;
  #areShort = true;

  /** A line for each finding, in the order of the outcomes and their problems. */
  pack({ outcomes, findings }: AuditedTarget): readonly string[] {
    const byCheck = Map.groupBy(findings, ({ check }) => check);
    const lines = outcomes.flatMap(({ check, outcome }) =>
      (byCheck.get(check) ?? []).map((finding, index) => this.#line(finding, problemsOf(outcome)[index])),
    );
    this.#findings += lines.length;
    this.#areShort &&= lines.every((line) => countValues(line) <= MOST_VALUES);
    return lines;
  }

  #line(finding: Finding, problem: Problem | undefined): string {
    const { severity, title, role, database, application, clients, count, evidence, remedy } = finding;
    const own = { severity, role, database, application, clients, count, evidence, subject: problem?.subject };
    return JSON.stringify({ ...own, title: this.#placeOf(title), remedy: this.#placeOf(remedy) });
  }

  #placeOf(text: string): number {
    const known = this.#places.get(text) ?? this.#places.size;
    this.#places.set(text, known);
    this.#characters += text.length;
    return known;
  }

  /** A line for each title and remedy of the findings so far. */
  texts(): readonly string[] {
    return [...this.#places.keys()].map((text) => JSON.stringify(text));
  }

  /** Whether the findings so far can be read as those of one part. */
  fit(): boolean {
    return this.#areShort && this.#findings <= MOST_FINDINGS && this.#characters <= MOST_CHARACTERS;
  }
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

export interface FindingLimits {
  readonly what: string;
  readonly findings: number;
  /** Of titles and remedies, each as often as a finding has it: the report has all of them. */
  readonly characters: number;
}

/** Puts findings back into the targets of a parsed part, of which nothing is known. */
export class FindingUnpacker {
  readonly #texts: readonly string[];
  readonly #limits: FindingLimits;
  #characters = 0;
  #findings = 0;

  /** @param texts the number of them @throws RunError */
  constructor(texts: unknown, reader: LineReader, limits: FindingLimits) {
    this.#limits = limits;
    this.#texts = reader.take('texts', texts, parseText);
  }

  /**
   * Fingerprints are computed: that of another target's finding would stand for that one in the state of every
   * receiver. What is not as it was written stays for the schema of a run to refuse.
   *
   * @returns the target, whose problems are as many as its findings, and empty
   * @throws RunError for the first line that is not a finding
   */
  unpack(one: unknown, reader: LineReader): unknown {
    const name = nameOf(one);
    if (!isObject(one) || name === undefined || !Array.isArray(one.outcomes) || Object.hasOwn(one, 'findings')) {
      return one;
    }
    const findings: Finding[] = [];
    const outcomes = one.outcomes.map((each: unknown) => {
      const { check, outcome } = isObject(each) ? each : {};
      if (typeof check !== 'string' || !isObject(outcome) || outcome.status !== 'fail') return each;
      const own = reader.take('findings', outcome.problems, (line) => this.#read(line, { check, target: name }));
      findings.push(...own);
      return { ...(each as object), outcome: { ...outcome, problems: own.map(() => PROBLEM) } };
    });
    return { ...one, outcomes, findings };
  }

  #read(line: string, { check, target }: Pick<Finding, 'check' | 'target'>): Finding {
    this.#findings += 1;
    const { what, findings: most } = this.#limits;
    if (this.#findings > most) throw new RunError(`${what} has more than ${most} findings`);
    const { subject, title, remedy, ...own } = parseFinding(line);
    const texts = { title: this.#text(title), remedy: this.#text(remedy) };
    return { ...own, ...texts, check, target, fingerprint: fingerprint(check, target, { ...own, subject }) };
  }

  #text(index: number): string {
    const text = this.#texts[index];
    if (text === undefined) throw new RunError('the part has a finding without a text that it names');
    this.#characters += text.length;
    const { what, characters: most } = this.#limits;
    if (this.#characters > most) throw new RunError(`the findings of ${what} have more than ${most} characters`);
    return text;
  }
}

function nameOf(one: unknown): string | undefined {
  const snapshot = isObject(one) ? one.snapshot : undefined;
  const target = isObject(snapshot) ? snapshot.target : undefined;
  return isObject(target) && typeof target.name === 'string' ? target.name : undefined;
}
