// Renders the tables of drivers, and the exact line of each, for docs/drivers.md.

import type { Driver } from '../lambda/drivers/driver.ts';
import { driverNotes, verifyFullLine } from '../lambda/drivers/guess.ts';
import { DRIVERS } from '../lambda/drivers/table.ts';
import { code, markdownTable, plainText } from './markdown.ts';

const AT_ENFORCEMENT: Readonly<Record<Driver['atEnforcement'], string>> = {
  breaks: '**breaks**',
  survives: 'survives',
  depends: 'depends',
};

const EXAMPLE = { host: 'db.example.com', port: 5432, ca: '/etc/ssl/db-ca.pem' };

/** What each does by default, then the line of each. */
export function driverReference(): string {
  const drivers: readonly Driver[] = DRIVERS;
  const behaviours = drivers.map(({ name, covers, byDefault, atEnforcement, breaksWhen }) => [
    plainText(name),
    plainText(covers),
    plainText(byDefault),
    AT_ENFORCEMENT[atEnforcement],
    plainText(breaksWhen),
  ]);
  const lines = drivers.map((driver) => [
    plainText(driver.name),
    code(verifyFullLine(driver, EXAMPLE)),
    plainText(driverNotes(driver, EXAMPLE) ?? ''),
    driver.names.map(code).join(', '),
    `[documentation](${driver.source})`,
  ]);
  return [
    '## What they do\n',
    markdownTable(['Driver or tool', 'Covers', 'By default', 'When plaintext is refused', 'Breaks with'], behaviours),
    '## The exact line of each\n',
    markdownTable(['Driver or tool', 'verify-full', 'Besides', 'Guessed from the application name', 'Source'], lines),
  ].join('\n');
}
