import { expect, test } from "vitest";
import { printable, renderTable } from "./table.ts";
import { previewOf, toJsonValue } from "./value-text.ts";

test("columns are aligned, with colours and wide texts measured by what is seen", () => {
  const columns = [{ title: "name" }, { title: "n", align: "right" as const }, { title: "x" }];
  expect(
    renderTable(columns, [
      ["\u001B[32mok\u001B[39m", "5", "y"],
      ["é\u{1F600}long", "123", ""],
    ]),
  ).toBe("name      n  x\n\u001B[32mok\u001B[39m        5  y\né\u{1F600}long  123\n");
  expect(renderTable([], [["a"]])).toBe("");
});

test("control characters cannot reach a terminal", () => {
  expect(printable("a\u001B[2J\nb\u0000\u009Bc")).toBe(String.raw`a\x1b[2J\x0ab\x00\x9bc`);
});

test("values are text where they are UTF-8 and base64 otherwise, without losing a byte", () => {
  expect(toJsonValue(Buffer.from("é\0"))).toEqual({ value: "é\0" });
  expect(toJsonValue(Buffer.from([0xc3]))).toEqual({ base64: "ww==" });
});

test("a preview is short whatever the value, and never cuts a character in half", () => {
  expect(previewOf(Buffer.from("short"))).toBe("short");
  expect(previewOf(Buffer.from("x".repeat(1000)))).toBe(`${"x".repeat(59)}…`);
  expect(previewOf(Buffer.from("\u{1F600}".repeat(100)))).toBe(`${"\u{1F600}".repeat(59)}…`);
  expect(previewOf(Buffer.from(`a${"é".repeat(400)}`))).toBe(`a${"é".repeat(58)}…`);
  expect(previewOf(Buffer.from([0xff, 0xfe]))).toBe("(2 bytes)");
});
