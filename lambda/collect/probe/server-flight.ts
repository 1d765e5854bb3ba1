// Parses what a TLS server sends before encryption starts: its version and group, or its alert.
//
// Node shows neither the group of a post-quantum hybrid nor, after a handshake that failed late, what was agreed on.

/** What the beginning of a server's bytes shows. Nothing of it is proven: encryption and identity come after. */
export interface ServerFlight {
  /** Of the last ServerHello, which in TLSv1.3 may have been preceded by a HelloRetryRequest. */
  readonly hello?:
    | { readonly version: number; readonly suite: number; readonly group?: number | undefined }
    | undefined;
  /** ServerHelloDone: up to TLSv1.2, the server has said all and waits for the client. */
  readonly helloDone: boolean;
  /** The description of a fatal alert that came unencrypted. */
  readonly alert?: number | undefined;
}

/** Record types (RFC 8446, section 5.1). */
const RECORD = { changeCipherSpec: 20, alert: 21, handshake: 22 } as const;
/** Handshake types (RFC 5246, section 7.4; RFC 8446, section 4). */
const HANDSHAKE = { serverHello: 2, serverHelloDone: 14 } as const;
/** Extensions (RFC 8446, section 4.2). */
const EXTENSION = { supportedVersions: 43, keyShare: 51 } as const;

const FATAL = 2;
/** The most that a record holds, with what encryption may add (RFC 5246, section 6.2.3). */
const LONGEST_RECORD = 16_384 + 2_048;

/** Reads as far as it can. What is cut off, encrypted or not TLS at all ends it; nothing throws. */
export function readServerFlight(bytes: Buffer): ServerFlight {
  const { handshake, alert } = splitRecords(bytes);
  let hello: ServerFlight['hello'];
  for (const { type, body } of messages(handshake)) {
    // What follows may be encrypted, and looks like messages by chance only.
    if (type === HANDSHAKE.serverHelloDone) return { hello, helloDone: true, alert };
    if (type === HANDSHAKE.serverHello) hello = readServerHello(body) ?? hello;
  }
  return { hello, helloDone: false, alert };
}

/** The handshake messages that came unencrypted, and the first fatal alert. */
function splitRecords(bytes: Buffer): { readonly handshake: Buffer; readonly alert: number | undefined } {
  const handshake: Buffer[] = [];
  let at = 0;
  while (at + 5 <= bytes.length) {
    const type = bytes.readUInt8(at);
    const length = bytes.readUInt16BE(at + 3);
    const body = bytes.subarray(at + 5, at + 5 + length);
    if (bytes.readUInt8(at + 1) !== 3 || length > LONGEST_RECORD || body.length < length) break;
    at += 5 + length;
    if (type === RECORD.alert && length === 2) {
      if (body.readUInt8(0) === FATAL) return { handshake: Buffer.concat(handshake), alert: body.readUInt8(1) };
      continue;
    }
    // ChangeCipherSpec after a HelloRetryRequest is for middleboxes and means nothing; all else starts encryption.
    if (type !== RECORD.handshake && type !== RECORD.changeCipherSpec) break;
    if (type === RECORD.handshake) handshake.push(body);
  }
  return { handshake: Buffer.concat(handshake), alert: undefined };
}

function* messages(bytes: Buffer): Generator<{ readonly type: number; readonly body: Buffer }> {
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = bytes.readUIntBE(at + 1, 3);
    const body = bytes.subarray(at + 4, at + 4 + length);
    if (body.length < length) return;
    yield { type: bytes.readUInt8(at), body };
    at += 4 + length;
  }
}

/** Undefined where its lengths do not add up. */
function readServerHello(body: Buffer): ServerFlight['hello'] {
  // legacy_version, random, the length of legacy_session_id_echo.
  if (body.length < 35) return undefined;
  const version = body.readUInt16BE(0);
  // The session id, then cipher suite and compression method.
  const extensionsAt = 35 + body.readUInt8(34) + 3;
  if (body.length < extensionsAt) return undefined;
  const suite = body.readUInt16BE(extensionsAt - 3);
  // Extensions may be left out up to TLSv1.2.
  if (body.length === extensionsAt) return { version, suite };
  if (body.length < extensionsAt + 2) return undefined;
  const extensions = readExtensions(body.subarray(extensionsAt + 2));
  const [chosen, share] = [extensions.get(EXTENSION.supportedVersions), extensions.get(EXTENSION.keyShare)];
  return {
    version: chosen?.length === 2 ? chosen.readUInt16BE(0) : version,
    suite,
    // A group, with a key behind it or, in a HelloRetryRequest, alone.
    group: share !== undefined && share.length >= 2 ? share.readUInt16BE(0) : undefined,
  };
}

function readExtensions(bytes: Buffer): ReadonlyMap<number, Buffer> {
  const found = new Map<number, Buffer>();
  let at = 0;
  while (at + 4 <= bytes.length) {
    const length = bytes.readUInt16BE(at + 2);
    const data = bytes.subarray(at + 4, at + 4 + length);
    if (data.length < length) break;
    found.set(bytes.readUInt16BE(at), data);
    at += 4 + length;
  }
  return found;
}

/** IANA's "TLS Supported Groups". */
const GROUPS: ReadonlyMap<number, string> = new Map([
  [23, 'secp256r1'],
  [24, 'secp384r1'],
  [25, 'secp521r1'],
  [29, 'x25519'],
  [30, 'x448'],
  [256, 'ffdhe2048'],
  [257, 'ffdhe3072'],
  [258, 'ffdhe4096'],
  [512, 'MLKEM512'],
  [513, 'MLKEM768'],
  [514, 'MLKEM1024'],
  [4587, 'SecP256r1MLKEM768'],
  [4588, 'X25519MLKEM768'],
  [4589, 'SecP384r1MLKEM1024'],
]);

export function groupName(group: number): string {
  return GROUPS.get(group) ?? `group ${group}`;
}

/** Whether a group of that name withstands a quantum computer: ML-KEM, alone or beside a classical one. */
export function isPostQuantum(name: string): boolean {
  return name.includes('MLKEM');
}

/** IANA's "TLS Alerts", of those that servers refuse handshakes with. */
const ALERTS: ReadonlyMap<number, string> = new Map([
  [10, 'unexpected_message'],
  [20, 'bad_record_mac'],
  [22, 'record_overflow'],
  [40, 'handshake_failure'],
  [42, 'bad_certificate'],
  [46, 'certificate_unknown'],
  [47, 'illegal_parameter'],
  [49, 'access_denied'],
  [50, 'decode_error'],
  [70, 'protocol_version'],
  [71, 'insufficient_security'],
  [80, 'internal_error'],
  [86, 'inappropriate_fallback'],
  [109, 'missing_extension'],
  [112, 'unrecognized_name'],
  [116, 'certificate_required'],
  [120, 'no_application_protocol'],
]);

export function alertName(alert: number): string {
  return ALERTS.get(alert) ?? `number ${alert}`;
}
