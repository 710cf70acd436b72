-- Puts back the hold of a call in flight that the store lost.
--
-- KEYS[3] holds, KEYS[4] expiry, KEYS[5] stream, KEYS[6…] the accounts, all of them open
-- ARGV[4] call, ARGV[5] the hold as it is stored, ARGV[6] expiresAt; then for each account: held
--
-- Replies {'held', step}; {'unopened', step, index}.
local stop, _, _, step = guard()
if stop then return stop end

local FIRST_KEY, FIRST_ARG = 6, 7
if redis.call('HEXISTS', KEYS[3], ARGV[4]) == 1 then return {'held', step} end
local accounts = {}
for i = 1, #KEYS - FIRST_KEY + 1 do
  accounts[i] = account(KEYS[FIRST_KEY + i - 1])
  if not accounts[i] then return {'unopened', step, i - 1} end
end
for i, it in ipairs(accounts) do
  redis.call('HSET', KEYS[FIRST_KEY + i - 1], 'h', text(it.held + tonumber(ARGV[FIRST_ARG + i - 1])), 'n', text(it.calls + 1))
end
redis.call('HSET', KEYS[3], ARGV[4], ARGV[5])
redis.call('ZADD', KEYS[4], ARGV[6], ARGV[4])
redis.call('XADD', KEYS[5], '*', 'h', ARGV[5], 'x', ARGV[6])
return {'held', step}
