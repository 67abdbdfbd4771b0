// The typed and JSON forms that `show info` and `show stat` share (management guide §9.2, §9.3 "show info json").

const ORIGINS: Readonly<Record<string, string>> = {
  C: 'Config',
  K: 'Key',
  M: 'Metric',
  P: 'Product',
  S: 'Status',
};

const NATURES: Readonly<Record<string, string>> = {
  A: 'Age',
  a: 'Avg',
  C: 'Counter',
  D: 'Duration',
  G: 'Gauge',
  L: 'Limit',
  M: 'Max',
  m: 'Min',
  N: 'Name',
  O: 'Output',
  R: 'Rate',
  T: 'Time',
};

const SCOPES: Readonly<Record<string, string>> = { C: 'Cluster', P: 'Process', S: 'Service', Y: 'System' };

export type FieldValue = number | string;

/** "MGPV:u32" with its value: what stands behind a typed line's first colon. */
export const typedText = (tags: string, value: FieldValue): string => `${tags}:${value}`;

/** The JSON members "field" to "value", without the braces around them. */
export function jsonMembers(position: number, name: string, tags: string, value: FieldValue): string {
  const type = tags.slice(tags.indexOf(':') + 1);
  const shown = typeof value === 'number' ? String(value) : JSON.stringify(value);
  return (
    `"field":{"pos":${position},"name":"${name}"},"processNum":1,` +
    `"tags":{"origin":"${ORIGINS[tags[0]!]}","nature":"${NATURES[tags[1]!]}","scope":"${SCOPES[tags[2]!]}"},` +
    `"value":{"type":"${type}","value":${shown}}`
  );
}
