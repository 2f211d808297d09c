import { defineConfig } from 'vitest/config'

/** Rings: unit (pure, parallel), contract (files, sockets, processes), system (root, namespaces, real daemons). */
export default defineConfig({
  test: {
    projects: [
      { test: { name: 'unit', root: import.meta.dirname, include: ['unit/**/*.test.ts'], testTimeout: 5_000 } },
      {
        test: {
          name: 'contract',
          root: import.meta.dirname,
          include: ['contract/**/*.test.ts'],
          testTimeout: 120_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'system',
          root: import.meta.dirname,
          include: ['system/**/*.test.ts'],
          testTimeout: 180_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
})
