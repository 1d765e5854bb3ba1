// Checks rules of discovery across their settings: one source for each, and what that source needs.

import type { RuleProblem, SoundConfig } from './sound.ts';

type Rule = NonNullable<NonNullable<SoundConfig['discovery']>[number]>;
type Path = RuleProblem['path'];

/** That there is no source of targets. */
export function* noTargetsProblems(config: SoundConfig): Iterable<RuleProblem> {
  const isWithout = (setting: 'targets' | 'discovery'): boolean =>
    !(setting in config) || config[setting]?.length === 0;
  if (isWithout('targets') && isWithout('discovery')) {
    yield { path: ['targets'], message: 'must name at least one target, unless "discovery" finds them' };
  }
}

/** What is wrong with each rule. */
export function* discoveryProblems(
  { discovery = [] }: SoundConfig,
  use: 'deployment' | 'command-line',
): Iterable<RuleProblem> {
  for (const [index, rule] of discovery.entries()) {
    if (rule === undefined) continue;
    const path = ['discovery', index];
    const [isFile, isRds] = ['file' in rule, 'rds' in rule];
    if (isFile === isRds) yield { path, message: 'must have one of "file" and "rds"' };
    else if (isFile) yield* fileProblems(rule, path, use);
    else yield* rdsProblems(rule, path, use);
  }
}

function* fileProblems(rule: Rule, path: Path, use: 'deployment' | 'command-line'): Iterable<RuleProblem> {
  for (const setting of Object.keys(rule).filter((key) => key !== 'file')) {
    yield {
      path: [...path, setting],
      message: 'goes with "rds" only: each target in the file has settings of its own',
    };
  }
  if (use === 'deployment') {
    yield {
      path: [...path, 'file'],
      message:
        'is read on the command line, and packed in by the deployment of a configuration file; the construct needs the targets themselves',
    };
  }
}

function* rdsProblems(rule: Rule, path: Path, use: 'deployment' | 'command-line'): Iterable<RuleProblem> {
  const problem = (setting: string, message: string): RuleProblem => ({ path: [...path, setting], message });
  if (!('credentials' in rule)) {
    yield problem(
      'credentials',
      'is missing: give "iam" with "role", {"secret": "audit/${name}"} or {"secretTag": "…"}',
    );
  } else if (rule.credentials === 'iam') {
    if (!('role' in rule)) yield problem('role', 'is missing: with "credentials": "iam", name the PostgreSQL role');
  } else if (rule.credentials !== undefined) {
    for (const setting of ['role', 'tagRoles'] as const) {
      if (setting in rule) yield problem(setting, 'goes with "credentials": "iam" only: remove it');
    }
  }
  if (use === 'deployment' && [rule.ca].flat().some((source) => typeof source === 'object' && 'file' in source)) {
    yield problem('ca', 'a file works on the command line only; a deployed function needs {"secret": …} or "system"');
  }
}
