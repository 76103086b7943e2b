/** The one module of node-forge that is used: 41 kB in the bundle instead of 291, and none of its parsers or ciphers. */
declare module "node-forge/lib/asn1.js" {
  import { asn1 } from "node-forge";

  export = asn1;
}
