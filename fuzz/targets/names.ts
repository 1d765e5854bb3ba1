// Fuzzes certificate names against a short model of libpq's rule: the auditor accepts no name that the model refuses.

import fc from 'fast-check';
import { nameMismatch } from '../../lambda/collect/certificates/server-name.ts';
import { bytesLike, strangeText } from '../generators/arbitraries.ts';
import { derOf, EC_ROOT, RSA_ROOT } from '../generators/certificates.ts';
import { check, type FuzzTarget, throwingOnly } from '../generators/fuzz-target.ts';

/** One value of DER. */
function der(tag: number, ...parts: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  const length = content.length < 128 ? [content.length] : [0x82, content.length >> 8, content.length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

const COMMON_NAME = Buffer.from('0603550403', 'hex');
const SUBJECT_ALT_NAME = Buffer.from('0603551d11', 'hex');

interface Names {
  readonly alternatives: readonly { readonly tag: 'dns' | 'ip' | 'uri'; readonly value: Buffer }[];
  readonly commonNames: readonly Buffer[];
}

const TAGS = { dns: 0x82, ip: 0x87, uri: 0x86 } as const;

/** As much of a certificate as names take: no signature of it is looked at here. */
function certificate({ alternatives, commonNames }: Names): Buffer {
  const name = der(0x30, ...commonNames.map((value) => der(0x31, der(0x30, COMMON_NAME, der(0x0c, value)))));
  const names = der(0x30, ...alternatives.map(({ tag, value }) => der(TAGS[tag], value)));
  const extensions = der(0xa3, der(0x30, der(0x30, SUBJECT_ALT_NAME, der(0x04, names))));
  const nothing = der(0x30);
  const fields = [
    der(0xa0, der(0x02, Buffer.of(2))),
    der(0x02, Buffer.of(1)),
    nothing,
    nothing,
    nothing,
    name,
    nothing,
  ];
  return der(0x30, der(0x30, ...fields, ...(alternatives.length === 0 ? [] : [extensions])), nothing, der(0x03));
}

/** The widest that is allowed. Written apart from the one it is compared with. */
function mayAccept(host: string, { alternatives, commonNames: [commonName] }: Names): boolean {
  const address = /^\d+\.\d+\.\d+\.\d+$/.test(host) ? host.split('.').join() : undefined;
  if (alternatives.some(({ tag, value }) => tag === 'ip' && value.length === 4 && [...value].join() === address))
    return true;
  if (address !== undefined) return false;
  const dns = alternatives.filter(({ tag }) => tag === 'dns').map(({ value }) => value);
  return (dns.length > 0 ? dns : commonName === undefined ? [] : [commonName]).some((name) => covers(name, host));
}

function covers(name: Buffer, host: string): boolean {
  const ascii = (bytes: Buffer): string =>
    bytes.toString('latin1').replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
  const [pattern, asked] = [ascii(name), ascii(Buffer.from(host))];
  if (pattern === asked) return true;
  const [label, ...rest] = asked.split('.');
  return label !== '' && rest.length > 0 && pattern === ['*', ...rest].join('.');
}

const labels = fc.array(fc.constantFrom('db', 'DB', 'example', 'com', 'd*b', '*', '', 'xn--a', 'bücher', '1', 'a\0b'), {
  minLength: 1,
  maxLength: 4,
});
const hostName = fc.oneof(
  labels.map((parts) => parts.join('.')),
  fc.constantFrom('db.example.com', '127.0.0.1', '127.1', '0x7f.0.0.1', '::1', 'db.example.com.', '', '10.0.0.1 '),
  strangeText.map((text) => text.slice(0, 100)),
);
const nameBytes = fc.oneof(
  hostName.map((name) => Buffer.from(name)),
  labels.map((parts) => Buffer.from(['*', ...parts.slice(1)].join('.'))),
  fc.constantFrom(Buffer.of(127, 0, 0, 1), Buffer.of(10, 0, 0, 1), Buffer.alloc(16, 1), Buffer.alloc(3)),
);
const namesArbitrary: fc.Arbitrary<Names> = fc.record({
  alternatives: fc.array(fc.record({ tag: fc.constantFrom('dns', 'dns', 'ip', 'uri'), value: nameBytes }), {
    maxLength: 4,
  }),
  commonNames: fc.array(nameBytes, { maxLength: 2 }),
});

const names: FuzzTarget = {
  name: 'names',
  title: 'names of certificates: never accepted more widely than a simple rule',
  share: 2,
  prepare: () => ({
    property: fc.property(hostName, namesArbitrary, (host, carried) => {
      const mismatch = throwingOnly([], () => nameMismatch(host, { raw: Buffer.from(certificate(carried)) }));
      if (mismatch === undefined) check(mayAccept(host, carried), `accepted for ${JSON.stringify(host)}`);
      else check(!/[\u0000-\u001f\u202a-\u202e]/.test(mismatch.what), `what is said of it acts: ${mismatch.what}`);
    }),
  }),
};

const nameBytesTarget: FuzzTarget = {
  name: 'name-bytes',
  title: 'spoilt certificates: names that can be read or not, and nothing thrown',
  share: 1,
  prepare: () => {
    const carried: Names = {
      alternatives: [
        { tag: 'dns', value: Buffer.from('db.example.com') },
        { tag: 'dns', value: Buffer.from('*.example.org') },
        { tag: 'ip', value: Buffer.of(127, 0, 0, 1) },
      ],
      commonNames: [Buffer.from('db.example.com')],
    };
    const examples = [certificate(carried), derOf(EC_ROOT), derOf(RSA_ROOT)];
    return {
      property: fc.property(hostName, bytesLike(...examples), (host, bytes) => {
        throwingOnly([], () => nameMismatch(host, { raw: Buffer.from(bytes) }));
      }),
    };
  },
};

export const NAME_TARGETS: readonly FuzzTarget[] = [names, nameBytesTarget];
