-- Latches what accounts have crossed, where a settlement could not judge it by the newest budgets.
--
-- KEYS[3] crossed, KEYS[4…] the accounts
-- ARGV[3…] of each account the shares that alert (ascending, joined by blanks)
-- numbers: step, now; then of each account: limit
--
-- Replies {'judged', step}; {'outdated', step}.
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, 4))
local stop, step, _, isNewest = guard(rows[1], rows[2])
if stop then return stop end
if not isNewest then return {'outdated', step - 1} end
redis.call('SET', KEYS[2], step)
for i = 4, #KEYS do
  if rows[i - 1] then
    local it = account(rows[i - 1])
    if cross(KEYS[i], it, numbers[i - 1], ARGV[i - 1], KEYS[3], numbers[2]) then redis.call('SET', KEYS[i], packed(it)) end
  end
end
return {'judged', step}
