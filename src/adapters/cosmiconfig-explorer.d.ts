/**
 * The class behind cosmiconfig's functions, which the package ships without its types. The functions themselves
 * look for a configuration of their own in the working directory, and run it if it is code.
 */
declare module 'cosmiconfig/dist/Explorer.js' {
  import type { Options } from 'cosmiconfig'

  export class Explorer {
    constructor(options: Options)
    load(file: string): Promise<{ readonly config: unknown } | null>
  }
}
