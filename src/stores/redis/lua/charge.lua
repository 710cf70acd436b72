-- Counts a call that was answered while the store was away, or whose hold the store lost: charged at once, never refused, once.
--
-- KEYS[3] holds, KEYS[4] charged, KEYS[5] stream, KEYS[6] leases, KEYS[7] lapsed, KEYS[8…] the accounts
-- ARGV[3] call, ARGV[4] the hold as it is stored, ARGV[5] the settlement's record, ARGV[6] the node that let it in from its slices, or ''
-- numbers: step, now; then of each account: held, used, how much of that a slice of that node may still hold
--
-- Replies {'ended', step, id in the stream}; {'unknown', step} where it was charged before; {'held', step} where its hold is
-- here: it is to be settled; {'unopened', step, index}; {'lapsed', step} where it was charged with the slices that it was let in from.
-- Longer than any hold or provider's job lives.
local FIRST, REMEMBERED_MS = 8, 30 * 86400000
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step = guard(rows[1], rows[2])
if stop then return stop end
if redis.call('HEXISTS', KEYS[3], ARGV[3]) == 1 then return {'held', step - 1} end
if hasLapsed(KEYS[7], ARGV[6]) then return {'lapsed', step - 1} end
for i = 1, #KEYS - FIRST + 1 do
  if not rows[i + 2] then return {'unopened', step - 1, i - 1} end
end
if redis.call('ZADD', KEYS[4], 'NX', numbers[2], ARGV[3]) == 0 then return {'unknown', step - 1} end
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', numbers[2] - REMEMBERED_MS)
local changes = {KEYS[2], step}
for i = 1, #KEYS - FIRST + 1 do
  local it, held, used, inSlice = account(rows[i + 2]), unpack(numbers, i * 3, i * 3 + 2)
  leaveSlice(it, inSlice, KEYS[6], ARGV[6] .. '\n' .. KEYS[FIRST + i - 1])
  it.used, it.overrun = plus(it.used, used), plus(it.overrun, math.max(0, used - held))
  changes[i * 2 + 1], changes[i * 2 + 2] = KEYS[FIRST + i - 1], packed(it)
end
redis.call('MSET', unpack(changes))
redis.call('XADD', KEYS[5], '*', 'h', ARGV[4])
return {'ended', step, redis.call('XADD', KEYS[5], '*', 'e', ARGV[5])}
