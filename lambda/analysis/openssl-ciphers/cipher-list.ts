// Evaluates a list in OpenSSL's cipher language to the suites that it lets in.
//
// https://docs.openssl.org/master/man1/openssl-ciphers/

import { Recent } from '../../model/recent.ts';
import { CIPHER_SUITES, type CipherSuite, ianaName } from './cipher-suites.ts';

export interface CipherListMeaning {
  /** What the list lets in, in no order of preference. */
  readonly suites: readonly CipherSuite[];
  /** Items that are not known here: another version of OpenSSL may know them, or leave them out. */
  readonly notUnderstood: readonly NotUnderstood[];
  /**
   * Those of the suites that are let in for certain as far as security levels go: by the list's own level 0, by their
   * own names, or because OpenSSL's default level (1 since 1.1.0) allows them. `HIGH` stands for anonymous suites too,
   * which it then forbids.
   */
  readonly effective: readonly CipherSuite[];
}

interface NotUnderstood {
  readonly item: string;
  /** Whether it might take suites away that the rest lets in. */
  readonly mayRemove: boolean;
}

/** What versions of OpenSSL make of the same list differently. */
interface OpenSsl {
  /** The class of suites with a short tag (CCM8). */
  readonly shortTags: 'HIGH' | 'MEDIUM';
  /** Whether it knows suites by their IANA names too; older ones leave such an item out. */
  readonly ianaNames: boolean;
  /** Whether `high` is HIGH. */
  readonly anyCase: boolean;
}

/** Before 3.2, from 3.2, and from 4.0 on. Which of them a server has is not shown. */
const VERSIONS: readonly [OpenSsl, ...OpenSsl[]] = [
  { shortTags: 'MEDIUM', ianaNames: true, anyCase: true },
  { shortTags: 'MEDIUM', ianaNames: true, anyCase: false },
  { shortTags: 'HIGH', ianaNames: false, anyCase: false },
];

/**
 * What `ssl_ciphers` lets in for TLSv1.2 and older, by whichever version of OpenSSL. Order (`+`, `@STRENGTH`) is of no
 * interest; what OpenSSL is built without, or forbids by a security level that the list does not give, is not known and
 * so not left out.
 */
export function readCipherList(list: string): CipherListMeaning {
  return recent.get(list, () => readList(list));
}

/** Most servers of a fleet have one of a few lists. */
const recent = new Recent<CipherListMeaning>(50);

function readList(list: string): CipherListMeaning {
  if (list.length > LONGEST) {
    return { suites: [], effective: [], notUnderstood: [{ item: list.slice(0, LONGEST), mayRemove: true }] };
  }
  const suiteB = SUITE_B.exec(list);
  // To OpenSSL these take the place of the whole list.
  if (suiteB !== null)
    return meaningOf(
      CIPHER_SUITES.filter(({ name }) => SUITE_B_NAMES.has(name)),
      list,
      [],
    );
  const defaults = list.startsWith('DEFAULT') ? DEFAULT : '';
  const whole = defaults + list.slice(defaults === '' ? 0 : 'DEFAULT'.length);
  const [newest, ...older] = VERSIONS;
  const { suites, notUnderstood } = apply(whole, newest);
  const all = new Set([...suites, ...older.flatMap((version) => apply(whole, version).suites)]);
  const admitted = CIPHER_SUITES.filter((suite) => all.has(suite));
  return meaningOf(admitted, whole, notUnderstood);
}

/** Characters: the names of all suites there are take half of it. Longer lists cost time and have no use. */
const LONGEST = 8 * 1_024;

function meaningOf(
  suites: readonly CipherSuite[],
  list: string,
  notUnderstood: CipherListMeaning['notUnderstood'],
): CipherListMeaning {
  const insists = INSISTS.test(list);
  return { suites, notUnderstood, effective: suites.filter((suite) => insists || isWithinLevel(suite, DEFAULT_LEVEL)) };
}

const DEFAULT_LEVEL = 1;
/** Asks for level 0, or names what nothing else allows. */
const INSISTS =
  /@SECLEVEL=0|(?:^|[: ;,])(?:[\w.=]+[-+])*(?:[ea]?NULL|COMPLEMENTOFALL|A(?:EC)?DH|EXP(?:ORT)?(?:40|56)?|LOW|TLS_\w*(?:NULL|anon|EXPORT)\w*)(?=$|[-+:;, !@])/i;

const SUITE_B = /^SUITEB(128|192)/;
const SUITE_B_NAMES = new Set(['ECDHE-ECDSA-AES256-GCM-SHA384', 'ECDHE-ECDSA-AES128-GCM-SHA256']);

/** What the keyword stands for at the start of a list; elsewhere it stands for nothing. */
const DEFAULT = 'ALL:!COMPLEMENTOFDEFAULT:!eNULL:';

/** An operator, and words joined by `+`. Separators between items may be left out before an operator other than `-`. */
const ITEM = /[: ;,]+|([-!+@]?)([\w.=-]+(?:\+[\w.=-]+)*)/y;

