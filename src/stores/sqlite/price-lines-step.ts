import { ALL_OLDER } from '../ledger/older-calls.ts'
import { immutable } from './immutable.ts'

const CALLER_COLUMNS = 'team, project, user, key, provider, model, tags, endpoint'
const ADMITTED_COLUMNS =
  'ended_calls.id, caller, ended_at, ending, status, usage_kind, why, input, cached_input, cache_write, output, reasoning, cost_nano_usd, ' +
  'charges, overrun, held_input, held_output, spared, form, usage, raw'

/**
 * Usage kept whole, price lines, and all sums by the instant of admission. A ledger may have many millions of calls, and every step
 * here takes as long for them as for none. ALTER TABLE … ADD COLUMN does not: it looks at each row of a STRICT table. So the columns are
 * added to the text of the table's definition, which is all that ADD COLUMN changes, too; what is on the disk stays as it is:
 * https://www.sqlite.org/lang_altertable.html#making_other_kinds_of_table_schema_changes (measured: 1.4 s for a million calls, each time).
 * An index on `admitted_at` would have to be made at once: `admissions` is one that can be made in slices (`recount-older.ts`).
 */
export const PRICE_LINES = `
PRAGMA writable_schema = ON;
UPDATE sqlite_schema SET sql = substr(sql, 1, length(sql) - length(') STRICT')) || ', form INTEGER NOT NULL DEFAULT 0, usage TEXT, raw TEXT) STRICT'
  WHERE type = 'table' AND name = 'ended_calls' AND sql LIKE '%) STRICT';
PRAGMA writable_schema = RESET;

CREATE TABLE admissions (
  admitted_at INTEGER NOT NULL,
  position INTEGER NOT NULL, -- ended_calls.position
  PRIMARY KEY (admitted_at, position)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER ended_calls_dropped AFTER DELETE ON ended_calls BEGIN
  DELETE FROM admissions WHERE admitted_at = old.admitted_at AND position = old.position;
END;
DROP TRIGGER ended_calls_no_DELETE;
CREATE TRIGGER ended_calls_no_DELETE BEFORE DELETE ON ended_calls
  WHEN min(old.admitted_at, old.ended_at) >= (SELECT value FROM meta WHERE name = 'kept_from')
  BEGIN SELECT raise(ABORT, 'ended_calls are never changed'); END;

-- A process of an older version finds its table no more: it would go on counting calls by their end.
ALTER TABLE rollup_live RENAME TO live_sums;

INSERT INTO meta (name, value) VALUES ('older_before', ${ALL_OLDER}), ('recounted_calls', 0);
DROP VIEW calls;
CREATE VIEW calls AS
  SELECT ended_calls.*, ${CALLER_COLUMNS}, nullif(price, '') AS price,
    CASE WHEN form > 0 OR ended_at >= (SELECT value FROM meta WHERE name = 'older_before') THEN admitted_at ELSE ended_at END AS counted_at
  FROM ended_calls JOIN callers ON callers.id = ended_calls.caller;
CREATE VIEW admitted_calls AS
  SELECT admissions.admitted_at, admissions.position, ${ADMITTED_COLUMNS}, ${CALLER_COLUMNS}, nullif(price, '') AS price
  FROM admissions CROSS JOIN ended_calls ON ended_calls.position = admissions.position CROSS JOIN callers ON callers.id = ended_calls.caller;
CREATE VIEW older_calls AS
  SELECT ended_calls.*, ${CALLER_COLUMNS}, nullif(price, '') AS price FROM ended_calls CROSS JOIN callers ON callers.id = ended_calls.caller
  WHERE form = 0 AND ended_at < (SELECT value FROM meta WHERE name = 'older_before');

CREATE TABLE price_lines (
  id INTEGER PRIMARY KEY,
  provider TEXT NOT NULL,
  model TEXT NOT NULL,
  part TEXT NOT NULL,
  basis TEXT NOT NULL,
  tier TEXT NOT NULL, -- '' the usual one, '?' not kept
  above INTEGER NOT NULL, -- the context band: calls with more input tokens
  unit_pico INTEGER NOT NULL,
  share TEXT NOT NULL, -- what the tier costs of that: '1/2'; '' all of it
  UNIQUE (model, provider, part, basis, tier, above, unit_pico, share)
) STRICT;
${immutable('price_lines')}
CREATE TABLE line_days (
  day INTEGER NOT NULL, -- UTC, of the admission
  caller INTEGER NOT NULL, -- callers.id
  line INTEGER NOT NULL, -- price_lines.id
  quantity INTEGER NOT NULL,
  cost_nano_usd INTEGER NOT NULL,
  calls INTEGER NOT NULL,
  estimated_calls INTEGER NOT NULL,
  PRIMARY KEY (day, caller, line)
) STRICT, WITHOUT ROWID;
`
