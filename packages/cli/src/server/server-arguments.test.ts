import { expect, test } from "vitest";
import { parseServerArguments } from "./server-arguments.ts";

test("the program's own flags are taken out, everything else is the node's", () => {
  expect(
    parseServerArguments(["--config", "a.toml", "--client-port", "5", "--check", "--join", "b:1"], {}),
  ).toEqual({
    file: "a.toml",
    check: true,
    help: false,
    flags: ["--client-port", "5", "--cluster-join", "b:1"],
  });
  expect(parseServerArguments(["--config=b.toml", "--join=c:2", "-h"], {})).toEqual({
    file: "b.toml",
    check: false,
    help: true,
    flags: ["--cluster-join=c:2"],
  });
});

test("the file may be in the environment, and a flag goes before it", () => {
  expect(parseServerArguments([], { TITAN_CONFIG: "e.toml" }).file).toBe("e.toml");
  expect(parseServerArguments(["-c", "f.toml"], { TITAN_CONFIG: "e.toml" }).file).toBe("f.toml");
  expect(() => parseServerArguments(["--config"], {})).toThrow("needs the name of a file");
});
