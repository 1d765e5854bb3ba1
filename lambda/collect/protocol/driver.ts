// Exports pg's client and query without its entry module, which loads a native client where NODE_PG_FORCE_NATIVE is
// set.

import type pg from 'pg';
import client from 'pg/lib/client.js';
import query from 'pg/lib/query.js';

export const Client = client as unknown as typeof pg.Client;
export const Query = query as unknown as typeof pg.Query;
