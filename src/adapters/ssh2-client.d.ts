// Node sees no named exports in these CommonJS files, so they are declared as they are: one value each. The
// package's index is not used, because it loads a server and a key generator with every start.
declare module 'ssh2/lib/client.js' {
  import { Client } from 'ssh2'
  export = Client
}

declare module 'ssh2/lib/protocol/keyParser.js' {
  import type { ParsedKey } from 'ssh2'

  const keyParser: {
    readonly parseKey: (data: Buffer | string, passphrase?: string) => ParsedKey | ParsedKey[] | Error
  }
  export = keyParser
}
