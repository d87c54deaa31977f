// Runs the cases of one caller: node operations.mjs CALLER FILE
//
// Appends a line of JSON to FILE for each call ({"operation","text"}), for each case that failed ({"operation","failed"}), for
// what the test has to do ({"tell"}), and {"end":true}.
import { appendFileSync } from 'node:fs';
import { cases } from './cases.mjs';
import { Calls, connect } from './calls.mjs';
import { notServed } from './not_served.mjs';

const [caller, file] = process.argv.slice(2);
const write = (line) => appendFileSync(file, `${JSON.stringify(line)}\n`);
const tell = (what) => write({ tell: what });
const client = await connect();

async function run(operation, fn) {
  const made = [];
  const of = (other) => {
    made.push(new Calls(client, other));
    return made.at(-1);
  };
  const calls = of(operation);
  const absent = notServed[operation];
  try {
    if (absent) await calls.fails(absent, 'ServiceError', `Operation aws.greengrass#${operation} is not supported by Greengrass`);
    else await fn(calls, of, tell);
  } catch (e) {
    write({ operation, failed: String(e.stack ?? e) });
  }
  for (const line of made.flatMap((c) => c.lines)) {
    console.log(line.text);
    write(line);
  }
}

for (const [operation, fn] of Object.entries(cases[caller])) await run(operation, fn);
const covered = new Set(Object.values(cases).flatMap(Object.keys));
if (caller === 'component')
  for (const operation of Object.keys(notServed)) if (!covered.has(operation)) await run(operation);
await client.close();
write({ end: true });
process.exit(0);
