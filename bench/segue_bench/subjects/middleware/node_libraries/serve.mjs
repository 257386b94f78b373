// What every library here shares. First line in: {audience, issuer, url, method, nonce, jwk}; then a line with a list of
// {token, proof} for each round. Out: {"ready"}, then a line with the microseconds of each request, or {"error"}.
import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { createInterface } from "node:readline";

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const say = (value) => process.stdout.write(JSON.stringify(value) + "\n");

/** The first line. */
export const setting = JSON.parse((await lines.next()).value);

/** Answers every further line. `prepare` makes of {token, proof} what `check` is given; only `check` is timed. */
export async function serve(prepare, check) {
  const name = basename(process.argv[1], ".mjs");
  const { dependencies } = JSON.parse(readFileSync("package.json"));
  say({ ready: `${dependencies[name]}, Node.js ${process.versions.node}` });
  for await (const line of lines) {
    try {
      const requests = JSON.parse(line).map(prepare);
      const times = [];
      for (const request of requests) {
        const began = process.hrtime.bigint();
        await check(request);
        times.push(Number(process.hrtime.bigint() - began) / 1000);
      }
      say(times);
    } catch (refused) {
      say({ error: String(refused) });
    }
  }
}
