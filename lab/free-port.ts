// Finds ports for servers to listen on.

import { randomInt } from 'node:crypto';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';

/** Ports to try before giving up on finding a free one. */
export const PORT_ATTEMPTS = 20;

/** The loopback addresses that this machine has. */
export function loopbackAddresses(): readonly string[] {
  const addresses = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
  return addresses.some(({ address }) => address === '::1') ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
}

/**
 * A port without a listener. Below the ranges from which systems take the ports of outgoing connections: one of
 * those could take it between this look and the server's start.
 */
export async function freePort(): Promise<number> {
  for (let attempt = 1; attempt <= PORT_ATTEMPTS; attempt += 1) {
    const port = randomInt(20_000, 32_000);
    if ((await Promise.all(loopbackAddresses().map((address) => isFree(port, address)))).every(Boolean)) return port;
  }
  throw new Error(`no free port in ${PORT_ATTEMPTS} attempts`);
}

async function isFree(port: number, address: string): Promise<boolean> {
  const probe = createServer();
  return new Promise((resolve) => {
    probe.once('error', () => resolve(false));
    probe.listen(port, address, () => probe.close(() => resolve(true)));
  });
}
