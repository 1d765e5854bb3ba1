// Keeps what discovery found beside a state file, in a file for each account and region, and one for all.

import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import type { DiscoveryMemory, DiscoveryMemoryStore } from '../../model/discovery-memory.ts';
import type { InventoryStore, KeptInventory } from '../../model/inventory.ts';
import { readBoundedFile } from '../../runtime/bounded-file.ts';
import { packDiscovery, unpackInventory, unpackMemory } from './inventory-document.ts';

/** Only the user that runs the auditor may read and write it: it names databases. */
const MODE = 0o600;

/** @param state the path of the state file: the files' names begin with it */
export function createFileInventory(state: string): InventoryStore {
  const fileOf = (place: string): string => `${state}.discovery-${place.replaceAll(/[^\w-]/g, '-')}.gz`;
  return {
    read: async (place) => await read(fileOf(place), unpackInventory),
    save: async (place, kept) => await save(fileOf(place), kept),
  };
}

/** @param state the path of the state file: the file's name begins with it */
export function createFileMemory(state: string): DiscoveryMemoryStore {
  const file = `${state}.discovery.gz`;
  return { read: async () => await read(file, unpackMemory), save: async (memory) => await save(file, memory) };
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

async function save(file: string, kept: KeptInventory | DiscoveryMemory): Promise<void> {
  // Renamed when it is whole: a reader finds the old file or the new one.
  const temporary = `${file}.${randomUUID()}.tmp`;
  try {
    await writeFile(temporary, packDiscovery(kept), { mode: MODE, flag: 'wx' });
    await rename(temporary, file);
  } catch (error) {
    await rm(temporary, { force: true });
    throw error;
  }
}
