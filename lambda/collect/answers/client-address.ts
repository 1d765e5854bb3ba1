// Reads client addresses as servers and poolers show them, and accepts only valid ones.

import { isIP } from 'node:net';
import type { Cell } from './answer.ts';

/** The zone of a link-local address names an interface of the server's (RFC 4007); nothing is decided by it. */
const ZONE = /%.*$/s;

/**
 * The address, without its zone; undefined for whatever else stands in its place: a server may send any text there, and
 * people and programs take it for an address.
 */
export function shownAddress(cell: Cell): string | undefined {
  const address = (cell ?? '').slice(0, 128).replace(ZONE, '');
  return isIP(address) === 0 ? undefined : address;
}