function apply(list: string, openssl: OpenSsl): Pick<CipherListMeaning, 'suites' | 'notUnderstood'> {
  const active = new Set<CipherSuite>();
  const killed = new Set<CipherSuite>();
  const notUnderstood: NotUnderstood[] = [];
  let level = 0;
  ITEM.lastIndex = 0;
  while (ITEM.lastIndex < list.length) {
    const start = ITEM.lastIndex;
    const [item, operator, words] = ITEM.exec(list) ?? [];
    if (item === undefined) {
      // OpenSSL refuses the list as a whole, and who knows what PostgreSQL then goes by.
      notUnderstood.push({ item: list.slice(start), mayRemove: true });
      break;
    }
    if (words === undefined) continue;
    if (operator === '@') {
      const [, digit] = /^SECLEVEL=([0-5])$/.exec(words) ?? [];
      if (digit !== undefined) level = Number(digit);
      else if (words !== 'STRENGTH') notUnderstood.push({ item, mayRemove: true });
      continue;
    }
    const matches = matcher(words, openssl);
    if (matches === undefined) {
      notUnderstood.push({ item, mayRemove: operator === '!' || operator === '-' });
      continue;
    }
    if (operator === '+') continue;
    for (const suite of CIPHER_SUITES.filter(matches)) {
      if (operator === '!') killed.add(suite);
      if (operator === '') active.add(suite);
      else active.delete(suite);
    }
  }
  const suites = CIPHER_SUITES.filter(
    (suite) => active.has(suite) && !killed.has(suite) && isWithinLevel(suite, level),
  );
  return { suites, notUnderstood };
}

type Matcher = (suite: CipherSuite) => boolean;

/**
 * Undefined where one of the words is not known. Nor is what names of suites and some classes mean when they are joined
 * to words: OpenSSL takes some of these for the name alone, and leaves some out.
 */
function matcher(words: string, openssl: OpenSsl): Matcher | undefined {
  const each = words.split('+');
  const matchers = each.map((word) => (each.length > 1 && ALONE.test(word) ? undefined : wordMatcher(word, openssl)));
  const known = matchers.filter((matches) => matches !== undefined);
  return known.length < matchers.length ? undefined : (suite) => known.every((matches) => matches(suite));
}

const ALONE = /-|^TLS_|^(FIPS|COMPLEMENTOFDEFAULT)$/i;

function wordMatcher(written: string, { shortTags, ianaNames, anyCase }: OpenSsl): Matcher | undefined {
  const word = anyCase && !WORDS.has(written) ? (ANY_CASE.get(written.toLowerCase()) ?? written) : written;
  const keyword = word === shortTags ? orShortTag(word) : KEYWORDS.get(word);
  if (keyword !== undefined) return keyword;
  const iana = BY_IANA_NAME.get(word);
  if (iana !== undefined) return ianaNames ? (suite) => suite === iana : () => false;
  const name = OLD_NAMES.get(word) ?? word;
  if (NAMES.has(name)) return (suite) => suite.name === name;
  return WITHOUT_SUITES.has(word) || OTHER_SUITES.test(word) ? () => false : undefined;
}

const NAMES = new Set(CIPHER_SUITES.map(({ name }) => name));
const BY_IANA_NAME = new Map(CIPHER_SUITES.map((suite) => [ianaName(suite), suite]));
const OLD_NAMES = new Map([['EDH-RSA-DES-CBC3-SHA', 'DHE-RSA-DES-CBC3-SHA']]);

/** Names of suites that the table leaves out, and of those of TLSv1.3, which lists like these don't concern. */
const OTHER_SUITES =
  /^TLS_(AES_(128|256)_(GCM|CCM|CCM_8)_SHA(256|384)|CHACHA20_POLY1305_SHA256)$|^(.+-)?(PSK|SRP|DSS)-|^GOST\d/;

/** Words about what the table leaves out, and such as no OpenSSL that serves TLSv1.2 heeds. */
const WITHOUT_SUITES = new Set(
  `DEFAULT PSK kPSK kRSAPSK kECDHEPSK kDHEPSK aPSK SRP kSRP aSRP DSS aDSS GOST GOST12 GOST94 GOST89MAC kGOST kGOST18 aGOST
aGOST01 aGOST12 SSLv2 KRB5 kKRB5 aKRB5 FZA kDHr kDHd aDH kECDHr kECDHe aECDH
TLSv1.1 TLSv1.3`.split(/\s+/),
);

const exchanges =
  (keyExchange: CipherSuite['keyExchange']): Matcher =>
  (suite) =>
    suite.keyExchange === keyExchange;
const authenticates =
  (by: CipherSuite['authentication']): Matcher =>
  (suite) =>
    suite.authentication === by;
const encrypts =
  (pattern: RegExp, bits?: number): Matcher =>
  (suite) =>
    pattern.test(suite.encryption) && (bits === undefined || suite.bits === bits);
const hashes =
  (mac: string): Matcher =>
  (suite) =>
    suite.mac === mac;
const since =
  (protocol: CipherSuite['protocol']): Matcher =>
  (suite) =>
    suite.protocol === protocol;
