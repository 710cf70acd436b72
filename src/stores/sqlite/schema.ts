import type { DatabaseSync } from 'node:sqlite'
import { Failure } from '../../engine/failure.ts'
import { integer } from '../ledger/row.ts'
import { immutable } from './immutable.ts'
import { PRICE_LINES } from './price-lines-step.ts'

/**
 * The ledger's tables. Amounts are safe integers in the unit of their account, instants are UTC epoch milliseconds, an
 * attribute that a call did not have is ''. What is append-only is so by trigger.
 */
const FIRST = `
CREATE TABLE meta (name TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
INSERT INTO meta (name, value) VALUES ('segment', 1), ('offset', 0);

CREATE TABLE accounts (
  id INTEGER PRIMARY KEY,
  key TEXT NOT NULL UNIQUE,
  budget TEXT NOT NULL,
  each_value TEXT,
  unit TEXT NOT NULL,
  period_kind TEXT NOT NULL,
  period_name TEXT NOT NULL,
  starts_at INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  granted INTEGER NOT NULL DEFAULT 0,
  used INTEGER NOT NULL DEFAULT 0,
  overrun INTEGER NOT NULL DEFAULT 0,
  calls INTEGER NOT NULL DEFAULT 0,
  alerted_at REAL NOT NULL DEFAULT 0,
  closed_at INTEGER
) STRICT;
CREATE INDEX accounts_open ON accounts (id) WHERE closed_at IS NULL;

CREATE TABLE holds (
  position INTEGER PRIMARY KEY,
  call TEXT NOT NULL UNIQUE,
  expires_at INTEGER NOT NULL,
  record TEXT NOT NULL
) STRICT;

CREATE TABLE calls (
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  admitted_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  team TEXT NOT NULL,
  project TEXT NOT NULL,
  user TEXT NOT NULL,
  key TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  tags TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  ending TEXT NOT NULL,
  status INTEGER,
  usage_kind TEXT NOT NULL,
  why TEXT NOT NULL,
  input INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  price TEXT,
  charges TEXT NOT NULL, -- [[account id, amount, how much of it went beyond the hold], ...]
  overrun INTEGER NOT NULL
) STRICT;
CREATE INDEX calls_ended_at ON calls (ended_at);
${immutable('calls')}

CREATE TABLE rollup_hour (
  attribute TEXT NOT NULL, -- '' for all calls; 'team+user' has the values as a JSON array
  hour INTEGER NOT NULL,
  value TEXT NOT NULL,
  calls INTEGER NOT NULL,
  estimated_calls INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  PRIMARY KEY (attribute, hour, value)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup_day (
  day INTEGER NOT NULL,
  team TEXT NOT NULL,
  project TEXT NOT NULL,
  user TEXT NOT NULL,
  key TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  calls INTEGER NOT NULL,
  estimated_calls INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  PRIMARY KEY (day, team, project, user, key, provider, model)
) STRICT, WITHOUT ROWID;

CREATE TABLE closes (
  position INTEGER PRIMARY KEY,
  account TEXT NOT NULL UNIQUE,
  budget TEXT NOT NULL,
  content TEXT NOT NULL, -- JSON, exactly as it was hashed
  hash TEXT NOT NULL
) STRICT;
CREATE INDEX closes_budget ON closes (budget);
${immutable('closes')}

CREATE TABLE alerts (
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  account TEXT NOT NULL,
  threshold REAL NOT NULL,
  record TEXT NOT NULL,
  UNIQUE (account, threshold)
) STRICT;
CREATE TABLE deliveries (
  alert TEXT NOT NULL,
  channel TEXT NOT NULL,
  state TEXT NOT NULL,
  attempts INTEGER NOT NULL,
  next_at INTEGER NOT NULL,
  last_error TEXT NOT NULL,
  PRIMARY KEY (alert, channel)
) STRICT, WITHOUT ROWID;
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';

CREATE TABLE audit (
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  actor TEXT NOT NULL,
  action TEXT NOT NULL,
  target TEXT NOT NULL,
  reason TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL
) STRICT;
${immutable('audit')}

CREATE TABLE budgets (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
CREATE TABLE keys (position INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL) STRICT;
`

/** What a call held, in tokens; -1 for calls from before it was kept. */
const HELD_TOKENS = `
ALTER TABLE calls ADD COLUMN held_input INTEGER NOT NULL DEFAULT -1;
ALTER TABLE calls ADD COLUMN held_output INTEGER NOT NULL DEFAULT -1;
`

const CALL_COLUMNS =
  'id, admitted_at, ended_at, ending, status, usage_kind, why, input, cached_input, cache_write, output, reasoning, cost_nano_usd, ' +
  'charges, overrun, held_input, held_output'
