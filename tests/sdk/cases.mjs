// What each caller asks for: caller -> operation -> case. A case gets the calls of its operation (calls.mjs), and the calls of
// others by `of`. At least one success where the nucleus serves the operation, and one modelled error.
import { bytes, equal, holds, json } from './calls.mjs';

const TARGET = 'com.x.Target';
const THING = 'sdk-thing';
const ghost = { componentName: 'com.x.Ghost' };
const unknownId = { deploymentId: '00000000-0000-4000-8000-000000000000' };

// A component with accessControl.
const component = {
  async PublishToTopic(calls, of) {
    const message = { temperature: 21.5, unit: '\u00b0C', ok: true, n: null, tags: ['a', 'b'] };
    const event = await of('SubscribeToTopic').stream({ topic: 'sdk/json' }, () =>
      calls.ok({ topic: 'sdk/json', publishMessage: { jsonMessage: { message } } }));
    equal(event.jsonMessage, { message, context: { topic: 'sdk/json' } }, 'event');
    for (const sent of [Buffer.from([0, 1, 2, 250, 255]), '']) {
      const binary = await of('SubscribeToTopic').stream({ topic: 'sdk/+', receiveMode: 'RECEIVE_ALL_MESSAGES' }, () =>
        calls.ok({ topic: 'sdk/binary', publishMessage: { binaryMessage: { message: sent } } }));
      equal(bytes(binary.binaryMessage.message), bytes(sent), 'bytes');
      equal(binary.binaryMessage.context.topic, 'sdk/binary', 'topic');
    }
    const publishMessage = { jsonMessage: { message: {} } };
    await calls.fails({ topic: 'other/a', publishMessage }, 'UnauthorizedError', 'on resource other/a');
    await calls.fails({ topic: 'sdk/+', publishMessage }, 'InvalidArgumentsError');
  },

  async SubscribeToTopic(calls) {
    await calls.stream({ topic: 'sdk/#' });
    await calls.fails({ topic: 'other/#' }, 'UnauthorizedError', 'on resource other/#');
  },

  async PublishToIoTCore(calls, of) {
    const topicName = 'dt/sdk-thing/a';
    const fields = {
      userProperties: [{ key: 'k', value: '1' }, { key: 'k', value: '2' }], messageExpiryIntervalSeconds: 600,
      responseTopic: 'dt/sdk-thing/answer', payloadFormat: '1', contentType: 'text/plain',
    };
    const event = await of('SubscribeToIoTCore').stream({ topicName: 'dt/sdk-thing/+', qos: '1' }, () => calls.ok({
      topicName, qos: '1', payload: 'hello', correlationData: Buffer.from([0, 255]), retain: false, ...fields }));
    const { payload, correlationData, messageExpiryIntervalSeconds, ...rest } = event.message;
    equal([bytes(payload), bytes(correlationData)], [bytes('hello'), [0, 255]], 'blobs');
    holds(messageExpiryIntervalSeconds > 0 && messageExpiryIntervalSeconds <= 600, `expiry ${messageExpiryIntervalSeconds}`);
    for (const name of ['userProperties', 'responseTopic', 'payloadFormat', 'contentType'])
      equal(rest[name], fields[name], name);
    equal([rest.topicName, rest.retain], [topicName, false], 'topic and retain');
    await calls.ok({ topicName: 'dt/sdk-thing/kept', qos: '0', payload: 'x', retain: true });
    await calls.fails({ topicName: 'other', qos: '1', payload: 'x' }, 'UnauthorizedError', 'Not Authorized');
    await calls.fails({ topicName: 'dt/sdk-thing/#', qos: '1', payload: 'x' }, 'ServiceError', 'wildcard');
    await calls.fails({ topicName, qos: '7', payload: 'x' }, 'InvalidArgumentsError');
  },

  async SubscribeToIoTCore(calls) {
    await calls.stream({ topicName: 'dt/sdk-thing/#', qos: '0' });
    await calls.fails({ topicName: 'other', qos: '0' }, 'UnauthorizedError', 'Not Authorized');
  },

  async GetConfiguration(calls) {
    equal((await calls.ok({ keyPath: ['given'] })).value, { number: 7, list: [1, { a: null }] }, 'container');
    equal((await calls.ok({ keyPath: ['given', 'number'] })).value, { number: 7 }, 'leaf');
    equal((await calls.ok({ componentName: TARGET, keyPath: [] })).value, { of: 'target' }, 'of another component');
    await calls.fails({ keyPath: ['there', 'is', 'none'] }, 'ResourceNotFoundError', 'Key not found');
  },

  async UpdateConfiguration(calls, of) {
    const valueToMerge = { a: { text: 'x', number: 1.5, none: null }, b: [1, 2] };
    await calls.ok({ keyPath: ['made', 'here'], timestamp: new Date(), valueToMerge });
    equal((await of('GetConfiguration').ok({ keyPath: ['made', 'here'] })).value, valueToMerge, 'value');
    const old = { keyPath: ['made', 'here'], timestamp: new Date(1000), valueToMerge: { b: 3 } };
    await calls.fails(old, 'FailedUpdateConditionCheckError', 'Proposed timestamp is older');
    await calls.fails({ timestamp: new Date(), valueToMerge: { accessControl: {} } }, 'InvalidArgumentsError', '[accessControl]');
  },

  async SubscribeToConfigurationUpdate(calls, of) {
    const update = { keyPath: ['told'], timestamp: new Date(), valueToMerge: { now: Date.now() } };
    const event = await calls.stream({ keyPath: [] }, () => of('UpdateConfiguration').ok(update));
    equal(event.configurationUpdateEvent, { componentName: 'com.x.Sdk', keyPath: ['told', 'now'] }, 'event');
    await calls.fails({ componentName: 'com.x.Ghost', keyPath: [] }, 'ResourceNotFoundError', 'Key not found');
  },

  async SendConfigurationValidityReport(calls) { // its success: validator, below
    const report = { status: 'ACCEPTED', deploymentId: 'unknown' };
    await calls.fails({ configurationValidityReport: report }, 'InvalidArgumentsError', 'was never made');
  },

  async UpdateState(calls) {
    await calls.ok({ state: 'RUNNING' });
    await calls.fails({ state: 'SLEEPING' }, 'ServiceError');
  },

  async SubscribeToComponentUpdates(calls) { // its events, and the success of DeferComponentUpdate: updates, below
    await calls.stream({});
  },

  async DeferComponentUpdate(calls) {
    const request = { deploymentId: 'unknown', recheckAfterMs: 0 };
    await calls.fails(request, 'InvalidArgumentsError', 'not subscribed');
    const stream = calls.client.subscribeToComponentUpdates({});
    await stream.activate();
    await calls.fails(request, 'ServiceError', 'Time limit');
    await stream.close();
  },

  async PauseComponent(calls) {
    if (!process.env.NO_FREEZER) await calls.ok({ componentName: TARGET });
    await calls.fails({ componentName: 'com.x.Sdk.Ghost' }, 'ResourceNotFoundError');
    await calls.fails({ componentName: 'com.x.Other' }, 'UnauthorizedError', 'on resource com.x.Other');
  },

  async ResumeComponent(calls) {
    if (!process.env.NO_FREEZER) await calls.ok({ componentName: TARGET });
    await calls.fails({ componentName: TARGET }, 'InvalidArgumentsError');
    await calls.fails({ componentName: 'com.x.Sdk.Ghost' }, 'ResourceNotFoundError');
  },

  async GetSecretValue(calls) {
    const secret = await calls.ok({ secretId: 'sdk' });
    const { secretId, versionId } = secret;
    holds(/^arn:.*:secret:sdk-\w{6}$/.test(secretId), `secretId ${secretId}`);
    equal([secret.secretValue, secret.versionStage], [{ secretString: 'open sesame' }, ['AWSCURRENT']], 'secret');
    equal((await calls.ok({ secretId, versionId })).versionId, versionId, 'by version');
    const error = await calls.fails({ secretId: 'ghost' }, 'ResourceNotFoundError', 'Secret not configured ghost');
    equal(error.resourceType, 'secret', 'resourceType');
    await calls.fails({ secretId, versionStage: 'NONE' }, 'ResourceNotFoundError', 'Version stage NONE not found');
    await calls.fails({ secretId: 'hidden' }, 'UnauthorizedError');
  },

  async UpdateThingShadow(calls) {
    const update = (state, more) => ({ thingName: THING, shadowName: 'a', payload: JSON.stringify({ state, ...more }) });
    const made = json((await calls.ok(update({ desired: { on: true }, reported: { on: false } }))).payload);
    equal([made.version, made.state.desired], [1, { on: true }], 'made');
    equal(json((await calls.ok(update({ reported: { on: true } }, { version: 1 }))).payload).version, 2, 'version');
    await calls.fails(update({ reported: null }, { version: 1 }), 'ConflictError', 'Version conflict');
    await calls.fails({ thingName: THING, payload: '[]' }, 'InvalidArgumentsError', 'Invalid JSON');
    await calls.fails({ thingName: 'other', payload: '{"state":{}}' }, 'UnauthorizedError');
  },

  async GetThingShadow(calls) {
    const shadow = json((await calls.ok({ thingName: THING, shadowName: 'a' })).payload);
    equal([shadow.version, shadow.state], [2, { desired: { on: true }, reported: { on: true } }], 'shadow');
    await calls.fails({ thingName: THING, shadowName: 'none' }, 'ResourceNotFoundError', 'No shadow found');
    await calls.fails({ thingName: 'bad name' }, 'InvalidArgumentsError', 'must match pattern');
  },

  async ListNamedShadowsForThing(calls) {
    const page = await calls.ok({ thingName: THING, pageSize: 10 });
    equal(page.results, ['a'], 'results');
    holds(Math.abs(page.timestamp - Date.now()) < 3600000, `timestamp ${page.timestamp}`);
    await calls.fails({ thingName: THING, pageSize: 101 }, 'InvalidArgumentsError', 'between 1 and 100');
    await calls.fails({ thingName: THING, nextToken: 'bad' }, 'InvalidArgumentsError', 'nextToken');
  },

  async DeleteThingShadow(calls) {
    await calls.ok({ thingName: THING, shadowName: 'a' });
    await calls.fails({ thingName: THING, shadowName: 'a' }, 'ResourceNotFoundError', 'No shadow found');
  },
};

