/**
 * Options of ajv for schemas that are constants of ours: tests check them against the metaschema, so the programs need not, and
 * each is used a few times only, so that optimised code would not pay. Both would take time at every start.
 */
export const CONSTANT_SCHEMAS = {
  meta: false,
  validateSchema: false,
  code: { optimize: false },
  strict: true,
  strictRequired: false,
  allErrors: true,
  useDefaults: true,
} as const;
