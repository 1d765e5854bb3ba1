// Writes what discovery found as a document, and reads it again: bounded, and refused where it is not one.

import { gunzipSync, gzipSync } from 'node:zlib';
import * as z from 'zod';
import { type DiscoveryMemory, discoveryMemorySchema } from '../../model/discovery-memory.ts';
import { type KeptInventory, placeInventorySchema } from '../../model/inventory.ts';
import { StateError } from './store.ts';

/** Bytes of the JSON: ten thousand databases take about five million. */
const MOST_BYTES = 16 * 1024 * 1024;

const inventorySchema = z.strictObject({ at: z.iso.datetime(), inventory: placeInventorySchema });

export function packDiscovery(kept: KeptInventory | DiscoveryMemory): Uint8Array {
  return gzipSync(JSON.stringify(kept));
}

/** @throws StateError for what `packDiscovery` did not write: it quotes nothing of it */
export function unpackInventory(packed: Uint8Array, where: string): KeptInventory {
  return unpack(inventorySchema, packed, where);
}

/** @throws StateError for what `packDiscovery` did not write: it quotes nothing of it */
export function unpackMemory(packed: Uint8Array, where: string): DiscoveryMemory {
  return unpack(discoveryMemorySchema, packed, where);
}

function unpack<T>(schema: z.ZodType<T>, packed: Uint8Array, where: string): T {
  try {
    return schema.parse(JSON.parse(gunzipSync(packed, { maxOutputLength: MOST_BYTES }).toString()));
  } catch (cause) {
    throw new StateError(
      `What discovery found before, in ${where}, can't be used: delete it, and the next run writes it again.`,
      { cause },
    );
  }
}
