// Runs SQL inside a SELECT in such a way that the server plans it only when it is reached.
//
// A function that the login may not call, named in a statement, fails the whole message also where it is not called,
// and planning what is hardly ever needed takes the server longer than giving it. query_to_xml takes the statement
// as text. This saves logins that may read the rules a round trip (docs/adr/0005-one-round-trip.md), and costs servers
// that were built without XML a second message.

const XML_ESCAPES: Readonly<Record<string, string>> = { '&lt;': '<', '&gt;': '>', '&amp;': '&', '&#x0d;': '\r' };

/**
 * SQL of an XML value that holds the result; `plannedValue` reads it.
 *
 * @param sql SQL of a text: a statement with one value, named json_agg, in one row
 */
export function plannedWhenReached(sql: string): string {
  return `query_to_xml(${sql}, false, true, '')`;
}

/** The value in the XML; undefined for NULL, whose element query_to_xml leaves out. */
export function plannedValue(xml: string): string | undefined {
  const value = /<json_agg>(.*)<\/json_agg>/s.exec(xml)?.[1];
  return value?.replaceAll(/&(?:lt|gt|amp|#x0d);/g, (entity) => XML_ESCAPES[entity] ?? entity);
}

/** A string literal that means the same whatever `standard_conforming_strings` is. */
export function sqlText(raw: string): string {
  return `E'${raw.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
