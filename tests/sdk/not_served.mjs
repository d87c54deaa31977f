// Operations of the model that the nucleus does not serve, each with a request. The error is the documented one.
export const notServed = {
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
