// Drives a nucleus with the official SDK: connect, publish and subscribe (JSON and binary), configuration, UpdateState.
//
//   npm ci && SVCUID=<token> AWS_GG_NUCLEUS_DOMAIN_SOCKET_FILEPATH_FOR_COMPONENT=<socket> node sdk_client.mjs
//
// One TAP line for each step. Exit status 0 when all of them are ok. The component behind the token needs the policy to
// publish and subscribe on sdk/test/*, and a configuration that it may write.
import sdk from 'aws-iot-device-sdk-v2';
import { once } from 'node:events';

const { greengrasscoreipc } = sdk;
const DEADLINE_MS = 10000;
const JSON_TOPIC = 'sdk/test/json';
let n = 0;
let failed = 0;

function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${DEADLINE_MS} ms`)), DEADLINE_MS);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

async function step(name, fn) {
  n += 1;
  try {
    await within(fn(), name);
    console.log(`ok ${n} - ${name}`);
  } catch (e) {
    failed += 1;
    console.log(`not ok ${n} - ${name}`);
    console.log(`# ${String(e.stack || e).replaceAll('\n', '\n# ')}`);
  }
}

function equal(got, want, what) {
  const a = JSON.stringify(got);
  const b = JSON.stringify(want);
  if (a !== b) throw new Error(`${what}: got ${a}, expected ${b}`);
}

// Subscribes, runs act, and gives back the first event.
async function firstEvent(operation, act) {
  const event = once(operation, 'message');
  await operation.activate();
  await act();
  const [message] = await event;
  await operation.close();
  return message;
}

const client = greengrasscoreipc.createClient();

await step('the handshake succeeds', () => client.connect());

await step('a JSON message arrives as it was published', async () => {
  const json = { temperature: 21.5, unit: '\u00b0C', ok: true, n: null, tags: ['a', 'b'] };
  const event = await firstEvent(client.subscribeToTopic({ topic: JSON_TOPIC }), () =>
    client.publishToTopic({ topic: JSON_TOPIC, publishMessage: { jsonMessage: { message: json } } }));
  equal(event.jsonMessage.message, json, 'message');
  equal(event.jsonMessage.context.topic, JSON_TOPIC, 'topic');
});

await step('bytes arrive as they were published', async () => {
  const bytes = Buffer.from([0, 1, 2, 250, 255]);
  const topic = 'sdk/test/binary';
  const operation = client.subscribeToTopic({ topic: 'sdk/test/+', receiveMode: 'RECEIVE_ALL_MESSAGES' });
  const event = await firstEvent(operation, () =>
    client.publishToTopic({ topic, publishMessage: { binaryMessage: { message: bytes } } }));
  equal([...Buffer.from(event.binaryMessage.message)], [...bytes], 'message');
  equal(event.binaryMessage.context.topic, topic, 'topic');
});

await step('an empty blob arrives', async () => {
  const topic = 'sdk/test/empty';
  const event = await firstEvent(client.subscribeToTopic({ topic }), () =>
    client.publishToTopic({ topic, publishMessage: { binaryMessage: { message: '' } } }));
  equal(Buffer.from(event.binaryMessage.message ?? '').length, 0, 'length');
});

await step('a hundred publishes arrive in their order', async () => {
  const topic = 'sdk/test/order';
  const operation = client.subscribeToTopic({ topic });
  const got = [];
  const all = new Promise((resolve) => {
    operation.on('message', (m) => {
      got.push(m.jsonMessage.message.i);
      if (got.length === 100) resolve();
    });
  });
  await operation.activate();
  const sent = [];
  for (let i = 0; i < 100; i += 1)
    sent.push(client.publishToTopic({ topic, publishMessage: { jsonMessage: { message: { i } } } }));
  await Promise.all(sent);
  await all;
  equal(got, [...Array(100).keys()], 'order');
  await operation.close();
});

await step('configuration is written and read', async () => {
  await client.updateConfiguration({
    keyPath: [], timestamp: new Date(), valueToMerge: { sdkTest: { number: 7, text: 'x' } },
  });
  const all = await client.getConfiguration({ keyPath: ['sdkTest'] });
  equal([all.value.number, all.value.text], [7, 'x'], 'container');
  const leaf = await client.getConfiguration({ keyPath: ['sdkTest', 'number'] });
  equal(leaf.value, { number: 7 }, 'leaf');
});

await step('a key that is not there is a ResourceNotFoundError', async () => {
  try {
    await client.getConfiguration({ keyPath: ['there', 'is', 'no', 'such', 'key'] });
  } catch (e) {
    equal(e.serviceError?._errorCode, 'ResourceNotFoundError', 'error');
    return;
  }
  throw new Error('the call succeeded');
});

await step('a change of the configuration is told', async () => {
  const operation = client.subscribeToConfigurationUpdate({ keyPath: [] });
  const event = await firstEvent(operation, () =>
    client.updateConfiguration({ keyPath: [], timestamp: new Date(), valueToMerge: { sdkTestMark: Date.now() } }));
  equal(event.configurationUpdateEvent.keyPath, ['sdkTestMark'], 'keyPath');
});

await step('the component reports that it runs', () => client.updateState({ state: 'RUNNING' }));

await step('an operation the server refuses is an error, and the connection stays', async () => {
  let error = null;
  try {
    await client.getLocalDeploymentStatus({ deploymentId: 'no-uuid' });
  } catch (e) {
    error = e;
  }
  if (!error) throw new Error('the call succeeded');
  await client.updateState({ state: 'RUNNING' });
});

await step('the client closes', () => client.close());

console.log(`1..${n}`);
process.exit(failed ? 1 : 0);
