-- Puts back the hold of a call in flight that the store lost, or that it has as it was before: with another expiry, or amounts.
--
-- KEYS[3] holds, KEYS[4] charged, KEYS[5] stream, KEYS[6…] the accounts
-- ARGV[3] call, ARGV[4] the hold as it is stored
-- numbers: step; then of each account: held
--
-- Replies {'held', step}; {'ended', step} where another process ended it; {'unopened', step, index}.
local FIRST = 6
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step = guard(rows[1], rows[2])
if stop then return stop end
local known = redis.call('HGET', KEYS[3], ARGV[3])
if known == ARGV[4] then return {'held', step - 1} end
if not known and redis.call('ZSCORE', KEYS[4], ARGV[3]) then return {'ended', step - 1} end
local before = {}
if known then
  for amount in string.gmatch(string.match(known, '^[^|]*|[^|]*|([^|]*)|'), '[^,]+') do before[#before + 1] = tonumber(amount) end
end
local changes = {KEYS[2], step}
for i = 1, #KEYS - FIRST + 1 do
  if not rows[i + 2] then return {'unopened', step - 1, i - 1} end
  local it = account(rows[i + 2])
  it.held, it.calls = plus(it.held - (before[i] or 0), numbers[1 + i]), it.calls + (known and 0 or 1)
  changes[i * 2 + 1], changes[i * 2 + 2] = KEYS[FIRST + i - 1], packed(it)
end
redis.call('MSET', unpack(changes))
redis.call('HSET', KEYS[3], ARGV[3], ARGV[4])
redis.call('XADD', KEYS[5], '*', 'h', ARGV[4])
return {'held', step}
