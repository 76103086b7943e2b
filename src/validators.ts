/**
 * What a value must be by a schema of ours, as a function of ajv. Here ajv makes it when it is asked for; in the bundles it has
 * made them all when they were built (build.ts), since that took a third of the server's start.
 */
import { Ajv, type Options, type ValidateFunction } from "ajv";

/** `meta`, `validateSchema`: tests check the schemas against the metaschema, so the programs need not. */
export const AJV_OPTIONS = {
  meta: false,
  validateSchema: false,
  strict: true,
  strictRequired: false,
  strictTypes: false,
  allErrors: true,
  useDefaults: true,
  verbose: true,
} as const satisfies Options;

let ajv: Ajv | undefined;

/** Made once for each schema: ajv knows those that it has seen. `name`: by which a bundle finds what was made for it: see SCHEMAS in build.ts. */
export function validatorOf<Value>(_name: string, schema: object): ValidateFunction<Value> {
  ajv ??= new Ajv(AJV_OPTIONS);
  return ajv.compile<Value>(schema);
}
