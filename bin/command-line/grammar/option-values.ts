// Parses and checks the values of options.

import { InvalidArgumentError, Option } from 'commander';
import { FORMATS } from './options.ts';

export function formatOption(description: string, formats: readonly string[] = FORMATS): Option {
  return new Option('-f, --format <format>', description).choices(formats).default('table');
}

export function several(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, notEmpty(value)];
}

export function notEmpty(value: string): string {
  if (value === '') throw new InvalidArgumentError('It is empty.');
  return value;
}

export function seconds(value: string): number {
  if (!/^\d+$/.test(value)) throw new InvalidArgumentError('It must be a whole number of seconds.');
  return Number(value);
}

/** Resolved findings are kept for 90 days. */
export function days(value: string): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < 1 || number > 90) {
    throw new InvalidArgumentError(
      'It must be a whole number of days from 1 to 90: resolved findings are deleted after that.',
    );
  }
  return number;
}
