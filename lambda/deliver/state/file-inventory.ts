// Keeps what discovery found beside a state file, in a file for each account and region, and one for all.

import type { DiscoveryMemoryStore } from '../../model/discovery-memory.ts';
import type { InventoryStore } from '../../model/inventory.ts';
import { readBoundedFile } from '../../runtime/bounded-file.ts';
import { packDiscovery, unpackInventory, unpackMemory } from './inventory-document.ts';
import { replaceFile } from './replace-file.ts';

/** @param state the path of the state file: the files' names begin with it */
export function createFileInventory(state: string): InventoryStore {
  const fileOf = (place: string): string => `${state}.discovery-${place.replaceAll(/[^\w-]/g, '-')}.gz`;
  return {
    read: async (place) => await read(fileOf(place), unpackInventory),
    save: async (place, kept) => await replaceFile(fileOf(place), fileOf(place), packDiscovery(kept)),
  };
}

/** @param state the path of the state file: the file's name begins with it */
export function createFileMemory(state: string): DiscoveryMemoryStore {
  const file = `${state}.discovery.gz`;
  return {
    read: async () => await read(file, unpackMemory),
    save: async (memory) => await replaceFile(file, file, packDiscovery(memory)),
  };
}

async function read<T>(file: string, unpack: (packed: Uint8Array, where: string) => T): Promise<T | undefined> {
  let packed: Buffer;
  try {
    packed = await readBoundedFile(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
  return unpack(packed, 'the file beside the state');
}
