// Modules of pg that its types leave out.

declare module 'pg/lib/connection.js' {
  import type { EventEmitter } from 'node:events';

  interface DriverMessage {
    readonly name?: string;
    readonly message?: string;
  }

  export default class Connection {
    constructor(config: { readonly stream: EventEmitter });
    attachListeners(stream: EventEmitter): void;
    on(event: 'message', listener: (message: DriverMessage) => void): this;
    on(event: 'errorMessage', listener: (message: DriverMessage) => void): this;
  }
}
