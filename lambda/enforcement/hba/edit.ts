// Writes the shell commands that change lines of pg_hba.conf in place: one sed for each file.

import { formatBlock } from '../../analysis/pg-hba/address-block.ts';
import { hbaLine } from '../../analysis/pg-hba/line.ts';
import type { HbaRule } from '../../model/hba.ts';
import { shellQuote } from '../../model/shell-word.ts';
import { type LineChange, retyped } from './change.ts';

/** From here on a line that ends in a backslash goes on in the next. */
const CONTINUED_SINCE = 14;

/** What a copy of the file is called that the roll back puts in its place; with the time of the plan's facts. */
const BACKUP = '.before-tls';

/** Where the file is not known, the server says it to the superuser who runs this. */
const ASK_SERVER = '"$(psql -XAtc \'SHOW hba_file\' postgres)"';

export interface FileEdit {
  /** As a word of a shell. */
  readonly file: string;
  /**
   * Copies the file beside it, and writes to it, so that it keeps its owner, its mode, and the links to it. Where the
   * copy is there it does nothing: lines would be others then. Where one line is not as expected, or the edit fails,
   * the file is as it was and the copy is gone.
   */
  readonly command: string;
  readonly rollback: string;
}

/**
 * The command for each file, in the order in which the server reads them. For GNU sed.
 *
 * @param takenAt of the rules, in ISO 8601: a file that was written later is left alone. It names the copies too.
 */
export function fileEdits(changes: readonly LineChange[], major: number, takenAt: string): readonly FileEdit[] {
  const suffix = `${BACKUP}-${takenAt.replaceAll(/[^\dTZ]/g, '')}`;
  const byFile = Map.groupBy(scriptsOf(changes, major), ({ fileName }) => fileName);
  return [...byFile].map(([fileName, scripts]) => {
    const file = fileName === undefined ? ASK_SERVER : shellQuote(fileName);
    const names = `h=${file}\nb="$h${suffix}"`;
    // A file that is included twice has its rules twice, and its lines once.
    const words = [...new Set(scripts.flatMap(({ word, append }) => (append === true ? [] : [word])))];
    const appended = scripts.filter(({ append }) => append === true).map(({ word }) => word);
    const fields = words.some((word) => word.includes('"$f$f"')) ? [`f='${FIELD}'`] : [];
    const lastLine = Math.max(0, ...scripts.flatMap(({ lineNumber }) => lineNumber ?? []));
    const parts = [
      `[ -z "$(find -L "$h" -newermt ${shellQuote(takenAt)})" ]`,
      `[ "$(grep -c '' "$b")" -ge ${lastLine} ]`,
      ...(words.length === 0 ? [] : [editOf(words)]),
      // By a command of its own: the last line may be one that the edit has joined to the line before it. The empty
      // line ends a line that ends in a backslash.
      ...(appended.length === 0 ? [] : [`printf '\\n\\n%s\\n' ${appended.join(' ')} >> "$h"`]),
    ];
    const command = [
      names,
      ...fields,
      `if test -e "$b"; then echo 'done already: the copy is there'`,
      `elif ! command cp -p "$h" "$b"; then command rm -f "$b"; echo 'not changed: no copy'; false`,
      `elif ! { ${parts.join(' &&\n')}; }; then`,
      `${RESTORE}; echo 'not changed: ${UNEXPECTED}'; false`,
      'fi',
    ].join('\n');
    return { file, command, rollback: `${names}\n${RESTORE}` };
  });
}

/** Not by an alias, as some systems have them for root: those ask before they write, and read what is pasted next. */
const RESTORE = 'command cp -p "$b" "$h" && command rm "$b"';

const UNEXPECTED = 'the file is not as expected, or could not be written; audit and plan again';

/** The label of what ends the script, for a line that is not as expected. */
const STOP = 'no';

/** Every word is a script for one line, and goes to `STOP` where that is not as expected. */
function editOf(words: readonly string[]): string {
  const expressions = [...words.map((word) => `-e ${word}`), `-e 'b;:${STOP};Q3'`];
  return ['sed -E', ...expressions, '"$b" >| "$h"'].join(' \\\n  ');
}

interface Script {
  readonly fileName: string | undefined;
  /** Of the line that it changes, or stands above; undefined for the end of the file. */
  readonly lineNumber?: number;
  /** A word of a shell: of a script for sed with extended regular expressions. */
  readonly word: string;
  /** Whether the word is a line for the end of the file instead. */
  readonly append?: boolean;
}

