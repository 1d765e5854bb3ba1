// A secret that tests plant, every way in which it could show, and the failures in which it must not.

import { inspect } from 'node:util';
import { expect } from 'vitest';
import { AuditFailure } from '../../lambda/model/failure.ts';

export const CANARY = 'canary-7c1f';

/**
 * All that printing, logging and serialising a value shows of it, with the causes of an error and what is hidden on it.
 */
export function everythingShownOf(value: unknown): string {
  const renderings = [
    String(value),
    `${JSON.stringify(value)}`,
    inspect(value, { depth: 20, showHidden: true, maxStringLength: null }),
    inspect(value, { depth: 20, showHidden: true, customInspect: false, maxStringLength: null }),
  ];
  if (!(value instanceof Error)) return renderings.join('\n');
  const failure = value instanceof AuditFailure ? Object.values(value.failure) : [];
  const cause = value.cause === undefined ? '' : everythingShownOf(value.cause);
  return [...renderings, ...failure, value.message, value.stack, cause].join('\n');
}

/** The failure that the call ends in. Fails the test when there is none, when it is another error, or says nothing. */
export async function failureOf(call: () => unknown): Promise<AuditFailure> {
  let failure: unknown = 'no failure';
  try {
    await call();
  } catch (error) {
    failure = error;
  }
  expect(failure).toBeInstanceOf(AuditFailure);
  const { message, remedy } = (failure as AuditFailure).failure;
  expect(message).not.toBe('');
  expect(remedy).not.toBe('');
  return failure as AuditFailure;
}
