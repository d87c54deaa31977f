// Prints the model of the official client as operations_text prints ours: node model.mjs
import * as utils from 'aws-iot-device-sdk-v2/dist/greengrasscoreipc/model_utils.js';

const model = utils.makeServiceModel();
const short = (shape) => shape.replace('aws.greengrass#', '');

// A normalizer asks for each member that the shape has.
function members(shape) {
  const asked = new Set();
  model.normalizers.get(shape)(new Proxy({}, { get: (_, name) => { asked.add(name); } }));
  return [...asked].filter((name) => name !== 'messages'); // stands for the events
}

const operations = {};
for (const [name, o] of model.operations)
  operations[short(name)] = {
    request: members(o.requestShape), response: members(o.responseShape), errors: [...o.errorShapes].map(short),
    ...(o.inboundMessageShape && { event: short(o.inboundMessageShape) }),
  };
const shapes = {};
for (const shape of model.normalizers.keys())
  if (!/(Request|Response|Error)$/.test(shape)) shapes[short(shape)] = members(shape);
console.log(JSON.stringify({ operations, shapes }));