/** What moves stands first, for a line may move to above one that changes too. */
function scriptsOf(changes: readonly LineChange[], major: number): readonly Script[] {
  const arriving = changes.flatMap(({ rule, moved }): readonly Script[] => {
    if (moved === undefined) return [];
    const { fileName, lineNumber } = moved.of;
    const arrived = retyped(rule, 'hostssl');
    if (moved.to === 'end') return [{ fileName, word: shellQuote(hbaLine(arrived)), append: true }];
    return [{ fileName, lineNumber, word: insertScript(moved.of, [arrived]) }];
  });
  const changed = changes.map((change) => {
    const { fileName, lineNumber } = change.rule;
    return { fileName, lineNumber, word: lineScript(change, major) };
  });
  return [...arriving, ...changed];
}

/** The databases or the users of a line, and the blanks after them: quotes hold anything but quotes. Three groups. */
const FIELD = '([^[:space:]",#]|"[^"]*")+(,\\s*([^[:space:]",#]|"[^"]*")+)*\\s+';

/** Lines above another, in a script of sed, which drops a backslash before any character. */
function inserted(rules: readonly HbaRule[]): string {
  return `i\\\n${rules.map((rule) => hbaLine(rule).replaceAll('\\', '\\\\')).join('\\\n')}`;
}

/** The first word of a line, with the blanks before it as the first group. */
function firstWord(type: HbaRule['type']): string {
  return `^(\\s*)"?${type}"?`;
}

function expectFirstWord(type: HbaRule['type']): string {
  return `/${firstWord(type)}(\\s|\\\\|$)/!b${STOP};`;
}

function insertScript({ lineNumber, type }: HbaRule, rules: readonly HbaRule[]): string {
  return shellQuote(`${lineNumber}{${expectFirstWord(type)}${inserted(rules)}\n}`);
}

/**
 * Changes the first word of a line, and leaves the rest as the file has it: quotes, comments, values of options. Where
 * copies are made of it, a line that goes on over others is joined first.
 */
function lineScript({ rule, loopback, gss, becomes, refusing }: LineChange, major: number): string {
  const { lineNumber, type } = rule;
  if (refusing !== undefined && loopback.length === 0) return insertScript(rule, refusing);
  const first = firstWord(type);
  const own =
    becomes === 'same'
      ? ''
      : becomes === 'off'
        ? `${expectFirstWord(type)}s/^/# /;`
        : `s/${first}(\\s|\\\\|$)/\\1${becomes}\\2/;T${STOP};`;
  if (loopback.length === 0 && !gss) return `'${lineNumber}{${own}}'`;
  const label = `a${lineNumber}`;
  // The last line of a file may end in a backslash too. T to what comes next forgets that something was replaced.
  const join =
    major >= CONTINUED_SINCE
      ? `:${label};/\\\\\\r*$/{$!{N;b${label};};};s/\\\\\\r*(\\n|$)//g;T${label}j;:${label}j;`
      : '';
  const copies = loopback.map((block) => `\\1${type}\\2${formatBlock(block).replaceAll('/', '\\/')}\\9`);
  // Groups: 1 blanks before it, 2 databases and users with blanks, 3 to 8 within these, 9 what follows the address.
  const copied = `s/${first}(\\s+'"$f$f"')${addressPattern(rule)}(\\s.*)$/${copies.join('\\n')}/p;`;
  // A keyword of which it is not known whether it is in quotes may be a name, which has no copies.
  const mayBeName = rule.netmask === undefined && rule.quotes?.address === undefined;
  const otherwise = mayBeName
    ? `t${label}k;/${first}\\s+'"$f$f"'"${rule.address}"\\s/!b${STOP};:${label}k;`
    : `T${STOP};`;
  const split = `${copied}${otherwise}g;`;
  const twin = `s/${first}(\\s.*)$/\\1hostgssenc\\2/p;T${STOP};g;`;
  const start = `'${lineNumber}{${join}h;${copies.length === 0 ? '' : split}${gss ? twin : ''}${own}`;
  return refusing === undefined ? `${start}}'` : `${start}'${shellQuote(`${inserted(refusing)}\n}`)}`;
}

/** As a keyword without quotes, or an address with its mask in either notation. It has no group. */
function addressPattern({ address = '', netmask }: HbaRule): string {
  if (netmask === undefined) return address;
  const digits = '[0-9A-Fa-f:.]+';
  return `"?${digits}["/[:space:]]+${digits}"?`;
}
