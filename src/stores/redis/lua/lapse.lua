-- Ends the slice of a process that has not been heard of: charges it, as a call of which nothing is known, or gives it back.
--
-- KEYS[3] leases, KEYS[4] stream, KEYS[5] lapsed, KEYS[6] the account
-- ARGV[3] the lease, ARGV[4] what it is, as it was read, ARGV[5] the hold and ARGV[6] the settlement of such a call, or '' twice
-- numbers: step, the slice, now
--
-- Replies {'lapsed', step}; {'unknown', step} where it was renewed, or ended, meanwhile.
-- Where it is charged, so are all other slices of its process, and nothing is charged to them again: the process has none any more.
local REMEMBERED_MS = 30 * 86400000
local rows = redis.call('MGET', KEYS[1], KEYS[2], KEYS[6])
local stop, step = guard(rows[1], rows[2])
if stop then return stop end
if redis.call('HGET', KEYS[3], ARGV[3]) ~= ARGV[4] then return {'unknown', step - 1} end
redis.call('HDEL', KEYS[3], ARGV[3])
if not rows[3] then return {'lapsed', step - 1} end
local it = account(rows[3])
it.held, it.calls = it.held - numbers[2], it.calls - 1
if ARGV[5] ~= '' then
  it.used = plus(it.used, numbers[2])
  redis.call('XADD', KEYS[4], '*', 'h', ARGV[5])
  redis.call('XADD', KEYS[4], '*', 'e', ARGV[6])
  redis.call('ZADD', KEYS[5], numbers[3], string.match(ARGV[3], '^[^\n]*'))
  redis.call('ZREMRANGEBYSCORE', KEYS[5], '-inf', numbers[3] - REMEMBERED_MS)
end
redis.call('MSET', KEYS[2], step, KEYS[6], packed(it))
return {'lapsed', step}
