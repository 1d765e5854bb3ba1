// Keeps what discovery found beside a state file, in a file for each account and region.

import { randomUUID } from 'node:crypto';
import { rename, rm, writeFile } from 'node:fs/promises';
import type { InventoryStore } from '../../model/inventory.ts';
import { readBoundedFile } from '../../runtime/bounded-file.ts';
import { packInventory, unpackInventory } from './inventory-document.ts';

/** Only the user that runs the auditor may read and write it: it names databases. */
const MODE = 0o600;

/** @param state the path of the state file: the files' names begin with it */
export function createFileInventory(state: string): InventoryStore {
  const fileOf = (place: string): string => `${state}.discovery-${place.replaceAll(/[^\w-]/g, '-')}.gz`;
  return {
    async read(place) {
      const file = fileOf(place);
      let packed: Buffer;
      try {
        packed = await readBoundedFile(file);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
        throw error;
      }
      return unpackInventory(packed, `the file beside the state`);
    },
    async save(place, kept) {
      const file = fileOf(place);
      // Renamed when it is whole: a reader finds the old file or the new one.
      const temporary = `${file}.${randomUUID()}.tmp`;
      try {
        await writeFile(temporary, packInventory(kept), { mode: MODE, flag: 'wx' });
        await rename(temporary, file);
      } catch (error) {
        await rm(temporary, { force: true });
        throw error;
      }
    },
  };
}
