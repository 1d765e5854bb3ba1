// Shares folders that are slow to make among the processes of one test run.

import { rename, rm, stat } from 'node:fs/promises';

/** Names the folder in which the processes of one test run share what they made. @default - each process has its own */
export const RUN_FOLDER = 'PG_LAB_RUN';

/**
 * Has a folder made where no process of the run has made it.
 *
 * @param make makes it under another name, on the same file system, and returns its path
 */
export async function madeOnce(folder: string, make: () => Promise<string>): Promise<void> {
  if ((await stat(folder).catch(() => undefined)) !== undefined) return;
  const own = await make();
  try {
    await rename(own, folder);
  } catch (error) {
    // Another process of the run was faster: its folder is as good.
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error;
    await rm(own, { recursive: true });
  }
}
