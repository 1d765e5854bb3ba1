// Defines where a server is reached, and formats that place for messages.

import { displayText } from './display.ts';
import type { SslNegotiation } from './target.ts';

/** Where a server is reached. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** The name or address that the server's certificate must carry. */
  readonly verifiedName: string;
  readonly sslNegotiation: SslNegotiation;
}

/** PostgreSQL's own, where no port is given. */
export const DEFAULT_PORT = 5432;

/** Characters of the longest name in DNS. */
const LONGEST_HOST = 255;

/** `host:port`, an IPv6 address in brackets. The host comes from a secret or an option: it is escaped. */
export function hostPort({ host, port }: { readonly host: string; readonly port: number }): string {
  return hostAndPort(displayText(host, LONGEST_HOST), port);
}

/** As URLs have them (RFC 3986, section 3.2.2): an IPv6 address in brackets. The host is as it is given. */
export function hostAndPort(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** The port is in it where it is not the usual one. The target of `--url` is called so, in the state too. */
export function endpointName(host: string, port = DEFAULT_PORT): string {
  return port === DEFAULT_PORT ? host : hostAndPort(host, port);
}

/** One text for one endpoint, however its host is spelled. For comparisons, not for people. */
export function endpointKey(host: string, port = DEFAULT_PORT): string {
  return `${host.toLowerCase()}:${port}`;
}
