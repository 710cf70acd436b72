-- Latches what accounts have crossed, where a settlement could not judge it by the newest budgets.
--
-- KEYS[3] faces, KEYS[4] stream, KEYS[5…] the accounts
-- ARGV[3…] of each account the shares that alert (ascending, joined by blanks)
-- numbers: step, now; then of each account: limit
--
-- Replies {'judged', step}; {'outdated', step}.
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, 5))
local stop, step, _, isNewest = guard(rows[1], rows[2])
if stop then return stop end
if not isNewest then return {'outdated', step - 1} end
redis.call('SET', KEYS[2], step)
for i = 5, #KEYS do
  local it = rows[i - 2] and account(rows[i - 2])
  local crossed = it and cross(KEYS[i], it, numbers[i - 2], ARGV[i - 2], KEYS[3]) or ''
  if crossed ~= '' then
    redis.call('SET', KEYS[i], packed(it))
    redis.call('XADD', KEYS[4], '*', 'x', crossed, 't', text(numbers[2]))
  end
end
return {'judged', step}