// A component without accessControl.
const stranger = {
  GetComponentDetails: (calls) => calls.fails({ componentName: TARGET }, 'UnauthorizedError'),
  ListComponents: (calls) => calls.fails({}, 'UnauthorizedError'),
  RestartComponent: (calls) => calls.fails({ componentName: TARGET }, 'UnauthorizedError'),
  StopComponent: (calls) => calls.fails({ componentName: TARGET }, 'UnauthorizedError'),
  CreateLocalDeployment: (calls) => calls.fails({}, 'UnauthorizedError'),
  CancelLocalDeployment: (calls) => calls.fails(unknownId, 'UnauthorizedError'),
  GetLocalDeploymentStatus: (calls) => calls.fails(unknownId, 'UnauthorizedError'),
  ListLocalDeployments: (calls) => calls.fails({}, 'UnauthorizedError'),
  CreateDebugPassword: (calls) => calls.fails({}, 'UnauthorizedError'),
  ValidateAuthorizationToken: (calls) => calls.fails({ token: 'x' }, 'UnauthorizedError', 'com.x.Stranger is not authorized'),
  PutComponentMetric: (calls) =>
    calls.fails({ metrics: [{ name: 'n', unit: 'COUNT', value: 1 }] }, 'UnauthorizedError', 'com.x.Stranger'),
};

