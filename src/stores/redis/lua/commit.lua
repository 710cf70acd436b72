-- Charges calls that a process admitted from its slices, with their records in one entry: what they used leaves the slices for
-- good. The calls are those that ended in a turn of the process, or while others were on their way, added up there: the store's work
-- does not grow with them.
--
-- KEYS[3] leases, KEYS[4] stream, KEYS[5] faces, KEYS[6] lapsed, KEYS[7…] the accounts
-- ARGV[3] the node, ARGV[4] the calls' records, ARGV[5…] of each account the shares that alert (ascending, joined by blanks)
-- numbers: step; then of each account: used, how much of it went beyond the holds, limit, the least amount that alerts
--
-- Replies {'committed', step, 1 where the version is another, the entry's id in the stream}; {'unopened', step, index};
-- {'lapsed', step} where the slices were charged, with these calls.
-- The thresholds are judged by the caller's budgets, so only where its version is the newest: else they are left to judge.lua.
local FIRST = 7
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step, _, isNewest = guard(rows[1], rows[2])
if stop then return stop end
if hasLapsed(KEYS[6], ARGV[3]) then return {'lapsed', step - 1} end

local accounts, changed, crossed = accountsIn(rows), {}, ''
for i = 1, #accounts do
  if not accounts[i] then return {'unopened', step - 1, i - 1} end
end
for i, it in ipairs(accounts) do
  local used, beyond, limit, least = unpack(numbers, i * 4 - 2, i * 4 + 1)
  leaveSlice(it, used, KEYS[3], ARGV[3] .. '\n' .. KEYS[FIRST + i - 1])
  it.used, it.overrun, changed[i] = plus(it.used, used), plus(it.overrun, beyond), true
  if isNewest and it.alerted < 1 and it.used >= least then
    crossed = crossed .. cross(KEYS[FIRST + i - 1], it, limit, ARGV[4 + i], KEYS[5])
  end
end
write(step, accounts, changed, FIRST)
local id
if crossed == '' then
  id = redis.call('XADD', KEYS[4], '*', 'b', ARGV[4])
else
  id = redis.call('XADD', KEYS[4], '*', 'b', ARGV[4], 'x', crossed)
end
return {'committed', step, isNewest and 0 or 1, id}
