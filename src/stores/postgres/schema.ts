import type { Migration } from 'kysely'
import { sql } from 'kysely'
import { MEASURES } from '../ledger/measures.ts'
import { ALL_OLDER } from '../ledger/older-calls.ts'
import { ATTRIBUTE_DAY_KEY, ATTRIBUTE_MONTH_KEY, CALLER_KEY, DAY_KEY, HOUR_KEY, indexed, LINE_KEY, MONTH_KEY } from './dialect.ts'

// By bytes, as SQLite orders: what is listed comes in the same order from both, and indexes are compared faster.
const TEXT = 'text COLLATE "C"'
const SERIAL = 'bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY'
const SUMS = MEASURES.map((name) => `${name} bigint NOT NULL`).join(', ')

/** Rows that are added to all day long are written again on their own page, without their indexes. */
const UPDATED = 'WITH (fillfactor = 70)'

/**
 * The ledger's tables, with the names and columns that they have in SQLite. Amounts are safe integers in the unit of their
 * account, instants are UTC epoch milliseconds, an attribute that a call did not have is ''. What is append-only is so by trigger.
 */
const FIRST = `
CREATE FUNCTION never_changed() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN RAISE EXCEPTION '% are never changed', TG_TABLE_NAME; END $$;
CREATE FUNCTION kept_call() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF old.ended_at >= (SELECT value FROM bursar.meta WHERE name = 'kept_from') THEN
      RAISE EXCEPTION '% are never changed', TG_TABLE_NAME;
    END IF;
    RETURN old;
  END $$;

CREATE TABLE meta (name ${TEXT} PRIMARY KEY, value bigint NOT NULL);
INSERT INTO meta (name, value) VALUES ('kept_from', 0);
CREATE TABLE stream (epoch ${TEXT} NOT NULL, id ${TEXT} NOT NULL); -- one row
INSERT INTO stream (epoch, id) VALUES ('', '0-0');

CREATE TABLE accounts (
  id ${SERIAL},
  key ${TEXT} NOT NULL,
  budget ${TEXT} NOT NULL,
  each_value ${TEXT},
  unit ${TEXT} NOT NULL,
  period_kind ${TEXT} NOT NULL,
  period_name ${TEXT} NOT NULL,
  starts_at bigint NOT NULL,
  ends_at bigint NOT NULL,
  granted bigint NOT NULL DEFAULT 0,
  used bigint NOT NULL DEFAULT 0,
  overrun bigint NOT NULL DEFAULT 0,
  calls bigint NOT NULL DEFAULT 0,
  alerted_at float8 NOT NULL DEFAULT 0,
  closed_at bigint,
  dropped_used bigint NOT NULL DEFAULT 0,
  dropped_overrun bigint NOT NULL DEFAULT 0,
  EXCLUDE USING hash (key WITH =) -- unique, however long
) ${UPDATED};
CREATE INDEX accounts_open ON accounts (id) WHERE closed_at IS NULL;

CREATE TABLE holds (
  position ${SERIAL},
  call ${TEXT} NOT NULL UNIQUE,
  expires_at bigint NOT NULL,
  record ${TEXT} NOT NULL
);

CREATE TABLE callers (
  id ${SERIAL},
  team ${TEXT} NOT NULL,
  project ${TEXT} NOT NULL,
  "user" ${TEXT} NOT NULL,
  key ${TEXT} NOT NULL,
  provider ${TEXT} NOT NULL,
  model ${TEXT} NOT NULL,
  tags ${TEXT} NOT NULL,
  endpoint ${TEXT} NOT NULL,
  price ${TEXT} NOT NULL -- '' where none is known
);
CREATE UNIQUE INDEX callers_key ON callers (${CALLER_KEY});
${immutable('callers')}

CREATE TABLE ended_calls (
  id ${TEXT} NOT NULL,
  caller bigint NOT NULL, -- callers.id
  admitted_at bigint NOT NULL,
  ended_at bigint NOT NULL,
  ending ${TEXT} NOT NULL,
  status bigint,
  usage_kind ${TEXT} NOT NULL,
  why ${TEXT} NOT NULL,
  input bigint NOT NULL,
  cached_input bigint NOT NULL,
  cache_write bigint NOT NULL,
  output bigint NOT NULL,
  reasoning bigint NOT NULL,
  cost_nano_usd bigint NOT NULL,
  charges ${TEXT} NOT NULL, -- [[account id, amount, how much of it went beyond the hold], ...]
  overrun bigint NOT NULL,
  held_input bigint NOT NULL,
  held_output bigint NOT NULL,
  spared bigint NOT NULL, -- 1: the model's whole maximum could not have been held
  PRIMARY KEY (id, admitted_at)
) PARTITION BY RANGE (admitted_at);
CREATE INDEX ended_calls_ended_at ON ended_calls (ended_at);
CREATE TRIGGER ended_calls_no_update BEFORE UPDATE ON ended_calls FOR EACH ROW EXECUTE FUNCTION never_changed();
CREATE TRIGGER ended_calls_no_delete BEFORE DELETE ON ended_calls FOR EACH ROW EXECUTE FUNCTION kept_call();
CREATE TRIGGER ended_calls_no_truncate BEFORE TRUNCATE ON ended_calls EXECUTE FUNCTION never_changed();
CREATE VIEW calls AS
  SELECT ended_calls.*, team, project, "user", key, provider, model, tags, endpoint, nullif(price, '') AS price
  FROM ended_calls JOIN callers ON callers.id = ended_calls.caller;
CREATE VIEW charged AS
  SELECT ended_at, (charge ->> 0)::bigint AS account, (charge ->> 1)::bigint AS used, (charge ->> 2)::bigint AS overrun
  FROM ended_calls, json_array_elements(charges::json) AS charge;

CREATE TABLE rollup_hour (attribute ${TEXT} NOT NULL, hour bigint NOT NULL, value ${TEXT} NOT NULL, ${SUMS}) ${UPDATED};
CREATE UNIQUE INDEX rollup_hour_key ON rollup_hour (${HOUR_KEY});
CREATE TABLE rollup_attribute_day (attribute ${TEXT} NOT NULL, day bigint NOT NULL, value ${TEXT} NOT NULL, ${SUMS}) ${UPDATED};
CREATE UNIQUE INDEX rollup_attribute_day_key ON rollup_attribute_day (${ATTRIBUTE_DAY_KEY});
CREATE TABLE rollup_day (
  day bigint NOT NULL,
  team ${TEXT} NOT NULL,
  project ${TEXT} NOT NULL,
  "user" ${TEXT} NOT NULL,
  key ${TEXT} NOT NULL,
  provider ${TEXT} NOT NULL,
  model ${TEXT} NOT NULL,
  ${SUMS}
) ${UPDATED};
CREATE UNIQUE INDEX rollup_day_key ON rollup_day (${DAY_KEY});

CREATE TABLE closes (
  position ${SERIAL},
  account ${TEXT} NOT NULL,
  budget ${TEXT} NOT NULL,
  content ${TEXT} NOT NULL, -- JSON, exactly as it was hashed
  hash ${TEXT} NOT NULL
);
CREATE UNIQUE INDEX closes_account ON closes (${indexed('account')});
CREATE INDEX closes_budget ON closes (budget);
${immutable('closes')}

CREATE TABLE alerts (
  position ${SERIAL},
  id ${TEXT} NOT NULL,
  account ${TEXT} NOT NULL,
  threshold float8 NOT NULL,
  record ${TEXT} NOT NULL,
  EXCLUDE USING hash (id WITH =)
);
CREATE UNIQUE INDEX alerts_once ON alerts (${indexed('account')}, threshold);
CREATE TABLE deliveries (
  alert ${TEXT} NOT NULL,
  channel ${TEXT} NOT NULL,
  state ${TEXT} NOT NULL,
  attempts bigint NOT NULL,
  next_at bigint NOT NULL,
  last_error ${TEXT} NOT NULL
);
CREATE UNIQUE INDEX deliveries_once ON deliveries (${indexed('alert')}, channel);
CREATE INDEX deliveries_alert ON deliveries USING hash (alert);
CREATE INDEX deliveries_due ON deliveries (next_at) WHERE state = 'pending';

CREATE TABLE audit (
  position ${SERIAL},
  id ${TEXT} NOT NULL,
  at bigint NOT NULL,
  actor ${TEXT} NOT NULL,
  action ${TEXT} NOT NULL,
  target ${TEXT} NOT NULL,
  reason ${TEXT} NOT NULL,
  before ${TEXT} NOT NULL,
  after ${TEXT} NOT NULL
);
CREATE UNIQUE INDEX audit_once ON audit (${indexed('id')});
${immutable('audit')}

CREATE TABLE budgets (position ${SERIAL}, id ${TEXT} NOT NULL UNIQUE, record ${TEXT} NOT NULL);
CREATE TABLE keys (position ${SERIAL}, id ${TEXT} NOT NULL UNIQUE, record ${TEXT} NOT NULL);
`

