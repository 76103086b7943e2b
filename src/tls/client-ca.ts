import { readFileSync } from "node:fs";
import { PortcullisError } from "../errors.ts";
import { readCertificates } from "./inspect.ts";

/** The CAs that may vouch for callers, in PEM. Throws PortcullisError SETTINGS unless all of the file are certificates. */
export function readClientCa(file: string): string {
  const { certificates, unparsableCount } = readCertificates(readText(file));
  if (certificates.length === 0 || unparsableCount > 0) {
    throw new PortcullisError("SETTINGS", `CLIENT_CA_FILE ${file} must hold certificates in PEM, and nothing else`);
  }
  return certificates.map(({ pem }) => pem).join("");
}

function readText(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new PortcullisError("SETTINGS", `CLIENT_CA_FILE ${file} can't be read: ${code}`, { cause: error });
  }
}
