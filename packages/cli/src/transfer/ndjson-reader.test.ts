import { describe, expect, test } from "vitest";
import { ndjsonReader, parseLine } from "./ndjson-reader.ts";
import { maxKeyBytes, maxValueBytes, type SourceItem } from "./record.ts";

function parse(text: string | Buffer, keyField?: string): SourceItem["found"] {
  return parseLine({ number: 7, bytes: Buffer.from(text) }, { keyField });
}

function reasonFor(text: string | Buffer, keyField?: string): string {
  const found = parse(text, keyField);
  return found.type === "reject" ? `${found.reject.place}: ${found.reject.reason}` : found.type;
}

describe("a line of JSON", () => {
  test("is a record of text, of bytes, or with an expiry", () => {
    expect(parse('{"key":"a","value":"é\\u0000"}')).toEqual({
      type: "record",
      place: "line 7",
      record: { key: "a", value: Buffer.from("é\0") },
    });
    expect(parse('{"key":"a","base64":"AP8="}')).toMatchObject({ record: { value: Buffer.from([0, 255]) } });
    expect(parse('{"key":"a","value":"","expiresAtMs":9}')).toMatchObject({ record: { expiresAtMs: 9 } });
  });

  test("may have fields that mean nothing here, as `scan -o ndjson` writes them", () => {
    expect(parse('{"key":"a","value":"1","revision":3,"origin":{}}').type).toBe("record");
  });

  test("can be a value itself, with its key in a field", () => {
    const line = '{ "id": "x", "n": 12345678901234567890 }';
    expect(parse(line, "id")).toMatchObject({ record: { key: "x", value: Buffer.from(line) } });
    expect(reasonFor('{"id":5}', "id")).toBe('line 7: the field "id" is missing or not text');
  });

  test.each([
    ["{", "line 7: not JSON"],
    ["[]", "line 7: not a JSON object"],
    ["null", "line 7: not a JSON object"],
    ["5", "line 7: not a JSON object"],
    ['{"value":"a"}', 'line 7: the field "key" is missing or not text'],
    ['{"key":"a"}', 'line 7: one of the fields "value" and "base64" is needed'],
    ['{"key":"a","value":"","base64":""}', "line 7: one of the fields"],
    ['{"key":"a","value":1}', "line 7: the value is not text"],
    ['{"key":"a","base64":"A"}', 'line 7: the field "base64" is not base64'],
    ['{"key":"a","base64":"AP8"}', 'line 7: the field "base64" is not base64'],
    ['{"key":"","value":""}', "line 7: the key is empty"],
    ['{"key":"\\ud800","value":""}', "line 7: the key has half a surrogate pair"],
    ['{"key":"a","value":"\\udc00"}', "line 7: the value has half a surrogate pair"],
    ['{"key":"a","value":"","expiresAtMs":-1}', 'line 7: the field "expiresAtMs"'],
    [`{"key":"${"k".repeat(maxKeyBytes + 1)}","value":""}`, "line 7: the key has 4097 bytes"],
    [`{"key":"a","value":"${"v".repeat(maxValueBytes + 1)}"}`, "line 7: the value has 1048577 bytes"],
    ['{"__proto__":{"key":"a"},"value":""}', 'line 7: the field "key" is missing'],
  ])("%.40s is rejected with its line and reason", (line, reason) => {
    expect(reasonFor(line)).toContain(reason);
  });

  test("that is not UTF-8 is rejected, and an empty one is nothing", () => {
    expect(reasonFor(Buffer.from([0x7b, 0xff, 0x7d]))).toBe("line 7: the line is not UTF-8");
    expect(parse("  ").type).toBe("nothing");
  });
});

test("a reading goes on after any position with exactly what follows", async () => {
  const text = '{"key":"a","value":"1"}\nnonsense\n\n{"key":"b","value":"2"}\n';
  const read = ndjsonReader(async function* source() {
    yield await Promise.resolve(Buffer.from(text));
  });
  const whole: SourceItem[] = [];
  for await (const item of read(undefined)) whole.push(item);
  expect(whole.map(({ found }) => found.type)).toEqual(["record", "reject", "nothing", "record"]);
  for (const [index, { position }] of whole.entries()) {
    const rest: SourceItem[] = [];
    // oxlint-disable-next-line no-await-in-loop -- one reading after the other
    for await (const item of read(position)) rest.push(item);
    expect(rest).toEqual(whole.slice(index + 1));
  }
});
