// Says what is wrong with a state that the auditor did not write: where, and what. It may hold any names.

import type * as z from 'zod';
import { displayText } from '../../model/display.ts';
import { showName } from '../../model/given-text.ts';

/** The first thing wrong. @param before - The path to what was read. */
export function describeIssue({ issues: [issue] }: z.ZodError, before: readonly PropertyKey[] = []): string {
  const path = [...before, ...(issue?.path ?? [])].map((part) => showName(String(part))).join('.');
  return `${path}: ${displayText(issue?.message ?? 'it has another shape', 200)}`;
}
