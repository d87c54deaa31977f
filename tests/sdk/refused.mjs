// Prints how the official client reports the server's refusal: node refused.mjs (SVCUID is not a token)
import sdk from 'aws-iot-device-sdk-v2';
import { greengrasscoreipc, within } from './calls.mjs';

try {
  await within(greengrasscoreipc.createClient().connect(), 'connect');
  console.log('connected');
} catch (e) {
  console.log(sdk.eventstream_rpc.RpcErrorType[e.type] ?? String(e));
}
process.exit(0);
