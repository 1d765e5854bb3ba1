// How messages name the place of a server.

import { displayText } from '../../model/display.ts';

/** The longest name that DNS has. */
const LONGEST_HOST = 255;

/** `host:port`, an IPv6 address in brackets. The host comes from a secret or an option: it is escaped. */
export function placeOf({ host, port }: { readonly host: string; readonly port: number }): string {
  const shown = displayText(host, LONGEST_HOST);
  return shown.includes(':') ? `[${shown}]:${port}` : `${shown}:${port}`;
}
