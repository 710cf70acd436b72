import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    reporters: ['default', './test/plain-summary.ts'],
    globalSetup: ['test/services/global-setup.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests start servers and child processes of their own: two at a time is what two cores carry.
    maxWorkers: 2,
  },
})
