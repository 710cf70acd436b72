-- Makes a call that was admitted from slices one with a hold of its own, which any process may settle.
--
-- KEYS[3] leases, KEYS[4] holds, KEYS[5] stream, KEYS[6] lapsed, KEYS[7] charged, KEYS[8…] the accounts
-- ARGV[3] the node, ARGV[4] the call, ARGV[5] the hold as it is stored
-- numbers: step; then of each account: held
--
-- Replies {'held', step}, also where that was done before; {'ended', step}; {'unopened', step, index}; {'lapsed', step} where the
-- slices were charged, with this call.
local FIRST = 8
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step = guard(rows[1], rows[2])
if stop then return stop end
if redis.call('HEXISTS', KEYS[4], ARGV[4]) == 1 then return {'held', step - 1} end
if redis.call('ZSCORE', KEYS[7], ARGV[4]) then return {'ended', step - 1} end
if hasLapsed(KEYS[6], ARGV[3]) then return {'lapsed', step - 1} end
local accounts, changed = accountsIn(rows), {}
for i = 1, #accounts do
  if not accounts[i] then return {'unopened', step - 1, i - 1} end
end
for i, it in ipairs(accounts) do
  local held = numbers[1 + i]
  leaveSlice(it, held, KEYS[3], ARGV[3] .. '\n' .. KEYS[FIRST + i - 1])
  it.held, it.calls, changed[i] = plus(it.held, held), it.calls + 1, true
end
write(step, accounts, changed, FIRST)
redis.call('HSET', KEYS[4], ARGV[4], ARGV[5])
redis.call('XADD', KEYS[5], '*', 'h', ARGV[5])
return {'held', step}
