import { defineConfig } from 'vitest/config'

/** Full forms (`npm test -- --long`) repeat what the others do a few times. */
const times = process.env.CLAW_TEST_LONG === '1' ? 10 : 1

/** Rings: unit (pure, parallel), contract (files, sockets, processes), system (root, namespaces, real daemons). */
export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          root: import.meta.dirname,
          include: ['unit/**/*.test.ts'],
          testTimeout: 5_000 * times,
        },
      },
      {
        test: {
          name: 'contract',
          root: import.meta.dirname,
          include: ['contract/**/*.test.ts'],
          testTimeout: 120_000 * times,
          hookTimeout: 60_000 * times,
        },
      },
      {
        test: {
          name: 'system',
          root: import.meta.dirname,
          include: ['system/**/*.test.ts'],
          testTimeout: 180_000 * times,
          hookTimeout: 120_000 * times,
          fileParallelism: false,
        },
      },
    ],
  },
})
