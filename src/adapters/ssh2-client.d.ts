/** The client alone: the package's index also loads its server and key generator, which cost start-up time. */
declare module 'ssh2/lib/client.js' {
  import { Client } from 'ssh2'
  export = Client
}

declare module 'ssh2/lib/protocol/keyParser.js' {
  import type { ParsedKey } from 'ssh2'
  export function parseKey(data: Buffer | string, passphrase?: string): ParsedKey | ParsedKey[] | Error
}