// A component that is told of deployments of the cloud, one of which the test makes when it reads "subscribed". It has to wait once.
const updates = {
  async SubscribeToComponentUpdates(calls, of, tell) {
    const asked = [];
    const answer = ({ deploymentId }) => {
      asked.push(of('DeferComponentUpdate').ok({ deploymentId, recheckAfterMs: asked.length ? 0 : 100, message: 'not now' }));
    };
    await calls.stream({}, () => tell('subscribed'), (m) => {
      if (m.preUpdateEvent) answer(m.preUpdateEvent);
      return asked.length && m.postUpdateEvent; // that of the deployment which brought us here may come before
    });
    await Promise.all(asked);
    equal(asked.length, 2, 'questions');
  },
};

// A component that is asked before its configuration changes, which the test does when it reads "asked".
const validator = {
  async SubscribeToValidateConfigurationUpdates(calls, of, tell) {
    const event = await calls.stream({}, () => tell('asked'), (m) => m.validateConfigurationUpdateEvent);
    const { configuration, deploymentId } = event.validateConfigurationUpdateEvent;
    equal(configuration.limit, 2, 'the new configuration');
    await of('SendConfigurationValidityReport').ok({ configurationValidityReport: { status: 'ACCEPTED', deploymentId } });
  },
};

const streamManager = {
  async ValidateAuthorizationToken(calls) {
    equal((await calls.ok({ token: process.env.SVCUID })).isValid, true, 'isValid');
    await calls.fails({ token: 'nobody' }, 'InvalidTokenError', 'Authentication token not found');
  },
};

