// Reads texts with placeholders such as ${region} or ${tag:team}, and fills the placeholders in.

import { showName } from './given-text.ts';

/** A piece of a template: text, or a placeholder by its name. */
export type TemplatePart =
  | { readonly text: string }
  | { readonly placeholder: string }
  /** The value of a tag, by the tag's key. */
  | { readonly tag: string };

export type Template = readonly TemplatePart[];

/** A placeholder that has no value where it is filled in. */
export interface MissingValue {
  /** As the template writes it, without the braces: `tag:team`. */
  readonly missing: string;
}

/**
 * @param allowed names of placeholders; `tag:…` stands for the tag of any key
 * @returns what is wrong with the text, as the end of a sentence that begins with its setting
 */
export function parseTemplate(text: string, allowed: readonly string[]): Template | { readonly problem: string } {
  const parts: TemplatePart[] = [];
  for (const piece of text.split(/(\$\{[^{}]*\})/)) {
    const [, name] = /^\$\{([^{}]*)\}$/.exec(piece) ?? [];
    const key = /^tag:(.{1,128})$/.exec(name ?? '')?.[1];
    if (name === undefined) {
      if (piece.includes('${')) return { problem: `has a \${ without its }; allowed: ${listed(allowed)}` };
      if (piece !== '') parts.push({ text: piece });
    } else if (key !== undefined && allowed.includes(ANY_TAG)) parts.push({ tag: key });
    else if (allowed.includes(name) && name !== ANY_TAG) parts.push({ placeholder: name });
    else return { problem: `has the placeholder \${${showName(name)}}, which is not one; allowed: ${listed(allowed)}` };
  }
  return parts;
}

/** In a list of allowed placeholders: the tag of any key. */
export const ANY_TAG = 'tag:…';

/** The text up to the first placeholder: all of it where there is none. */
export function templateStart(template: Template): string {
  const end = template.findIndex((part) => !('text' in part));
  const start = end < 0 ? template : template.slice(0, end);
  return start.map((part) => ('text' in part ? part.text : '')).join('');
}

/** Names of the placeholders; a tag's is `tag:KEY`. */
export function placeholdersOf(template: Template): readonly string[] {
  return template.flatMap((part) => ('text' in part ? [] : 'tag' in part ? [`tag:${part.tag}`] : [part.placeholder]));
}

export interface TemplateValues {
  readonly placeholders: Readonly<Record<string, string | undefined>>;
  readonly tags: ReadonlyMap<string, string>;
}

export function fillTemplate(template: Template, { placeholders, tags }: TemplateValues): string | MissingValue {
  let text = '';
  for (const part of template) {
    if ('text' in part) text += part.text;
    else {
      const value = 'tag' in part ? tags.get(part.tag) : placeholders[part.placeholder];
      if (value === undefined) return { missing: 'tag' in part ? `tag:${part.tag}` : part.placeholder };
      text += value;
    }
  }
  return text;
}

function listed(allowed: readonly string[]): string {
  return allowed.map((name) => `\${${name}}`).join(', ');
}