const SUMMED = MEASURES.map((name) => `sum(${name})`).join(', ')
const MONTH_OF_DAY =
  "(extract(epoch FROM date_trunc('month', to_timestamp(day / 1000) AT TIME ZONE 'UTC') AT TIME ZONE 'UTC') * 1000)::bigint"
const ALL_ATTRIBUTES = 'team, project, "user", key, provider, model'

/** Sums by the month; and those of the last hours, by caller, from which all others are made. */
const LIVE_AND_MONTHS = `
CREATE TABLE rollup_live (hour bigint NOT NULL, caller bigint NOT NULL, ${SUMS}, PRIMARY KEY (hour, caller)) ${UPDATED};

CREATE TABLE rollup_attribute_month (attribute ${TEXT} NOT NULL, month bigint NOT NULL, value ${TEXT} NOT NULL, ${SUMS}) ${UPDATED};
CREATE UNIQUE INDEX rollup_attribute_month_key ON rollup_attribute_month (${ATTRIBUTE_MONTH_KEY});
INSERT INTO rollup_attribute_month SELECT attribute, ${MONTH_OF_DAY}, value, ${SUMMED} FROM rollup_attribute_day GROUP BY 1, 2, 3;

CREATE TABLE rollup_month (
  month bigint NOT NULL,
  team ${TEXT} NOT NULL,
  project ${TEXT} NOT NULL,
  "user" ${TEXT} NOT NULL,
  key ${TEXT} NOT NULL,
  provider ${TEXT} NOT NULL,
  model ${TEXT} NOT NULL,
  ${SUMS}
) ${UPDATED};
CREATE UNIQUE INDEX rollup_month_key ON rollup_month (${MONTH_KEY});
INSERT INTO rollup_month SELECT ${MONTH_OF_DAY}, ${ALL_ATTRIBUTES}, ${SUMMED} FROM rollup_day GROUP BY 1, ${ALL_ATTRIBUTES};
`

