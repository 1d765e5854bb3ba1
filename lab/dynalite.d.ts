// What of dynalite, which carries no types, the tests use.

declare module 'dynalite' {
  import type { Server } from 'node:http';

  export default function dynalite(options?: {
    /** Milliseconds that a new table stays in the state CREATING. */
    readonly createTableMs?: number;
    readonly deleteTableMs?: number;
  }): Server;
}
