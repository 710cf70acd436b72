-- Opens an account at zero, where it is not open.
--
-- KEYS[3] accounts, KEYS[4] faces, KEYS[5] stream, KEYS[6] closed, KEYS[7] the account
-- ARGV[3] what the account is, ARGV[4] the record's text, ARGV[5] the budget
-- numbers: step, endsAt, startsAt
--
-- Replies {'open', step}; {'outdated', step}: by the newest budgets, which know what was closed, it may not exist.
local rows = redis.call('MGET', KEYS[1], KEYS[2], KEYS[7])
local stop, step, _, isNewest = guard(rows[1], rows[2])
if stop then return stop end
if not isNewest then return {'outdated', step - 1} end
if rows[3] then return {'open', step - 1} end
if numbers[3] < tonumber(redis.call('HGET', KEYS[6], ARGV[5]) or '0') then return {'outdated', step - 1} end
redis.call('MSET', KEYS[2], step, KEYS[7], struct.pack(ACCOUNT, 0, 0, 0, 0, 0, 0))
redis.call('ZADD', KEYS[3], numbers[2], KEYS[7])
redis.call('HSET', KEYS[4], KEYS[7], ARGV[3])
redis.call('XADD', KEYS[5], '*', 'l', ARGV[4])
return {'open', step}
