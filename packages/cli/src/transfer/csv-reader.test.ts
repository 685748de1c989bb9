import { expect, test } from "vitest";
import { type CsvOptions, csvReader } from "./csv-reader.ts";
import type { SourceItem } from "./record.ts";

async function read(
  text: string | Buffer,
  options: CsvOptions = {},
  { after, pieceBytes = 1000 }: { after?: string; pieceBytes?: number } = {},
): Promise<SourceItem[]> {
  const bytes = Buffer.from(text);
  const reader = csvReader(async function* source() {
    for (let start = 0; start < bytes.length; start += pieceBytes) {
      yield await Promise.resolve(bytes.subarray(start, start + pieceBytes));
    }
  }, options);
  const items: SourceItem[] = [];
  for await (const item of reader(after)) items.push(item);
  return items;
}

function shown(items: readonly SourceItem[]): string[] {
  return items.map(({ found }) => {
    if (found.type === "record") return `${found.record.key}=${Buffer.from(found.record.value).toString()}`;
    return found.type === "reject" ? `${found.reject.place}: ${found.reject.reason}` : "nothing";
  });
}

test("rows become records by the columns key and value, quotes and line feeds inside cells included", async () => {
  const text = '\ufeffkey,value,more\r\na,1,x\r\n"b,c","two\nlines ""quoted""",y\r\n\r\nd,,z\r\n';
  expect(shown(await read(text))).toEqual(["a=1", 'b,c=two\nlines "quoted"', "d="]);
  for (const pieceBytes of [1, 2, 5]) {
    // oxlint-disable-next-line no-await-in-loop -- one reading after the other
    expect(shown(await read(text, {}, { pieceBytes }))).toEqual(["a=1", 'b,c=two\nlines "quoted"', "d="]);
  }
});

test("columns and delimiter can be chosen; without a value column the row is the value", async () => {
  expect(
    shown(await read("id;text\n1;hello\n", { keyColumn: "id", valueColumn: "text", delimiter: ";" })),
  ).toEqual(["1=hello"]);
  expect(shown(await read("id,n\nx,5\n", { keyColumn: "id" }))).toEqual(['x={"id":"x","n":"5"}']);
});

test("a column that is not there is the user's mistake, and is told with those that are", async () => {
  await expect(read("id,n\nx,5\n")).rejects.toThrow('the table has no column "key"');
});

test("bytes of a value that are not text come through", async () => {
  const items = await read(
    Buffer.concat([Buffer.from("key,value\na,"), Buffer.from([0xff, 0x00, 0xfe]), Buffer.from("\n")]),
  );
  expect(items[0]?.found).toMatchObject({ record: { value: Buffer.from([0xff, 0x00, 0xfe]) } });
});

test("damaged rows are rejected with their lines, and every other row is read", async () => {
  const text = [
    "key,value",
    "a,1",
    "short",
    "b,2,3",
    '"c"x,3',
    "d,4",
    ",5",
    'e"e,6',
    '"f","two',
    'lines"x',
    "g,7",
    '"never closed,8',
    "h,9",
  ].join("\n");
  const whole = await read(text);
  const descriptions = shown(whole);
  expect(descriptions).toEqual([
    "a=1",
    "line 3: the row has 1 cells, the table has 2 columns",
    "line 4: the row has 3 cells, the table has 2 columns",
    "line 5: something follows the closing quote of a cell",
    "d=4",
    "line 7: the key is empty",
    "line 8: a quote inside a cell that does not begin with one",
    "lines 9 to 10: something follows the closing quote of a cell",
    "g=7",
    "lines 12 to 13: a quote that is opened in line 12 is never closed",
  ]);
  for (const pieceBytes of [1, 3, 1000]) {
    // oxlint-disable-next-line no-await-in-loop -- one reading after the other
    expect(shown(await read(text, {}, { pieceBytes }))).toEqual(descriptions);
  }
  for (const [index, { position }] of whole.entries()) {
    // oxlint-disable-next-line no-await-in-loop
    expect(shown(await read(text, {}, { after: position }))).toEqual(descriptions.slice(index + 1));
  }
});

test("a row that is too long is rejected without the ones after it", async () => {
  const text = `key,value\na,${"x".repeat(5 * 1024 * 1024)}\n"b","${"y".repeat(5 * 1024 * 1024)}"\nc,1\n`;
  expect(shown(await read(text, {}, { pieceBytes: 65_536 }))).toEqual([
    "line 2: the row is longer than 4194304 bytes",
    "line 3: the row is longer than 4194304 bytes",
    "c=1",
  ]);
});

function neverOpened(): AsyncIterable<Uint8Array> {
  throw new Error("nothing is opened");
}

test("a delimiter that cannot be one is refused", () => {
  for (const delimiter of ['"', "\n", "ab", "é", ""]) {
    expect(() => csvReader(neverOpened, { delimiter })).toThrow("cannot separate cells");
  }
});
