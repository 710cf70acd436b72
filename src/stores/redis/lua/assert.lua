-- Puts back the hold of a call in flight that the store lost.
--
-- KEYS[3] holds, KEYS[4] stream, KEYS[5…] the accounts
-- ARGV[3] call, ARGV[4] the hold as it is stored
-- numbers: step; then of each account: held
--
-- Replies {'held', step}; {'unopened', step, index}.
local FIRST = 5
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step = guard(rows[1], rows[2])
if stop then return stop end
if redis.call('HEXISTS', KEYS[3], ARGV[3]) == 1 then return {'held', step - 1} end
local changes = {KEYS[2], step}
for i = 1, #KEYS - FIRST + 1 do
  if not rows[i + 2] then return {'unopened', step - 1, i - 1} end
  local it = account(rows[i + 2])
  it.held, it.calls = it.held + numbers[1 + i], it.calls + 1
  changes[i * 2 + 1], changes[i * 2 + 2] = KEYS[FIRST + i - 1], packed(it)
end
redis.call('MSET', unpack(changes))
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
redis.call('XADD', KEYS[4], '*', 'h', ARGV[4])
return {'held', step}