/** What could not be applied; an operator may delete from it. */
const SET_ASIDE = `
CREATE TABLE set_aside (
  position ${SERIAL},
  at bigint NOT NULL,
  kind ${TEXT} NOT NULL,
  reason ${TEXT} NOT NULL,
  record ${TEXT} NOT NULL
);
`

/**
 * Usage kept whole, price lines, and all sums by the instant of admission. A ledger may have many millions of calls, and every step
 * here takes as long for them as for none. Partitions that are there already get their part of the index later, without a lock
 * (`admission-index.ts`).
 */
const PRICE_LINES = `
ALTER TABLE ended_calls ADD COLUMN form bigint NOT NULL DEFAULT 0, ADD COLUMN usage ${TEXT}, ADD COLUMN raw ${TEXT};
-- A process of an older version finds its table no more: it would go on counting calls by their end.
ALTER TABLE rollup_live RENAME TO live_sums;
CREATE INDEX ended_calls_admitted_at ON ONLY ended_calls (admitted_at);
CREATE OR REPLACE FUNCTION kept_call() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    IF least(old.admitted_at, old.ended_at) >= (SELECT value FROM bursar.meta WHERE name = 'kept_from') THEN
      RAISE EXCEPTION '% are never changed', TG_TABLE_NAME;
    END IF;
    RETURN old;
  END $$;

INSERT INTO meta (name, value) VALUES ('older_before', ${ALL_OLDER}), ('recounted_calls', 0);
DROP VIEW calls;
CREATE VIEW calls AS
  SELECT ended_calls.*, team, project, "user", key, provider, model, tags, endpoint, nullif(price, '') AS price,
    CASE WHEN form > 0 OR ended_at >= (SELECT value FROM meta WHERE name = 'older_before') THEN admitted_at ELSE ended_at END AS counted_at
  FROM ended_calls JOIN callers ON callers.id = ended_calls.caller;
CREATE VIEW admitted_calls AS
  SELECT * FROM calls WHERE form > 0 OR ended_at >= (SELECT value FROM meta WHERE name = 'older_before');
CREATE VIEW older_calls AS
  SELECT * FROM calls WHERE form = 0 AND ended_at < (SELECT value FROM meta WHERE name = 'older_before');

CREATE TABLE price_lines (
  id ${SERIAL},
  provider ${TEXT} NOT NULL,
  model ${TEXT} NOT NULL,
  part ${TEXT} NOT NULL,
  basis ${TEXT} NOT NULL,
  tier ${TEXT} NOT NULL, -- '' the usual one, '?' not kept
  above bigint NOT NULL, -- the context band: calls with more input tokens
  unit_pico bigint NOT NULL,
  share ${TEXT} NOT NULL -- what the tier costs of that: '1/2'; '' all of it
);
CREATE UNIQUE INDEX price_lines_key ON price_lines (${LINE_KEY});
${immutable('price_lines')}
CREATE TABLE line_days (
  day bigint NOT NULL, -- UTC, of the admission
  caller bigint NOT NULL, -- callers.id
  line bigint NOT NULL, -- price_lines.id
  quantity bigint NOT NULL,
  cost_nano_usd bigint NOT NULL,
  calls bigint NOT NULL,
  estimated_calls bigint NOT NULL,
  PRIMARY KEY (day, caller, line)
) ${UPDATED};
`

