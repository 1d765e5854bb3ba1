// Guesses the driver of a client by its application name and by how it connects, and writes the driver's line.

import type { Driver } from './driver.ts';
import { DRIVERS } from './table.ts';

/** What is known of a client. Names are as clients chose them. */
export interface ClientTraits {
  readonly application: string | undefined;
  /** It came unencrypted after a TLS handshake that failed. */
  readonly fellBack?: boolean | undefined;
  /** It came over TLS after it was refused in plaintext. */
  readonly retriedOverTls?: boolean | undefined;
  readonly replication?: boolean | undefined;
}

export interface DriverGuess {
  /** The first is the likeliest. */
  readonly drivers: readonly [Driver, ...Driver[]];
  /** What it is guessed from. */
  readonly from: string;
}

/** What a client may be given; undefined stays a placeholder. */
export interface Endpoint {
  readonly host: string | undefined;
  readonly port: number | undefined;
  /** The file that holds the CA, on the client. */
  readonly ca?: string | undefined;
}

const BY_NAME: readonly { readonly driver: Driver; readonly name: RegExp }[] = DRIVERS.flatMap((driver: Driver) =>
  driver.names.map((name) => ({ driver, name: new RegExp(name, 'i') })),
);

/** Names of programs are 63 bytes to PostgreSQL; a log may hold longer ones. */
const LONGEST_NAME = 200;

/**
 * The driver that a client probably has, and what that is guessed from; undefined where nothing speaks for one. It is
 * a guess in any case: a client chooses its name.
 */
export function guessDriver({
  application = '',
  fellBack,
  retriedOverTls,
  replication,
}: ClientTraits): DriverGuess | undefined {
  const name = application.slice(0, LONGEST_NAME);
  const named = BY_NAME.find((each) => each.name.test(name))?.driver;
  if (named !== undefined) return { drivers: [named], from: 'its application name' };
  if (replication) return { drivers: [driverOf('psql')], from: 'replication, which standbys and backups use' };
  if (fellBack) return { drivers: [driverOf('libpq')], from: 'plaintext after a failed handshake, as prefer does' };
  if (retriedOverTls) return { drivers: [driverOf('libpq')], from: 'TLS after a refusal, as allow does' };
  if (name !== '') return undefined;
  return {
    drivers: [driverOf('node-postgres'), driverOf('postgres-js'), driverOf('pgx')],
    from: 'that it gives no application name',
  };
}

function driverOf(id: (typeof DRIVERS)[number]['id']): Driver {
  return DRIVERS.find((driver) => driver.id === id) ?? DRIVERS[0];
}

/** What stands in a command, a URL and a configuration without quotes. */
const PLAIN_HOST = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?$/;

/** The driver's line for verify-full at that server. */
export function verifyFullLine({ verifyFull }: Pick<Driver, 'verifyFull'>, endpoint: Endpoint): string {
  return filled(verifyFull, endpoint);
}

/** What else to know of the driver, with the same filled in. */
export function driverNotes({ notes }: Pick<Driver, 'notes'>, endpoint: Endpoint): string | undefined {
  return notes === undefined ? undefined : filled(notes, endpoint);
}

function filled(text: string, { host, port, ca }: Endpoint): string {
  const values: Readonly<Record<string, string>> = {
    host: host !== undefined && host.length <= 253 && PLAIN_HOST.test(host) ? host : '<host>',
    port: port === undefined ? '5432' : String(port),
    ca: ca ?? '<CA file>',
  };
  return text.replaceAll(/\{(host|port|ca)\}/g, (_, name: string) => values[name] ?? '');
}

/** One sentence: the driver that a client probably has, and its line. */
export function describeGuess({ drivers, from }: DriverGuess, endpoint: Endpoint): string {
  const [first, ...others] = drivers;
  const or = others.length === 0 ? '' : ` (or ${others.map(({ name }) => name).join(', or ')})`;
  return `Probably ${first.name}${or}, a guess from ${from}: ${verifyFullLine(first, endpoint)}`;
}
