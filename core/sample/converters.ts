// All converters, by name. The tables are gathered here; the first row of a name counts.

import { addressConverters } from './convert-address.ts';
import { aesConverters } from './convert-aes.ts';
import { dateConverters } from './convert-date.ts';
import { encodingConverters } from './convert-encoding.ts';
import { fixConverters } from './convert-fix.ts';
import { hashConverters } from './convert-hash.ts';
import { httpConverters } from './convert-http.ts';
import { jsonConverters } from './convert-json.ts';
import { mapConverters } from './convert-map.ts';
import { mqttConverters } from './convert-mqtt.ts';
import { numberConverters } from './convert-number.ts';
import { packetConverters } from './convert-packet.ts';
import { protobufConverters } from './convert-protobuf.ts';
import { regexConverters } from './convert-regex.ts';
import { serverConverters } from './convert-server.ts';
import { stringConverters } from './convert-string.ts';
import { tableConverters } from './convert-table.ts';
import { variableConverters } from './convert-variables.ts';
import { whenConverters } from './convert-when.ts';
import { x509Converters } from './convert-x509.ts';
import type { ConverterRow } from './rows.ts';

export const converterRows: readonly ConverterRow[] = [
  ...tableConverters,
  ...addressConverters,
  ...aesConverters,
  ...dateConverters,
  ...encodingConverters,
  ...fixConverters,
  ...hashConverters,
  ...httpConverters,
  ...jsonConverters,
  ...mapConverters,
  ...mqttConverters,
  ...numberConverters,
  ...packetConverters,
  ...protobufConverters,
  ...regexConverters,
  ...serverConverters,
  ...stringConverters,
  ...variableConverters,
  ...whenConverters,
  ...x509Converters,
];

const byName = new Map<string, ConverterRow>();
for (const row of converterRows) if (!byName.has(row.name)) byName.set(row.name, row);

export function converterRow(name: string): ConverterRow | undefined {
  return byName.get(name);
}
