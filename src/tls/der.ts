/** DER values in the words of X.690, written with node-forge. Nothing here reads what somebody else has written. */
import asn1 from "node-forge/lib/asn1.js";

export type DerValue = asn1.Asn1;

export function sequence(...parts: DerValue[]): DerValue {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SEQUENCE, true, parts);
}

export function set(...parts: DerValue[]): DerValue {
  return asn1.create(asn1.Class.UNIVERSAL, asn1.Type.SET, true, parts);
}

/** `dotted`: `2.5.29.19`. */
export function objectIdentifier(dotted: string): DerValue {
  return primitive(asn1.Type.OID, asn1.oidToDer(dotted).getBytes());
}

/** Big-endian two's complement: a first byte of 0x80 or more is a negative number. */
export function integer(bytes: Uint8Array): DerValue {
  return primitive(asn1.Type.INTEGER, binary(bytes));
}

export function booleanTrue(): DerValue {
  return primitive(asn1.Type.BOOLEAN, "\xff");
}

export function nullValue(): DerValue {
  return primitive(asn1.Type.NULL, "");
}

export function utf8String(text: string): DerValue {
  return primitive(asn1.Type.UTF8, binary(Buffer.from(text)));
}

export function octetString(bytes: Uint8Array): DerValue {
  return primitive(asn1.Type.OCTETSTRING, binary(bytes));
}

export function bitString(bytes: Uint8Array, unusedBits = 0): DerValue {
  return primitive(asn1.Type.BITSTRING, binary(Uint8Array.of(unusedBits, ...bytes)));
}

/** Seconds precision. UTCTime has two digits for the year, so RFC 5280 4.1.2.5 changes to GeneralizedTime at 2050. */
export function time(date: Date): DerValue {
  return date.getUTCFullYear() < 2050
    ? primitive(asn1.Type.UTCTIME, asn1.dateToUtcTime(date))
    : primitive(asn1.Type.GENERALIZEDTIME, asn1.dateToGeneralizedTime(date));
}

/** `[tag] EXPLICIT` around one value, or `[tag] IMPLICIT` in place of a SEQUENCE's own tag. */
export function taggedValues(tag: number, ...parts: DerValue[]): DerValue {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, true, parts);
}

/** `[tag] IMPLICIT` in place of a primitive's own tag. */
export function taggedBytes(tag: number, bytes: Uint8Array): DerValue {
  return asn1.create(asn1.Class.CONTEXT_SPECIFIC, tag, false, binary(bytes));
}

/** A value that `node:crypto` has encoded. */
export function encoded(der: Uint8Array): DerValue {
  return asn1.fromDer(binary(der));
}

export function encode(value: DerValue): Buffer {
  return Buffer.from(asn1.toDer(value).getBytes(), "latin1");
}

function primitive(type: asn1.Type, bytes: string): DerValue {
  return asn1.create(asn1.Class.UNIVERSAL, type, false, bytes);
}

/** node-forge keeps bytes in strings, one a character. */
function binary(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
