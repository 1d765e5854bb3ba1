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
  /** Copies the file beside it, and edits it. Where the copy is there it does nothing: lines would be others then. */
  readonly command: string;
  readonly rollback: string;
}

/**
 * The command for each file, in the order in which the server reads them. For GNU sed.
 *
 * @param plan names the copies of the files: letters and digits
 */
export function fileEdits(changes: readonly LineChange[], major: number, plan: string): readonly FileEdit[] {
  const suffix = `${BACKUP}-${plan}`;
  const byFile = Map.groupBy(scriptsOf(changes, major), ({ fileName }) => fileName);
  return [...byFile].map(([fileName, scripts]) => {
    const file = fileName === undefined ? ASK_SERVER : shellQuote(fileName);
    const backup = fileName === undefined ? `${ASK_SERVER}${suffix}` : shellQuote(`${fileName}${suffix}`);
    // A file that is included twice has its rules twice, and its lines once.
    const words = [...new Set(scripts.flatMap(({ word, append }) => (append === true ? [] : [word])))];
    const appended = scripts.filter(({ append }) => append === true).map(({ word }) => word);
    const expressions = words.map((word) => `-e ${word}`);
    const fields = words.some((word) => word.includes('"$f$f"')) ? `f='${FIELD}'\n` : '';
    const parts = [
      `cp -p ${file} ${backup}`,
      ...(words.length === 0 ? [] : [['sed -E -i', ...expressions, file].join(' \\\n  ')]),
      // By a command of its own: the last line may be one that the edit has joined to the line before it.
      ...(appended.length === 0 ? [] : [`printf '\\n%s\\n' ${appended.join(' ')} >> ${file}`]),
    ];
    const edit = `if test -e ${backup}; then echo 'done already: the copy is there'; else\n${parts.join(' &&\n')}\nfi`;
    return { file, command: `${fields}${edit}`, rollback: `cp -p ${backup} ${file} && rm ${backup}` };
  });
}

interface Script {
  readonly fileName: string | undefined;
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
    const line = hbaLine(retyped(rule, 'hostssl'));
    if (moved.to === 'end') return [{ fileName, word: shellQuote(line), append: true }];
    return [{ fileName, word: shellQuote(`${lineNumber}${inserted([retyped(rule, 'hostssl')])}`) }];
  });
  const changed = changes.map((change) => ({ fileName: change.rule.fileName, word: lineScript(change, major) }));
  return [...arriving, ...changed];
}

/** The databases or the users of a line, and the blanks after them: quotes hold anything but quotes. Three groups. */
const FIELD = '([^[:space:]",#]|"[^"]*")+(,\\s*([^[:space:]",#]|"[^"]*")+)*\\s+';

/** Lines above another, in a script of sed, which drops a backslash before any character. */
function inserted(rules: readonly HbaRule[]): string {
  return `i\\\n${rules.map((rule) => hbaLine(rule).replaceAll('\\', '\\\\')).join('\\\n')}`;
}

/**
 * Changes the first word of a line, and leaves the rest as the file has it: quotes, comments, values of options. Where
 * copies are made of it, a line that goes on over others is joined first. What is not as expected stays as it is.
 */
function lineScript({ rule, loopback, gss, becomes, refusing }: LineChange, major: number): string {
  const { lineNumber, type } = rule;
  if (refusing !== undefined && loopback.length === 0) return shellQuote(`${lineNumber}${inserted(refusing)}`);
  if (becomes === 'off' && loopback.length === 0 && !gss) return `'${lineNumber}s/^/# /'`;
  const first = `^(\\s*)"?${type}"?`;
  const own = becomes === 'same' ? '' : becomes === 'off' ? 's/^/# /' : `s/${first}(\\s|\\\\|$)/\\1${becomes}\\2/`;
  if (loopback.length === 0 && !gss) return `'${lineNumber}${own}'`;
  const label = `a${lineNumber}`;
  const join = major >= CONTINUED_SINCE ? `:${label};/\\\\\\r*$/{N;b${label}};s/\\\\\\r*\\n//g;` : '';
  const copies = loopback.map((block) => `\\1${type}\\2${formatBlock(block).replaceAll('/', '\\/')}\\9`);
  // Groups: 1 blanks before it, 2 databases and users with blanks, 3 to 8 within these, 9 what follows the address.
  const split = `s/${first}(\\s+'"$f$f"')${addressPattern(rule)}(\\s.*)$/${copies.join('\\n')}/p;g;`;
  const twin = `s/${first}(\\s.*)$/\\1hostgssenc\\2/p;g;`;
  const start = `'${lineNumber}{${join}h;${copies.length === 0 ? '' : split}${gss ? twin : ''}${own}`;
  return refusing === undefined ? `${start}}'` : `${start}'${shellQuote(`${inserted(refusing)}\n}`)}`;
}

/** As a keyword without quotes, or an address with its mask in either notation. It has no group. */
function addressPattern({ address = '', netmask }: HbaRule): string {
  if (netmask === undefined) return address;
  const digits = '[0-9A-Fa-f:.]+';
  return `"?${digits}["/[:space:]]+${digits}"?`;
}
