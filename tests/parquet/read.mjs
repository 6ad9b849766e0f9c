// Usage: node read.mjs FILE PACKAGES READER
//
// Reads a Parquet file with READER (hyparquet, or arrow: parquet-wasm and apache-arrow) of the folder PACKAGES, where
// tools/lib/npm_packages.sh has put them. Prints a line of JSON with the file's notes and columns, then one for each
// row: an array with null, true, false or a text for each value. Numbers are texts, days, micro- and nanoseconds the numbers
// that stand in the file, DECIMALs have all of their digits, bytes and UUIDs are hexadecimal.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [file, packages, reader] = process.argv.slice(2);
const within = createRequire(resolve(packages, "package.json"));
const load = (name) => import(pathToFileURL(within.resolve(name)).href);
const bytes = readFileSync(file);

const hex = (value) => Buffer.from(value).toString("hex");
const print = (thing) => process.stdout.write(JSON.stringify(thing) + "\n");

/** A whole number as one with `scale` digits behind the dot. */
function decimal(number, scale) {
  const sign = number < 0n ? "-" : "";
  const digits = (number < 0n ? -number : number).toString().padStart(scale + 1, "0");
  return scale === 0 ? sign + digits : `${sign}${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
}

function plain(value) {
  if (value === null || value === undefined) return null;
  if (value instanceof Uint8Array) return hex(value);
  return typeof value === "boolean" || typeof value === "string" ? value : String(value);
}

async function hyparquet() {
  const { parquetMetadata, parquetReadObjects } = await load("hyparquet");
  const { compressors } = await load("hyparquet-compressors");
  const content = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const metadata = parquetMetadata(content);
  const columns = metadata.schema.slice(1).map((one) => ({
    name: one.name,
    type: one.type,
    meaning: one.logical_type?.type ?? null,
    unit: one.logical_type?.unit ?? null,
    utc: one.logical_type?.isAdjustedToUTC ?? null,
    nullable: one.repetition_type === "OPTIONAL",
  }));
  print({
    notes: Object.fromEntries((metadata.key_value_metadata ?? []).map(({ key, value }) => [key, value])),
    columns,
    groups: metadata.row_groups.map((group) => Number(group.num_rows)),
  });
  // A decimal would come as a double: its digits are put together here.
  const scales = new Map();
  for (const one of metadata.schema.slice(1)) {
    if (one.logical_type?.type !== "DECIMAL") continue;
    scales.set(one.name, one.logical_type.scale);
    delete one.logical_type;
    delete one.converted_type;
  }
  const number = (value) => (value === undefined ? undefined : BigInt(value));
  const parsers = {
    timestampFromMicroseconds: number,
    timestampFromNanoseconds: number,
    dateFromDays: (days) => days,
    stringFromBytes: (text) => text && new TextDecoder("utf-8", { fatal: true }).decode(text),
    uuidFromBytes: (uuid) => uuid,
  };
  const rows = await parquetReadObjects({ file: content, metadata, compressors, parsers, utf8: false });
  const unscaled = (value) =>
    value instanceof Uint8Array ? BigInt.asIntN(value.length * 8, BigInt("0x" + hex(value))) : BigInt(value);
  for (const row of rows) {
    print(
      columns.map(({ name }) => {
        const value = row[name];
        const is_decimal = scales.has(name) && value !== null && value !== undefined;
        return is_decimal ? decimal(unscaled(value), scales.get(name)) : plain(value);
      }),
    );
  }
}

async function arrow() {
  const { DataType, tableFromIPC } = await load("apache-arrow");
  const { readParquet, readSchema } = await load("parquet-wasm");
  const schema = tableFromIPC(readSchema(bytes).intoIPCStream()).schema;
  print({
    notes: Object.fromEntries(schema.metadata),
    columns: schema.fields.map((field) => ({ name: field.name, type: String(field.type), nullable: field.nullable })),
  });
  const table = tableFromIPC(readParquet(bytes).intoIPCStream());
  const valueOf = (type, data, vector, index) => {
    if (!data.getValid(index)) return null;
    if (DataType.isDecimal(type)) {
      const words = data.values.subarray(index * 4, index * 4 + 4);
      const number = words.reduceRight((sum, word) => (sum << 32n) | BigInt(word >>> 0), 0n);
      return decimal(BigInt.asIntN(128, number), type.scale);
    }
    // As it stands in the column's memory: get() would make a time in milliseconds of it.
    if (DataType.isTimestamp(type) || DataType.isTime(type) || DataType.isDate(type)) return String(data.values[index]);
    return plain(vector.get(index));
  };
  for (const batch of table.batches) {
    const columns = schema.fields.map((field, i) => {
      return { type: field.type, data: batch.data.children[i], vector: batch.getChildAt(i) };
    });
    for (let index = 0; index < batch.numRows; ++index) {
      print(columns.map(({ type, data, vector }) => valueOf(type, data, vector, index)));
    }
  }
}

await (reader === "arrow" ? arrow() : hyparquet());
