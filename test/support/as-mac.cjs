// Loaded by `node --require` before a program: it then takes the ways of macOS.
Object.defineProperty(process, 'platform', { value: 'darwin' })