/** What providers keep, and whose it is. */
const OBJECTS = `
CREATE TABLE objects (id ${TEXT} PRIMARY KEY, key ${TEXT} NOT NULL, team ${TEXT} NOT NULL, at bigint NOT NULL);
CREATE INDEX objects_at ON objects (at);
CREATE INDEX objects_key ON objects (key);
CREATE INDEX objects_team ON objects (team) WHERE team <> '';
`

/** Models that ignore the maximum that they are told. */
const DISTRUSTS = `CREATE TABLE distrusts (id ${TEXT} PRIMARY KEY, record ${TEXT} NOT NULL);`

function immutable(table: string): string {
  return `CREATE TRIGGER ${table}_no_change BEFORE UPDATE OR DELETE ON ${table} FOR EACH ROW EXECUTE FUNCTION never_changed();
CREATE TRIGGER ${table}_no_truncate BEFORE TRUNCATE ON ${table} EXECUTE FUNCTION never_changed();`
}

function step(statements: string): Migration {
  return {
    up: async (db) => {
      await sql.raw('SET LOCAL search_path = bursar').execute(db)
      await sql.raw(statements).execute(db)
    },
  }
}

/** All steps to this code's schema, in their order. A step that was released never changes. */
export const MIGRATIONS: Readonly<Record<string, Migration>> = {
  '2026-11-25-first': step(FIRST),
  '2026-11-25-live-and-months': step(LIVE_AND_MONTHS),
  '2026-11-30-objects': step(OBJECTS),
  '2026-12-01-distrusts': step(DISTRUSTS),
  '2026-11-30-set-aside': step(SET_ASIDE),
  '2026-11-30-usage-by-price-line': step(PRICE_LINES),
}
