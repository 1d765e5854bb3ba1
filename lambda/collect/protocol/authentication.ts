// Controls the server's side of a login: which methods it may ask for, in which order, and what it must prove before
// the login counts, like libpq's `require_auth`. Pure.

import type { AuthenticationMethod } from '../../model/target.ts';
import type { ServerMessage } from './framing.ts';
import { checkLength } from './messages.ts';
import { ProtocolError, tooLarge, violation } from './protocol-error.ts';

/** What a target's configuration allows. */
export interface AuthenticationPolicy {
  readonly methods: readonly AuthenticationMethod[];
  /** Rounds of PBKDF2 that SCRAM must take at least. */
  readonly minScramIterations: number;
  /** Whether the password is an IAM token, which is good for one role at one endpoint only. @default false */
  readonly sendsToken?: boolean;
}

/** A server's answer to a login is expected to stay below this: a second of one processor. OWASP advises 600,000. */
export const MAX_SCRAM_ITERATIONS = 1_000_000;
/** PostgreSQL offers two; more than a handful is no server of PostgreSQL's kind. */
const MOST_MECHANISMS = 32;

/** Codes of Authentication messages (protocol documentation). */
const CODE = { ok: 0, cleartext: 3, md5: 5, sasl: 10, saslContinue: 11, saslFinal: 12 } as const;

/** Methods that exist, and that the auditor does not speak. 13 is Amazon Redshift's. */
const FOREIGN: ReadonlyMap<number, string> = new Map([
  [1, 'Kerberos 4'],
  [2, 'Kerberos 5'],
  [4, 'crypt'],
  [6, 'SCM credentials'],
  [7, 'GSSAPI (Kerberos)'],
  [8, 'GSSAPI (Kerberos)'],
  [9, 'SSPI (Windows)'],
  [13, "Amazon Redshift's digest of the password"],
]);

const MORE_ITERATIONS =
  'set the password of the role anew on the server, where scram_iterations is 4096 or more; if it is meant to have fewer';

const OTHER_RULE =
  "let the auditor in by SCRAM: add to pg_hba.conf, above the rule that matches it now: hostssl all tls_auditor <the auditor's network> scram-sha-256 (or cert), then SELECT pg_reload_conf();";

type State = 'start' | 'asked' | 'sasl' | 'sasl-continued' | 'sasl-proved' | 'done';

/** What the server asks for, step by step. */
export class AuthenticationDialogue {
  readonly #policy: AuthenticationPolicy;
  #state: State = 'start';
  #iterations = 0;

  constructor(policy: AuthenticationPolicy) {
    this.#policy = policy;
  }

  /** Rounds of PBKDF2 that the server asked for; 0 where it has not asked. */
  get iterations(): number {
    return this.#iterations;
  }

  get done(): boolean {
    return this.#state === 'done';
  }

  /** @throws ProtocolError for anything that must not be answered, or must not count */
  accept(message: ServerMessage): void {
    const { body } = message;
    if (this.#state === 'done') throw violation('asked for authentication after the login was over');
    if (body.length < 4) throw violation('sent a malformed Authentication');
    const code = body.readUInt32BE(0);
    switch (code) {
      case CODE.ok:
        checkLength(message, 4);
        this.#ok();
        break;
      case CODE.cleartext:
        checkLength(message, 4);
        this.#asks('password', 'the password in clear');
        break;
      case CODE.md5:
        checkLength(message, 8);
        this.#asks('md5', 'an MD5 hash of the password');
        break;
      case CODE.sasl:
        this.#mechanisms(body.subarray(4));
        break;
      case CODE.saslContinue:
        this.#continue(body.subarray(4));
        break;
      case CODE.saslFinal:
        this.#step('sasl-continued', 'sasl-proved');
        break;
      default:
        throw unsupported(code);
    }
  }

  #step(from: State, to: State): void {
    if (this.#state !== from) throw violation('sent the messages of a login in an impossible order');
    this.#state = to;
  }

  #asks(method: AuthenticationMethod, what: string): void {
    this.#step('start', 'asked');
    if (!this.#policy.methods.includes(method)) throw notAllowed(method, what, this.#policy);
  }

  #mechanisms(body: Buffer): void {
    this.#step('start', 'sasl');
    const names = readMechanisms(body);
    if (!names.some((name) => name === 'SCRAM-SHA-256' || name === 'SCRAM-SHA-256-PLUS')) {
      throw new ProtocolError(
        'authentication-unsupported',
        names.includes('OAUTHBEARER')
          ? 'asks for an OAuth token (PostgreSQL 18), which the auditor does not have'
          : 'asks for a SASL mechanism that the auditor does not speak',
        OTHER_RULE,
      );
    }
    if (!this.#policy.methods.includes('scram-sha-256')) throw notAllowed('scram-sha-256', 'SCRAM', this.#policy);
  }

  #continue(body: Buffer): void {
    this.#step('sasl', 'sasl-continued');
    this.#iterations = readIterations(body);
    const { minScramIterations: least } = this.#policy;
    if (this.#iterations < least) {
      throw new ProtocolError(
        'authentication-not-allowed',
        `asks for SCRAM with ${this.#iterations} iterations, and fewer than ${least} let the password be guessed from the answer; nothing was answered`,
        {
          configured: `${MORE_ITERATIONS}, set "minScramIterations" of the target`,
          url: `${MORE_ITERATIONS}, name the server in a configuration file, whose "minScramIterations" allows that`,
        },
      );
    }
    if (this.#iterations > MAX_SCRAM_ITERATIONS) {
      throw tooLarge(
        `asks for SCRAM with ${this.#iterations} iterations, and ${MAX_SCRAM_ITERATIONS} are computed at most`,
      );
    }
  }

