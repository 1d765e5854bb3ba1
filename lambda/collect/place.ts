// How messages name the place of a server.

/** `host:port`, an IPv6 address in brackets. */
export function placeOf({ host, port }: { readonly host: string; readonly port: number }): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
