// Defines what is kept of a target's clients from run to run, and the port of the store that keeps it.

import * as z from 'zod';
import { TRANSPORTS } from './transport.ts';

/** Up to the last that ISO 8601 writes with four digits of a year. */
const moment = z.number().min(0).max(253_402_300_799_999);
const name = z.string().max(1_000).optional();
const day = z.int().min(0).max(1_000_000);
/** Sums of them are integers still. */
const count = z.int().min(0).max(1_000_000_000_000);

/** Days since 1970 (UTC) with the logins counted on them; 0 where only open sessions were seen. */
const dailySchema = z.array(z.tuple([day, count])).max(100);

/** How one client came by one transport. Times are milliseconds since 1970. */
const useSchema = z.object({
  first: moment,
  last: moment,
  /** Of the connection log. */
  logins: count,
  days: dailySchema,
  /** Logins of the last hours, by hours since 1970: by them no login is counted twice. */
  hours: z.array(z.tuple([z.int().min(0), count])).max(40),
});
export type ClientUse = z.infer<typeof useSchema>;

const clientSchema = z.object({
  role: name,
  /** Undefined for physical replication, and where it is not known. */
  database: name,
  /** With numbers folded to `#`. */
  application: z.string().max(1_000),
  replication: z.boolean(),
  superuser: z.boolean(),
  /** Of a pooler: the side it is on. */
  side: z.enum(['client', 'server']).optional(),
  /** Addresses, at most eight; sorted. */
  addresses: z.array(z.string().max(100)).max(8),
  /** Networks in CIDR notation of what has more; sorted. */
  networks: z.array(z.string().max(100)).max(8),
  uses: z.partialRecord(z.enum(TRANSPORTS), useSchema),
  /** When it last came unencrypted after a handshake that failed. */
  fellBack: moment.optional(),
});
export type KnownClient = z.infer<typeof clientSchema>;

/** Plaintext logins that the server refused: names are as unverified clients gave them. */
const refusalSchema = z.object({
  role: name,
  database: name,
  networks: z.array(z.string().max(100)).max(8),
  first: moment,
  last: moment,
  count,
  /** How many of them the same role and address followed by a login over TLS. */
  retriedOverTls: count,
});
export type KnownRefusal = z.infer<typeof refusalSchema>;

export const clientRecordSchema = z.object({
  schemaVersion: z.literal(1),
  /** Of the first snapshot. */
  since: moment,
  /** Of the last snapshot that showed the sessions of the target. */
  lastSeen: moment,
  clients: z.array(clientSchema).max(1_000),
  refusals: z.array(refusalSchema).max(200),
  /** Unencrypted logins of which it is not known whose they are, or whether they came over the network. */
  unshown: useSchema.optional(),
  /** Whether clients beyond the bound were dropped. */
  isCut: z.boolean(),
  /** From when to when every login was read, in their order; disjoint. */
  covered: z.array(z.tuple([moment, moment])).max(200),
  /** When the log last had gaps, and which. */
  gap: z.object({ at: moment, reasons: z.array(z.string()).max(20) }).optional(),
  /** Days with the number of snapshots taken on them. */
  snapshots: dailySchema,
  /** Sessions that the last snapshot did not show. */
  hidden: count,
  /** The facts of the server: JSON of a part of the last snapshot, of which nothing is believed that is no snapshot. */
  server: z.unknown().optional(),
});

/** What is kept of the clients of one target. */
export type ClientRecord = z.infer<typeof clientRecordSchema>;

export interface StoredClientRecord {
  /** Undefined where none is kept. */
  readonly record: ClientRecord | undefined;
  /** Counts the saves; 0 where none is kept. */
  readonly version: number;
}

/** One record for each target. */
export interface ClientRecordStore {
  /** @throws StateError */
  read(target: string): Promise<StoredClientRecord>;
  /**
   * Saves unless another run has saved since `read`.
   *
   * @returns whether it was saved
   * @throws StateError
   */
  save(target: string, record: ClientRecord, version: number): Promise<boolean>;
}
