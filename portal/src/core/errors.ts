// Every error that the portal raises on purpose. A code names a sentence in src/texts.ts; the page
// shows that sentence and never an exception's own words. Numbers for the sentence go in `values`:
// counts, sizes and names of models, never pixels, features, keys or names of patients.

export type ErrorFamily =
  | "input" // a file or form that cannot be used
  | "key" // the vault, the passphrase or a key file
  | "wire" // bytes that are not a valid message
  | "service" // the service refused, failed, is unreachable or misbehaves
  | "browser"; // this browser cannot do it

export class PortalError extends Error {
  readonly family: ErrorFamily;
  readonly code: string;
  readonly values: Readonly<Record<string, string | number>>;

  constructor(
    family: ErrorFamily,
    code: string,
    values: Record<string, string | number> = {},
    options?: ErrorOptions,
  ) {
    super(`${family}/${code}`, options);
    this.name = "PortalError";
    this.family = family;
    this.code = code;
    this.values = values;
  }
}

/** What crosses a worker's boundary in place of the error object. */
export interface ErrorMessage {
  family: ErrorFamily;
  code: string;
  values: Record<string, string | number>;
}

export function toMessage(error: unknown): ErrorMessage {
  if (error instanceof PortalError) {
    return { family: error.family, code: error.code, values: { ...error.values } };
  }
  return { family: "browser", code: "unexpected", values: { kind: kindOf(error) } };
}

export function fromMessage(message: ErrorMessage): PortalError {
  return new PortalError(message.family, message.code, message.values);
}

/** The class of an exception, never its text: a decoder's text may quote the file. */
function kindOf(error: unknown): string {
  if (error instanceof Error && /^[A-Za-z]{1,40}$/.test(error.name)) return error.name;
  return "unknown";
}

export const inputError = (code: string, values?: Record<string, string | number>): PortalError =>
  new PortalError("input", code, values);
export const wireError = (code: string, values?: Record<string, string | number>): PortalError =>
  new PortalError("wire", code, values);
export const serviceError = (code: string, values?: Record<string, string | number>): PortalError =>
  new PortalError("service", code, values);
export const keyError = (code: string, values?: Record<string, string | number>): PortalError =>
  new PortalError("key", code, values);