const CALLER_COLUMNS = 'team, project, user, key, provider, model, tags, endpoint'

/**
 * What calls of one caller to one model have in common is stored once: a call's row has half the bytes, and is written in two
 * thirds of the time. `calls` reads as before.
 */
const CALLERS = `
CREATE TABLE callers (
  id INTEGER PRIMARY KEY,
  team TEXT NOT NULL,
  project TEXT NOT NULL,
  user TEXT NOT NULL,
  key TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  tags TEXT NOT NULL,
  endpoint TEXT NOT NULL,
  price TEXT NOT NULL, -- '' where none is known
  UNIQUE (user, key, model, provider, team, project, tags, endpoint, price)
) STRICT;
${immutable('callers')}

CREATE TABLE ended_calls (
  position INTEGER PRIMARY KEY,
  id TEXT NOT NULL UNIQUE,
  caller INTEGER NOT NULL, -- callers.id
  admitted_at INTEGER NOT NULL,
  ended_at INTEGER NOT NULL,
  ending TEXT NOT NULL,
  status INTEGER,
  usage_kind TEXT NOT NULL,
  why TEXT NOT NULL,
  input INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  charges TEXT NOT NULL, -- [[account id, amount, how much of it went beyond the hold], ...]
  overrun INTEGER NOT NULL,
  held_input INTEGER NOT NULL,
  held_output INTEGER NOT NULL,
  spared INTEGER NOT NULL DEFAULT 0 -- 1: the model's whole maximum could not have been held
) STRICT;

INSERT INTO callers (${CALLER_COLUMNS}, price) SELECT DISTINCT ${CALLER_COLUMNS}, ifnull(price, '') FROM calls;
INSERT INTO ended_calls (position, caller, ${CALL_COLUMNS})
  SELECT calls.position, callers.id, ${CALL_COLUMNS.split(', ')
    .map((name) => `calls.${name}`)
    .join(', ')}
  FROM calls JOIN callers USING (${CALLER_COLUMNS}) WHERE callers.price = ifnull(calls.price, '') ORDER BY calls.position;
DROP TABLE calls;
CREATE INDEX ended_calls_ended_at ON ended_calls (ended_at);
${immutable('ended_calls')}
CREATE VIEW calls AS
  SELECT ended_calls.*, ${CALLER_COLUMNS}, nullif(price, '') AS price FROM ended_calls JOIN callers ON callers.id = ended_calls.caller;
`

const MEASURES = 'calls, estimated_calls, input, cached_input, cache_write, output, reasoning, cost_nano_usd'

/** Reports over months read a row a day for each value, not one an hour. */
const ATTRIBUTE_DAYS = `
CREATE TABLE rollup_attribute_day (
  attribute TEXT NOT NULL, -- as in rollup_hour
  day INTEGER NOT NULL,
  value TEXT NOT NULL,
  calls INTEGER NOT NULL,
  estimated_calls INTEGER NOT NULL,
  input INTEGER NOT NULL,
  cached_input INTEGER NOT NULL,
  cache_write INTEGER NOT NULL,
  output INTEGER NOT NULL,
  reasoning INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  PRIMARY KEY (attribute, day, value)
) STRICT, WITHOUT ROWID;
INSERT INTO rollup_attribute_day (attribute, day, value, ${MEASURES})
  SELECT attribute, hour / 86400000 * 86400000, value, ${MEASURES.split(', ')
    .map((name) => `sum(${name})`)
    .join(', ')}
  FROM rollup_hour GROUP BY 1, 2, 3;
`

/** A place in a stream of records, where that is the journal; and calls that are dropped when they are old enough. */
const STREAM_AND_RETENTION = `
CREATE TABLE stream (epoch TEXT NOT NULL, id TEXT NOT NULL) STRICT; -- one row
INSERT INTO stream VALUES ('', '0-0');

INSERT INTO meta (name, value) VALUES ('kept_from', 0);
ALTER TABLE accounts ADD COLUMN dropped_used INTEGER NOT NULL DEFAULT 0;
ALTER TABLE accounts ADD COLUMN dropped_overrun INTEGER NOT NULL DEFAULT 0;
DROP TRIGGER ended_calls_no_DELETE;
CREATE TRIGGER ended_calls_no_DELETE BEFORE DELETE ON ended_calls
  WHEN old.ended_at >= (SELECT value FROM meta WHERE name = 'kept_from')
  BEGIN SELECT raise(ABORT, 'ended_calls are never changed'); END;
CREATE VIEW charged AS
  SELECT ended_at, json_extract(charge.value, '$[0]') AS account, json_extract(charge.value, '$[1]') AS used,
    json_extract(charge.value, '$[2]') AS overrun FROM ended_calls, json_each(ended_calls.charges) AS charge;
`