// A component whose name begins with aws., with a policy.
const meter = {
  async PutComponentMetric(calls) {
    await calls.ok({ metrics: [{ name: 'sdk', unit: 'COUNT', value: 3 }, { name: 'sdk.size', unit: 'BYTES', value: 1.5 }] });
    await calls.fails({ metrics: [] }, 'InvalidArgumentsError', 'Null or Empty list of metrics');
    await calls.fails({ metrics: [{ name: 'sdk', unit: 'COUNT', value: -1 }] }, 'InvalidArgumentsError', 'Invalid argument');
    await calls.fails({ metrics: [{ name: 'other', unit: 'COUNT', value: 1 }] }, 'UnauthorizedError', 'on resource other');
  },
};

// A user of the command line.
const cli = {
  async GetComponentDetails(calls) {
    const { componentDetails } = await calls.ok({ componentName: TARGET });
    const { componentName, version, state, configuration } = componentDetails;
    equal([componentName, version, state, configuration], [TARGET, '1.0.0', 'RUNNING', { of: 'target' }], 'details');
    await calls.fails(ghost, 'ResourceNotFoundError', 'com.x.Ghost not found');
    await calls.fails({ componentName: '' }, 'InvalidArgumentsError', 'cannot be empty');
  },

  async ListComponents(calls) {
    const names = (await calls.ok({})).components.map((c) => c.componentName);
    holds(names.includes(TARGET) && names.includes('aws.greengrass.Nucleus') && !names.includes('main'), names.join());
  },

  async RestartComponent(calls) {
    equal((await calls.ok({ componentName: TARGET })).restartStatus, 'SUCCEEDED', 'restartStatus');
    await calls.fails(ghost, 'ComponentNotFoundError', 'com.x.Ghost not found');
  },

  async StopComponent(calls) {
    equal((await calls.ok({ componentName: TARGET })).stopStatus, 'SUCCEEDED', 'stopStatus');
    await calls.fails(ghost, 'ComponentNotFoundError', 'com.x.Ghost not found');
  },

  async CreateLocalDeployment(calls, of) {
    const rootComponentVersionsToAdd = new Map([[TARGET, '1.0.0']]);
    const { deploymentId } = await calls.ok({ rootComponentVersionsToAdd, failureHandlingPolicy: 'ROLLBACK' });
    let deployment;
    do {
      const status = of('GetLocalDeploymentStatus');
      ({ deployment } = await status.client.getLocalDeploymentStatus({ deploymentId }));
      await new Promise((resolve) => { setTimeout(resolve, 50); });
    } while (['QUEUED', 'IN_PROGRESS'].includes(deployment.status));
    equal([deployment.status, deployment.deploymentStatusDetails.detailedDeploymentStatus], ['SUCCEEDED', 'SUCCESSFUL'], 'status');
    await calls.fails({ groupName: 'a:b' }, 'InvalidArgumentsError', 'colon');
  },

  async GetLocalDeploymentStatus(calls, of) {
    const [newest] = (await of('ListLocalDeployments').ok({})).localDeployments;
    equal((await calls.ok({ deploymentId: newest.deploymentId })).deployment.deploymentId, newest.deploymentId, 'id');
    const error = await calls.fails(unknownId, 'ResourceNotFoundError', 'Cannot find deployment');
    equal([error.resourceType, error.resourceName], ['LocalDeployment', unknownId.deploymentId], 'resource');
    await calls.fails({ deploymentId: 'no-uuid' }, 'InvalidArgumentsError');
  },

  async ListLocalDeployments(calls) {
    const { localDeployments } = await calls.ok({});
    holds(localDeployments.length > 0 && localDeployments.every((d) => d.deploymentId && d.status), 'deployments');
  },

  async CancelLocalDeployment(calls, of) {
    const [done] = (await of('ListLocalDeployments').ok({})).localDeployments.filter((d) => d.status === 'SUCCEEDED');
    holds((await calls.ok({ deploymentId: done.deploymentId })).message.includes('already finished'), 'message');
    await calls.fails(unknownId, 'ResourceNotFoundError', 'Cannot find the deployment id');
    await calls.fails({ deploymentId: 'no-uuid' }, 'InvalidArgumentsError', 'is a UUID');
  },

  async CreateDebugPassword(calls) {
    const { username, password, passwordExpiration } = await calls.ok({});
    equal([username, password.length], ['debug', 43], 'user and password');
    holds(passwordExpiration > Date.now() + 7 * 3600000, `expires ${passwordExpiration}`);
  },
};

export const cases = { component, stranger, updates, validator, streamManager, meter, cli };
