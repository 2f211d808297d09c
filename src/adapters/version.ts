import manifest from '../../package.json' with { type: 'json' }

/** Version of this program, as `--version` prints it and mDNS announces it. */
export const VERSION: string = manifest.version
