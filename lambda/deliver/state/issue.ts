// Describes the first problem of a state that the auditor did not write: its path, and what is wrong.

import type * as z from 'zod';
import { displayText } from '../../model/display.ts';
import { showName } from '../../model/given-text.ts';

/** Names in the path are escaped: the state may hold any. @param before - The path to the part that was read. */
export function describeIssue({ issues: [issue] }: z.ZodError, before: readonly PropertyKey[] = []): string {
  const path = [...before, ...(issue?.path ?? [])].map((part) => showName(String(part))).join('.');
  return `${path}: ${displayText(issue?.message ?? 'it has another shape', 200)}`;
}
