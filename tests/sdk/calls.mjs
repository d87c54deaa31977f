// What the programs of this folder share: a client, deadlines, and calls that leave a line each.
import sdk from 'aws-iot-device-sdk-v2';
import { once } from 'node:events';

export const { greengrasscoreipc } = sdk;
const DEADLINE_MS = 120000; // a loaded machine under the sanitizers
const SHOWN = 300; // characters of a request or an answer in a line

export function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

export async function connect() {
  const client = greengrasscoreipc.createClient();
  await within(client.connect(), 'connect');
  return client;
}

export function equal(got, want, what) {
  const a = JSON.stringify(got);
  const b = JSON.stringify(want);
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`);
}

export function holds(condition, what) {
  if (!condition) throw new Error(what);
}

export const bytes = (payload) => [...Buffer.from(payload ?? '')];
export const json = (payload) => JSON.parse(Buffer.from(payload).toString());

function shown(value) {
  const text = JSON.stringify(value, (_, v) => {
    if (v instanceof Map) return Object.fromEntries(v);
    if (v?.type === 'Buffer') return `<${Buffer.from(v.data).toString('latin1')}>`;
    return v instanceof ArrayBuffer ? `<${Buffer.from(v).toString('latin1')}>` : v;
  }) ?? '';
  return text.length > SHOWN ? `${text.slice(0, SHOWN)}...` : text;
}

// The short name of the modelled error. One that is not in the list of the operation reaches applications as text only.
function errorName(error) {
  const foreign = /Unexpected response shape received: 'aws\.greengrass#(\w+)'/.exec(error.description ?? '');
  return error.serviceError?._errorCode ?? foreign?.[1] ?? String(error);
}

// The calls of one operation. lines: {operation, text}, what was sent and what came back.
export class Calls {
  constructor(client, operation) {
    this.client = client;
    this.operation = operation;
    this.method = operation[0].toLowerCase() + operation.slice(1);
    this.lines = [];
  }

  note(sent, came) {
    this.lines.push({ operation: this.operation, text: `${this.operation} ${shown(sent)} -> ${came}` });
  }

  async ok(request = {}) {
    const response = await within(this.client[this.method](request), this.operation);
    this.note(request, shown(response));
    return response;
  }

  // Opens a stream, acts, waits for an event (the first that `wanted` accepts), closes. Without act: no event is waited for.
  async stream(request, act, wanted = () => true) {
    const stream = this.client[this.method](request);
    const event = act && new Promise((resolve, reject) => {
      stream.on('message', (m) => wanted(m) && resolve(m));
      stream.on('streamError', reject);
    });
    event?.catch(() => {});
    const response = await within(stream.activate(), this.operation);
    let message;
    if (act) {
      await act();
      message = await within(event, `an event of ${this.operation}`);
    }
    this.note(request, shown(response) + (act ? `, then ${shown(message)}` : ''));
    const ended = once(stream, 'ended');
    await stream.close();
    await within(ended, `the end of ${this.operation}`);
    return message;
  }

  async fails(request, name, text) {
    let error;
    try {
      const call = this.client[this.method](request);
      await within(call.activate ? call.activate() : call, this.operation);
    } catch (e) {
      error = e;
    }
    const message = error?.serviceError?.message ?? '';
    this.note(request, error ? `${errorName(error)} ${message}` : 'success');
    holds(error, `${this.operation} ${shown(request)} succeeded`);
    equal(errorName(error), name, `the error of ${this.operation} ${shown(request)} (${error.description ?? error} ${message})`);
    if (text && error.serviceError) holds(message.includes(text), `${this.operation}: "${message}" lacks "${text}"`);
    return error.serviceError;
  }
}
