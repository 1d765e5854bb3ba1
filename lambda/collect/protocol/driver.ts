// Exports pg's client and query without its entry module, which loads a native client where NODE_PG_FORCE_NATIVE is
// set, and gives pg faster hash functions for the login.

import { createHash, createHmac, pbkdf2 } from 'node:crypto';
import { promisify } from 'node:util';
import type pg from 'pg';
import client from 'pg/lib/client.js';
import utils from 'pg/lib/crypto/utils.js';
import query from 'pg/lib/query.js';

const deriveKey = promisify(pbkdf2);

/**
 * What pg's SCRAM computes with. Its own functions are of Web Crypto, which takes each of ten hashes of a few bytes to
 * another thread: that takes longer than all of them. What is computed long, still is computed there.
 */
Object.assign(utils, {
  deriveKey: (password: string, salt: Uint8Array, iterations: number) =>
    deriveKey(password, salt, iterations, 32, 'sha256'),
  hmacSha256: async (key: Uint8Array, text: string) => createHmac('sha256', key).update(text).digest(),
  sha256: async (bytes: Uint8Array) => createHash('sha256').update(bytes).digest(),
  hashByName: async (name: string, bytes: Uint8Array) => createHash(name.replace('-', '')).update(bytes).digest(),
});

export const Client = client as unknown as typeof pg.Client;
export const Query = query as unknown as typeof pg.Query;