const both =
  (one: Matcher, other: Matcher): Matcher =>
  (suite) =>
    one(suite) && other(suite);
const not =
  (matches: Matcher): Matcher =>
  (suite) =>
    !matches(suite);

const ecdhe = exchanges('ECDHE');
const dhe = exchanges('DHE');
const anonymous = authenticates('NULL');
const unencrypted = encrypts(/^NULL$/);
const exported: Matcher = ({ bits }) => bits === 40;
const low: Matcher = ({ bits }) => bits === 56;
const outdated = encrypts(/^(3DES|RC4|SEED|IDEA)$/);
const shortTag = encrypts(/^AESCCM8$/);

function orShortTag(word: 'HIGH' | 'MEDIUM'): Matcher {
  const others = KEYWORDS.get(word);
  return (suite) => others?.(suite) === true || shortTag(suite);
}

const KEYWORDS: ReadonlyMap<string, Matcher> = new Map([
  ['ALL', not(unencrypted)],
  ['COMPLEMENTOFALL', unencrypted],
  [
    'COMPLEMENTOFDEFAULT',
    both(not(unencrypted), (suite) => anonymous(suite) || !/^(AES|AESGCM|CHACHA20)$/.test(suite.encryption)),
  ],
  ['HIGH', (suite) => suite.bits >= 112 && !outdated(suite) && !shortTag(suite)],
  ['MEDIUM', (suite) => suite.bits >= 112 && outdated(suite)],
  ['LOW', low],
  ['EXP', exported],
  ['EXPORT', exported],
  ['EXPORT40', exported],
  ['FIPS', encrypts(/^(AES|AESGCM|3DES)$/)],

  ['kRSA', exchanges('RSA')],
  ['RSA', exchanges('RSA')],
  ...['kECDHE', 'kEECDH', 'ECDH'].map((word) => [word, ecdhe] as const),
  ...['kDHE', 'kEDH', 'DH'].map((word) => [word, dhe] as const),
  ...['ECDHE', 'EECDH'].map((word) => [word, both(ecdhe, not(anonymous))] as const),
  ...['DHE', 'EDH'].map((word) => [word, both(dhe, not(anonymous))] as const),
  ['ADH', both(dhe, anonymous)],
  ['AECDH', both(ecdhe, anonymous)],

  ['aRSA', authenticates('RSA')],
  ['aECDSA', authenticates('ECDSA')],
  ['ECDSA', authenticates('ECDSA')],
  ['aNULL', anonymous],

  ['eNULL', unencrypted],
  ['NULL', unencrypted],
  ['AES', encrypts(/^AES/)],
  ['AES128', encrypts(/^AES/, 128)],
  ['AES256', encrypts(/^AES/, 256)],
  ['AESGCM', encrypts(/^AESGCM$/)],
  ['AESCCM', encrypts(/^AESCCM8?$/)],
  ['AESCCM8', shortTag],
  ['CHACHA20', encrypts(/^CHACHA20$/)],
  ['CAMELLIA', encrypts(/^CAMELLIA$/)],
  ['CAMELLIA128', encrypts(/^CAMELLIA$/, 128)],
  ['CAMELLIA256', encrypts(/^CAMELLIA$/, 256)],
  ...['ARIA', 'ARIAGCM'].map((word) => [word, encrypts(/^ARIAGCM$/)] as const),
  ['ARIA128', encrypts(/^ARIAGCM$/, 128)],
  ['ARIA256', encrypts(/^ARIAGCM$/, 256)],
  ...['3DES', 'DES', 'RC4', 'RC2', 'SEED', 'IDEA'].map((word) => [word, encrypts(new RegExp(`^${word}$`))] as const),

  ['MD5', hashes('MD5')],
  ['SHA1', hashes('SHA1')],
  ['SHA', hashes('SHA1')],
  ['SHA256', hashes('SHA256')],
  ['SHA384', hashes('SHA384')],

  ['SSLv3', since('SSLv3')],
  ['TLSv1', since('TLSv1')],
  ['TLSv1.0', since('TLSv1')],
  ['TLSv1.2', since('TLSv1.2')],
]);

/** Every word that is known. */
const WORDS: ReadonlySet<string> = new Set([
  ...WITHOUT_SUITES,
  ...KEYWORDS.keys(),
  ...OLD_NAMES.keys(),
  ...NAMES,
  ...BY_IANA_NAME.keys(),
]);
/** The same by themselves in small letters. */
const ANY_CASE = new Map([...WORDS].map((word) => [word.toLowerCase(), word]));

/** What a security level forbids, as SSL_CTX_set_security_level documents it. */
function isWithinLevel({ bits, keyExchange, authentication, encryption, mac }: CipherSuite, level: number): boolean {
  if (level === 0) return true;
  if (bits < (MIN_BITS[level] ?? 0) || authentication === 'NULL' || mac === 'MD5') return false;
  if (level >= 2 && encryption === 'RC4') return false;
  if (level >= 3 && keyExchange === 'RSA') return false;
  return level < 4 || mac !== 'SHA1';
}

const MIN_BITS: readonly number[] = [0, 80, 112, 128, 192, 256];