const MEASURE_COLUMNS = MEASURES.split(', ')
  .map((name) => `${name} INTEGER NOT NULL`)
  .join(', ')
const SUMS = MEASURES.split(', ')
  .map((name) => `sum(${name})`)
  .join(', ')
const MONTH_OF_DAY = "CAST(strftime('%s', day / 1000, 'unixepoch', 'start of month') AS INTEGER) * 1000"
const ALL_ATTRIBUTES = 'team, project, user, key, provider, model'

/** Sums by the month; and those of the last hours, by caller, from which all others are made. */
const LIVE_AND_MONTHS = `
CREATE TABLE rollup_live (
  hour INTEGER NOT NULL,
  caller INTEGER NOT NULL, -- callers.id
  ${MEASURE_COLUMNS},
  PRIMARY KEY (hour, caller)
) STRICT, WITHOUT ROWID;

CREATE TABLE rollup_attribute_month (
  attribute TEXT NOT NULL, -- as in rollup_hour
  month INTEGER NOT NULL,
  value TEXT NOT NULL,
  ${MEASURE_COLUMNS},
  PRIMARY KEY (attribute, month, value)
) STRICT, WITHOUT ROWID;
INSERT INTO rollup_attribute_month (attribute, month, value, ${MEASURES})
  SELECT attribute, ${MONTH_OF_DAY}, value, ${SUMS} FROM rollup_attribute_day GROUP BY 1, 2, 3;

CREATE TABLE rollup_month (
  month INTEGER NOT NULL,
  team TEXT NOT NULL,
  project TEXT NOT NULL,
  user TEXT NOT NULL,
  key TEXT NOT NULL,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  ${MEASURE_COLUMNS},
  PRIMARY KEY (month, ${ALL_ATTRIBUTES})
) STRICT, WITHOUT ROWID;
INSERT INTO rollup_month (month, ${ALL_ATTRIBUTES}, ${MEASURES})
  SELECT ${MONTH_OF_DAY}, ${ALL_ATTRIBUTES}, ${SUMS} FROM rollup_day GROUP BY 1, ${ALL_ATTRIBUTES};
`

/** What could not be applied; an operator may delete from it. */
const SET_ASIDE = `
CREATE TABLE set_aside (
  position INTEGER PRIMARY KEY,
  at INTEGER NOT NULL,
  kind TEXT NOT NULL,
  reason TEXT NOT NULL,
  record TEXT NOT NULL -- JSON
) STRICT;
`

/** What providers keep, and whose it is. */
const OBJECTS = `
CREATE TABLE objects (id TEXT PRIMARY KEY, key TEXT NOT NULL, team TEXT NOT NULL, at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE INDEX objects_at ON objects (at);
CREATE INDEX objects_key ON objects (key);
CREATE INDEX objects_team ON objects (team) WHERE team <> '';
`

/** Models that ignore the maximum that they are told. */
const DISTRUSTS = `CREATE TABLE distrusts (id TEXT PRIMARY KEY, record TEXT NOT NULL) STRICT, WITHOUT ROWID;`

const MIGRATIONS: readonly string[] = [
  FIRST,
  HELD_TOKENS,
  CALLERS,
  ATTRIBUTE_DAYS,
  STREAM_AND_RETENTION,
  LIVE_AND_MONTHS,
  SET_ASIDE,
  PRICE_LINES,
  OBJECTS,
  DISTRUSTS,
]

/**
 * Brings the database up to this code's schema, each step in a transaction of its own; never backwards.
 * @param path of the database file, for messages
 * @param to the schema to stop at; the latest unless told
 * @throws Failure store_unavailable where a newer Bursar wrote the database
 */
export function migrate(db: DatabaseSync, path: string, to = MIGRATIONS.length): void {
  // A step changes a table's definition as text.
  db.enableDefensive(false)
  while (versionOf(db, path) < to) {
    db.exec('BEGIN IMMEDIATE')
    // Another process may have taken the step since.
    const version = versionOf(db, path)
    if (version < to) db.exec(`${MIGRATIONS[version]}; PRAGMA user_version = ${version + 1}`)
    db.exec('COMMIT')
  }
  db.enableDefensive(true)
}

function versionOf(db: DatabaseSync, path: string): number {
  const version = integer(db.prepare('PRAGMA user_version').get() ?? {}, 'user_version')
  if (version <= MIGRATIONS.length) return version
  throw new Failure(
    'store_unavailable',
    `${path} was written by a newer Bursar (schema ${version}; this one knows up to ${MIGRATIONS.length}): start that version, or restore the backup from before the update`,
  )
}