  /** The login counts only where the server has proved that it knows the password too, or has asked for nothing. */
  #ok(): void {
    if (this.#state === 'sasl' || this.#state === 'sasl-continued') throw notProved();
    if (this.#state === 'start' && !this.#policy.methods.includes('none')) {
      throw notAllowed('none', 'no proof at all', this.#policy);
    }
    this.#state = 'done';
  }
}

/** The server ended SCRAM without showing that it knows the password, or tried to. */
export function notProved(what = 'ended the SCRAM login without proving that it knows the password'): ProtocolError {
  return new ProtocolError(
    'server-not-proved',
    what,
    'treat it as an attack until proven otherwise: a PostgreSQL server always sends that proof; find out what answers there, and change the password',
  );
}

/** The driver's complaint about the server's part of SCRAM, in words of ours: its own quote the server. */
export function scramError({ message }: Error): ProtocolError {
  if (/FINAL-MESSAGE: (server signature|server returned error)/.test(message)) {
    return notProved('gave a wrong proof that it knows the password in the SCRAM login');
  }
  return violation('sent a malformed SCRAM message');
}

function notAllowed(
  method: AuthenticationMethod,
  what: string,
  { methods, sendsToken = false }: AuthenticationPolicy,
): ProtocolError {
  if (sendsToken) {
    return new ProtocolError(
      'authentication-not-allowed',
      `asks for ${what} in place of an IAM token; nothing was answered`,
      'enable IAM database authentication on the instance or cluster, and let the role log in by it: GRANT rds_iam TO the role',
    );
  }
  const allowed = methods.join(', ');
  const { first = '', otherwise = '' } = ELSEWHERE[method];
  const only = 'only if the server is meant to ask for that';
  return new ProtocolError(
    'authentication-not-allowed',
    `asks for ${what}, and the target allows ${allowed}; nothing was answered`,
    {
      configured: `${first}set "authentication" of the target to ["${method}"] ${only}${otherwise}`,
      url: `${first}give --authentication ${method} ${only}${otherwise}`,
    },
  );
}

/** What to know before a method is allowed, and what to do instead. */
const ELSEWHERE: Readonly<Record<AuthenticationMethod, { readonly first?: string; readonly otherwise?: string }>> = {
  password: {
    otherwise:
      ' (LDAP, PAM and RADIUS do), because the server then sees the password; otherwise give the role a rule with scram-sha-256 in pg_hba.conf',
  },
  md5: {
    first: 'set password_encryption to scram-sha-256 on the server, then the password of the role anew; or ',
  },
  'scram-sha-256': {},
  none: { otherwise: ': a rule with the methods cert or trust lets the role in without a password' },
};

function unsupported(code: number): ProtocolError {
  const name = FOREIGN.get(code);
  return new ProtocolError(
    'authentication-unsupported',
    name === undefined
      ? `asks for authentication of the unknown kind ${code}`
      : `asks for ${name}, which the auditor does not speak`,
    OTHER_RULE,
  );
}

/** Texts, and an empty one behind the last. */
function readMechanisms(body: Buffer): readonly string[] {
  const texts = body.toString('latin1').split('\0');
  // The last text's end and the empty text leave two empty pieces.
  if (texts.length < 3 || texts.at(-1) !== '' || texts.at(-2) !== '' || texts.slice(0, -2).includes('')) {
    throw violation('sent a malformed list of SASL mechanisms');
  }
  if (texts.length > MOST_MECHANISMS) throw violation('sent an impossibly long list of SASL mechanisms');
  return texts.slice(0, -2);
}

/** Of SCRAM's server-first-message, `r=…,s=…,i=4096` (RFC 5802, section 7). */
function readIterations(body: Buffer): number {
  const [, digits] =
    /^r=[\x21-\x2b\x2d-\x7e]+,s=[A-Za-z0-9+/=]+,i=([1-9]\d{0,9})(?:,|$)/.exec(body.toString('latin1')) ?? [];
  if (digits === undefined) throw violation('sent a malformed SCRAM message');
  return Number(digits);
}
