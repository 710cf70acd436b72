import { join } from 'node:path'
import { openAdminAccess } from './api/admin-token.ts'
import { startApp } from './compose.ts'
import { formatConfigErrors, parseConfig } from './config/load.ts'
import { Failure } from './engine/failure.ts'

/** A gateway for the demo: the real one, over a config in memory and a data directory of its own. */
export function startDemoGateway(log: (message: string, error?: unknown) => void) {
  return async (configText: string, dataDir: string): Promise<{ url: string; adminToken: string; close: () => Promise<void> }> => {
    const path = join(dataDir, 'bursar.yaml')
    const parsed = parseConfig(configText, { path, env: {} })
    if (parsed.kind === 'invalid') throw new Failure('invalid_config', formatConfigErrors(path, parsed.errors))
    const { config } = parsed
    const access = openAdminAccess(dataDir, undefined)
    const app = await startApp({ ...config, store: { ...config.store, dataDir } }, { log, isAdminToken: access.isAdminToken })
    return { url: app.url, adminToken: access.generated ?? '', close: app.close }
  }
}
