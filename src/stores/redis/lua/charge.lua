-- Counts a call that was answered while the store was away, or whose hold the store lost: charged at once, never refused, once.
--
-- KEYS[3] holds, KEYS[4] charged, KEYS[5] stream, KEYS[6…] the accounts, all of them open
-- ARGV[4] call, ARGV[5] now, ARGV[6] the hold as it is stored, ARGV[7] expiresAt, ARGV[8] the settlement's record;
-- then for each account: held, used
--
-- Replies {'ended', step, id in the stream}; {'unknown', step} where it was charged before; {'held', step} where its hold is here: it is to be
-- settled; {'unopened', step, index}.
local stop, _, _, step = guard()
if stop then return stop end

local FIRST_KEY, FIRST_ARG = 6, 9
if redis.call('HEXISTS', KEYS[3], ARGV[4]) == 1 then return {'held', step} end
local accounts = {}
for i = 1, #KEYS - FIRST_KEY + 1 do
  accounts[i] = account(KEYS[FIRST_KEY + i - 1])
  if not accounts[i] then return {'unopened', step, i - 1} end
end
if redis.call('ZADD', KEYS[4], 'NX', ARGV[5], ARGV[4]) == 0 then return {'unknown', step} end
for i, it in ipairs(accounts) do
  local at = FIRST_ARG + (i - 1) * 2
  local held, used = tonumber(ARGV[at]), tonumber(ARGV[at + 1])
  redis.call('HSET', KEYS[FIRST_KEY + i - 1], 'u', text(it.used + used), 'o', text(it.overrun + math.max(0, used - held)))
end
redis.call('XADD', KEYS[5], '*', 'h', ARGV[6], 'x', ARGV[7])
return {'ended', step, redis.call('XADD', KEYS[5], '*', 'e', ARGV[8])}
