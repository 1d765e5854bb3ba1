// Quotes a person's input in errors, and describes it instead where it may hold a secret.

import { displayText } from './display.ts';

/** The words in an error in place of a text that is not shown. */
export const NOT_SHOWN = 'a text that may hold a secret (not shown)';

/** UTF-16 code units of what is shown of a name. */
const MAX_LENGTH = 64;

/**
 * Beginnings of keys and tokens: Slack, AWS, GitHub, GitLab, Stripe and OpenAI, JWT, Google, Neon, Vault, npm and
 * others.
 */
const TOKEN =
  /\bxox[a-z]-|\bxapp-|\b(?:AKIA|ASIA)[A-Z0-9]{12}|\bgh[a-z]_\w{8}|\bgithub_pat_|\bglpat-|\b[srp]k[-_](?:live|test|proj|ant)|\bsk-\w{16}|\beyJ[\w-]{8}|\bAIza[\w-]{16}|\bnpg_\w{4}|\bhv[sb]\.|\bSG\.[\w-]{8}|\bdop_v1_|\bpscale_|\bnpm_\w{16}|\bAGE-SECRET-KEY|hooks\.slack\.com\/services/;

/** PEM, DER and PEM in base64. */
const KEY = /-----|\bBEGIN [A-Z0-9 ]*(?:KEY|CERTIFICATE)|\bMII[A-Za-z0-9+/]{12}|\bLS0tLS1/;

/** `user:password@`, with or without a scheme; `user/password@`. */
const USER_INFO = /:[^@]*@|^[^\s/]+\/[^\s/@]+@/;

/** A key for a secret with a value: `password=x`, `PGPASSWORD: x`, `"pwd":"x"`. */
const SECRET_PAIR =
  /(?:pass(?:word|wd|phrase|code|wort)?|pwd|pw|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?)["'\\]*\s*(?:[=:]|=>)\s*["'\\]*[^\s"'\\]/i;

/** Patterns are not tried beyond this: it is far more than is shown. */
const LONGEST = 4096;

/** Whether a text holds what is surely a secret. Addresses of web pages, and sentences, hold none. */
export function holdsSecret(text: string): boolean {
  return spellings(text).some((spelled) =>
    [TOKEN, KEY, USER_INFO, SECRET_PAIR].some((pattern) => pattern.test(spelled)),
  );
}

/**
 * Whether a name holds a password as the value of a pair, such as `shop?pwd=…`. A name that is a password's equal, or
 * holds it otherwise, is one: those of test databases do.
 */
export function holdsPassword(name: string, password: unknown): boolean {
  if (typeof password !== 'string' || password === '') return false;
  return [`=${password}`, `:${password}`].some((pair) => name.includes(pair));
}

/** Whether a text that was given in the place of a name, a word or a number may be a secret, or hold one. */
export function mayBeSecret(text: string): boolean {
  if (holdsSecret(text)) return true;
  return spellings(text).some(
    (spelled) =>
      // A URL; settings of a connection string; `user:password`, where a port would be a number.
      /:\/\/|[?&;]\s*[\w .-]+=|\b(?:host|hostaddr|server|data source|user|username|uid|dbname|database|port|sslmode)\s*=/i.test(
        spelled,
      ) ||
      (/password/i.test(spelled) && !/^[\w./-]+$/.test(spelled)) ||
      /^[^\s:/]+:(?!\d+(?:\/|$))[^\s:]+$/.test(spelled) ||
      seemsGenerated(spelled),
  );
}

/** Whether a program probably generated it: classes of characters change all the time. */
function seemsGenerated(text: string): boolean {
  return text.split(/[\s/.:,-]+/).some((word) => {
    const classes = [/[a-z]/, /[A-Z]/, /\d/, /[!#$%^&*()+=~|<>?{}]/].filter((characters) =>
      characters.test(word),
    ).length;
    if (word.length < 8 || classes < 2) return false;
    if (classes === 4) return true;
    const changes = [...word].filter(
      (character, index) => classOf(character) !== classOf(word[index + 1] ?? character),
    );
    return word.length >= (classes === 3 ? 12 : 20) && changes.length / word.length > 0.35;
  });
}

function classOf(character: string): number {
  return [/[a-z]/, /[A-Z]/, /\d/].findIndex((characters) => characters.test(character));
}

/** As it is, and with its percent escapes undone; of an ARN only the name at its end. */
function spellings(text: string): string[] {
  const named = text.slice(0, LONGEST).replace(/^arn:[\w-]+:[\w-]+:[\w-]*:(?:\d{12})?:(?:secret:|function:)?/, '');
  if (!named.includes('%')) return [named];
  return [
    named,
    named.replace(/%([0-9a-f]{2})/gi, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16))),
  ];
}

/**
 * A text that a person gave, as an error quotes it: in double quotes, on one line, nothing in it that acts on a
 * terminal; or the words that it is not shown.
 */
export function showGiven(text: string, maxLength = MAX_LENGTH): string {
  return mayBeSecret(text) ? NOT_SHOWN : quoted(text, maxLength);
}

/** The same for a name that a sentence goes on with: `there is no target named "x"`. */
export function quoteName(name: string): string {
  return mayBeSecret(name) ? '(not shown)' : quoted(name);
}

/** The same without quotes. */
export function showName(name: string): string {
  return mayBeSecret(name) ? '(not shown)' : displayText(name, MAX_LENGTH);
}

/**
 * A path of a file or folder, without quotes, on one line. People put the text of the file, or a connection string,
 * where its path belongs.
 */
export function showPath(path: string): string {
  const isPath = !/[\n\0]|:\/\//.test(path) && !holdsSecret(path);
  // Folders of builds and temporary files have names that were generated; so may a password typed alone.
  return isPath && (path.includes('/') || !mayBeSecret(path)) ? displayText(path, 300) : '(not shown)';
}

function quoted(text: string, maxLength = MAX_LENGTH): string {
  return `"${displayText(text, maxLength).replaceAll('"', '\\"')}"`;
}
