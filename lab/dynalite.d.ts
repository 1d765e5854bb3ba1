// Declares the part of dynalite that the tests use; the package has no types.

declare module 'dynalite' {
  import type { Server } from 'node:http';

  export default function dynalite(options?: {
    /** Milliseconds that a new table stays in the state CREATING. */
    readonly createTableMs?: number;
    readonly deleteTableMs?: number;
  }): Server;
}
