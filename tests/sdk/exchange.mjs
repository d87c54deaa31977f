// One of two components that send each other messages: node exchange.mjs OWN PEER KIND COUNT FILE
//
// KIND is json or binary. FILE gets {"received","inOrder","end"}. IN_FLIGHT publishes at once, as an application would bound them.
import { appendFileSync } from 'node:fs';
import { connect, within } from './calls.mjs';

const IN_FLIGHT = 50;
const [own, peer, kind, countText, file] = process.argv.slice(2);
const count = Number(countText);
const client = await connect();

const wrap = (i) => (kind === 'json'
  ? { jsonMessage: { message: { i, text: 'x'.repeat(60) } } } : { binaryMessage: { message: Buffer.from(`${i} \u0000\u00ff`, 'latin1') } });
const number = (m) => (kind === 'json' ? m.jsonMessage.message.i : parseInt(Buffer.from(m.binaryMessage.message).toString('latin1'), 10));
const publish = (topic, i) => client.publishToTopic({ topic, publishMessage: wrap(i) });

let received = 0;
let inOrder = true;
let finish;
const all = new Promise((resolve) => { finish = resolve; });
const data = client.subscribeToTopic({ topic: `exchange/${own}/data` });
data.on('message', (m) => {
  inOrder &&= number(m) === received;
  received += 1;
  if (received === count) finish();
});
await data.activate();

// Both are there when each has heard the other, who says so until it is heard.
let heard;
const hello = new Promise((resolve) => { heard = resolve; });
const greeting = client.subscribeToTopic({ topic: `exchange/${own}/hello` });
greeting.on('message', (m) => number(m) >= 0 && heard());
await greeting.activate();
const timer = setInterval(() => publish(`exchange/${peer}/hello`, 0).catch(() => {}), 100);
await within(hello, 'the other component');

let next = 0;
async function lane() {
  while (next < count) {
    const i = next;
    next += 1;
    await publish(`exchange/${peer}/data`, i);
  }
}
await Promise.all(Array.from({ length: IN_FLIGHT }, lane));
await within(all, `the messages of the other component (${received} so far)`).catch((e) => console.log(String(e)));
clearInterval(timer);
appendFileSync(file, `${JSON.stringify({ received, inOrder, end: true })}\n`);
// stays until the component is stopped: the other may still wait for the hello
setInterval(() => publish(`exchange/${peer}/hello`, 0).catch(() => {}), 100);
