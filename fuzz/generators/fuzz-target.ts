// Defines a fuzz target: a generator of inputs, and a property that must hold for all of them.

import type fc from 'fast-check';

/** A property of fast-check, synchronous or not. */
export type Property = fc.IAsyncPropertyWithHooks<unknown> | fc.IPropertyWithHooks<unknown>;

export interface Prepared {
  readonly property: Property;
  /** Ends what was started for it. */
  readonly dispose?: () => Promise<void>;
}

/** Why a target can't be tried on this machine. */
export interface Unavailable {
  readonly unavailable: string;
}

export interface FuzzTarget {
  /** For `--only`. */
  readonly name: string;
  readonly title: string;
  /** Of the time there is, relative to the others. */
  readonly share: number;
  prepare(): Promise<Prepared | Unavailable> | Prepared | Unavailable;
}

/** An invariant that does not hold. */
export class Fault extends Error {
  override readonly name = 'Fault';
}

/** @throws Fault */
export function check(holds: boolean, invariant: string): void {
  if (!holds) throw new Fault(invariant);
}

/** Bytes that objects and buffers take. */
export function bytesInUse(): number {
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Does the work, which may throw errors of these names and no others.
 *
 * @returns undefined where it threw one of them; `seen` is called with that
 * @throws Fault for any other error
 */
export function throwingOnly<T>(
  names: readonly string[],
  work: () => T,
  seen: (error: Error) => void = () => undefined,
): T | undefined {
  try {
    return work();
  } catch (error) {
    if (error instanceof Error && names.includes(error.name)) {
      seen(error);
      return undefined;
    }
    const what = error instanceof Error ? (error.stack ?? error.name) : String(error);
    throw new Fault(`threw something else than ${names.join(' or ') || 'nothing'}: ${what}`);
  }
}
