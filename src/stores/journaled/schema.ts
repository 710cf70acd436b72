import type { DatabaseSync } from 'node:sqlite'
import { Failure } from '../../engine/failure.ts'

/** Forward only; each runs once, in a transaction. An amount is an integer in the account's own unit, an instant epoch ms. */
const MIGRATIONS: readonly string[] = [
  `
  CREATE TABLE position (only_row INTEGER PRIMARY KEY CHECK (only_row = 1), segment INTEGER NOT NULL, byte_offset INTEGER NOT NULL);
  INSERT INTO position VALUES (1, 1, 0);

  CREATE TABLE accounts (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, budget TEXT NOT NULL, each_value TEXT, unit TEXT NOT NULL,
    period_kind TEXT NOT NULL, period_name TEXT NOT NULL, starts_at INTEGER NOT NULL, ends_at INTEGER NOT NULL,
    granted INTEGER NOT NULL DEFAULT 0, used INTEGER NOT NULL DEFAULT 0, overrun INTEGER NOT NULL DEFAULT 0,
    calls INTEGER NOT NULL DEFAULT 0, alerted_at REAL NOT NULL DEFAULT 0, closed_at INTEGER
  );
  CREATE INDEX accounts_open ON accounts (budget) WHERE closed_at IS NULL;

  CREATE TABLE calls (
    id TEXT PRIMARY KEY, admitted_at INTEGER NOT NULL, ended_at INTEGER NOT NULL,
    team TEXT NOT NULL, project TEXT NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL, provider TEXT NOT NULL, model TEXT NOT NULL,
    tags TEXT NOT NULL, endpoint TEXT NOT NULL, ending TEXT NOT NULL, status INTEGER, usage_kind TEXT NOT NULL, why TEXT NOT NULL,
    input INTEGER NOT NULL, cached_input INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL,
    reasoning INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL, price TEXT, charges TEXT NOT NULL, overrun INTEGER NOT NULL
  );
  CREATE INDEX calls_ended ON calls (ended_at);

  CREATE TABLE holds (id TEXT PRIMARY KEY, hold TEXT NOT NULL) WITHOUT ROWID;

  CREATE TABLE rollup_hour (
    attribute TEXT NOT NULL, hour INTEGER NOT NULL, value TEXT NOT NULL,
    calls INTEGER NOT NULL, estimated_calls INTEGER NOT NULL, input INTEGER NOT NULL, cached_input INTEGER NOT NULL,
    cache_write INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL, cost_nano_usd INTEGER NOT NULL,
    PRIMARY KEY (attribute, hour, value)
  ) WITHOUT ROWID;
  CREATE TABLE rollup_day (
    day INTEGER NOT NULL, team TEXT NOT NULL, project TEXT NOT NULL, user TEXT NOT NULL, key TEXT NOT NULL, provider TEXT NOT NULL,
    model TEXT NOT NULL, calls INTEGER NOT NULL, estimated_calls INTEGER NOT NULL, input INTEGER NOT NULL,
    cached_input INTEGER NOT NULL, cache_write INTEGER NOT NULL, output INTEGER NOT NULL, reasoning INTEGER NOT NULL,
    cost_nano_usd INTEGER NOT NULL, PRIMARY KEY (day, team, project, user, key, provider, model)
  ) WITHOUT ROWID;

  CREATE TABLE closes (
    number INTEGER PRIMARY KEY, account TEXT NOT NULL UNIQUE, budget TEXT NOT NULL, close TEXT NOT NULL, used INTEGER NOT NULL,
    calls INTEGER NOT NULL, closed_at INTEGER NOT NULL, hash TEXT NOT NULL
  );
  CREATE INDEX closes_budget ON closes (budget);
  CREATE TRIGGER closes_never_change BEFORE UPDATE ON closes BEGIN SELECT RAISE(ABORT, 'a close never changes'); END;
  CREATE TRIGGER closes_never_go BEFORE DELETE ON closes BEGIN SELECT RAISE(ABORT, 'a close never changes'); END;

  CREATE TABLE alerts (
    number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, account TEXT NOT NULL, threshold REAL NOT NULL, alert TEXT NOT NULL,
    UNIQUE (account, threshold)
  );
  CREATE TABLE deliveries (
    alert TEXT NOT NULL, channel TEXT NOT NULL, state TEXT NOT NULL, attempts INTEGER NOT NULL, next_at INTEGER NOT NULL,
    last_error TEXT NOT NULL, PRIMARY KEY (alert, channel)
  ) WITHOUT ROWID;
  CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';

  CREATE TABLE keys (id TEXT PRIMARY KEY, key TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE budgets (id TEXT PRIMARY KEY, budget TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE audit (number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, entry TEXT NOT NULL);
  `,
]

/** @throws Failure store_unavailable where a newer version wrote the database */
export function migrate(db: DatabaseSync): void {
  const version = Number(db.prepare('PRAGMA user_version').get()?.['user_version'] ?? 0)
  if (version > MIGRATIONS.length) {
    throw new Failure(
      'store_unavailable',
      `the ledger was written by a newer Bursar (schema ${version}, this one knows ${MIGRATIONS.length}): run that version, or restore a backup`,
    )
  }
  for (const [i, migration] of MIGRATIONS.entries()) {
    if (i >= version) db.exec(`BEGIN; ${migration}; PRAGMA user_version = ${i + 1}; COMMIT;`)
  }
}
