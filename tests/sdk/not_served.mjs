// A request for each operation of the model that the nucleus may not serve; NOT_SERVED, from its table, says which it does not.
const requests = {
  CreateDebugPassword: {},
  ValidateAuthorizationToken: { token: 'x' },
  PutComponentMetric: { metrics: [{ name: 'n', unit: 'COUNT', value: 1 }] },
  GetSecretValue: { secretId: 'x' },
  // Client devices: not while there is no component for their authentication.
  SubscribeToCertificateUpdates: { certificateOptions: { certificateType: 'SERVER' } },
  VerifyClientDeviceIdentity: { credential: { clientDeviceCertificate: 'x' } },
  GetClientDeviceAuthToken: { credential: { mqttCredential: { clientId: 'x' } } },
  AuthorizeClientDeviceAction: { clientDeviceAuthToken: 'x', operation: 'mqtt:connect', resource: 'mqtt:clientId:x' },
};

export const notServed = {};
for (const operation of process.env.NOT_SERVED.split(' ').filter(Boolean)) {
  if (!requests[operation]) throw new Error(`not_served.mjs has no request for ${operation}`);
  notServed[operation] = requests[operation];
}
