// Tests the table of drivers and the guesses from it.

import { describe, expect, test } from 'vitest';
import { processorClock } from '../../lab/processor-time.ts';
import type { Driver } from '../../lambda/drivers/driver.ts';
import { describeGuess, driverNotes, guessDriver, verifyFullLine } from '../../lambda/drivers/guess.ts';
import { DRIVERS } from '../../lambda/drivers/table.ts';

const ENDPOINT = { host: 'db.example.com', port: 6432, ca: '/etc/ssl/rds.pem' };

describe('a guess', () => {
  test.each([
    ['PostgreSQL JDBC Driver', 'pgjdbc'],
    ['psql', 'psql'],
    ['pgAdmin 4 - DB:shop', 'pgadmin'],
    ['Debezium Streaming', 'debezium'],
    ['datadog-agent', 'datadog-agent'],
    ['Metabase v0.50.1 [1234]', 'metabase'],
    ['DBeaver 24.1.0 - Main', 'dbeaver'],
    ['Npgsql', 'npgsql'],
    ['bin/rails', 'rails'],
    ['walreceiver', 'psql'],
    ['pgbench', 'psql'],
  ])('%s is %s', (application, id) => {
    expect(guessDriver({ application })?.drivers.map((driver) => driver.id)).toEqual([id]);
  });

  test.each(['checkout', 'my psql', 'not pgAdmin', 'psqlx', 'billing'])('%s says nothing', (application) => {
    expect(guessDriver({ application })).toBeUndefined();
  });

  test('without a name goes to drivers that are plaintext by default and give none', () => {
    expect(guessDriver({ application: '' })?.drivers[0].atEnforcement).toBe('breaks');
  });

  test('from behaviour: a client that falls back is one at prefer', () => {
    const guess = guessDriver({ application: 'checkout', fellBack: true });
    expect(guess?.drivers[0].id).toBe('libpq');
    expect(guess === undefined ? '' : describeGuess(guess, ENDPOINT)).toMatch(/^Probably libpq, a guess from .*prefer/);
  });

  test('is quick for a name of any length', () => {
    const spent = processorClock();
    for (let time = 0; time < 1_000; time += 1) guessDriver({ application: 'p'.repeat(10_000) });
    expect(spent()).toBeLessThan(2_000);
  });
});

describe('a line', () => {
  test.each(DRIVERS.map((driver: Driver) => [driver.id, driver] as const))(
    'of %s has no hole left, and verifies',
    (_, driver) => {
      const line = verifyFullLine(driver, ENDPOINT);
      const all = `${line} ${driverNotes(driver, ENDPOINT) ?? ''}`;
      expect(all).not.toMatch(/\{(host|port|ca)\}/);
      expect(all).toMatch(/verify|VerifyFull|\bca\b|CA\b|root/i);
      expect(driver.source).toMatch(/^https:\/\//);
    },
  );

  test.each(["x'; DROP", 'a b', '$(id)', 'h&x=1', '-h', ''])('never takes %j for a host', (host) => {
    for (const driver of DRIVERS) {
      const line = verifyFullLine(driver, { ...ENDPOINT, host });
      expect(line).toBe(verifyFullLine(driver, { ...ENDPOINT, host: undefined }));
    }
  });

  test('ids and names are each there once', () => {
    expect(new Set(DRIVERS.map(({ id }) => id)).size).toBe(DRIVERS.length);
    expect(new Set(DRIVERS.map(({ name }) => name)).size).toBe(DRIVERS.length);
  });
});
