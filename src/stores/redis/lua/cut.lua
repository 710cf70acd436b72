-- Ends an account early; calls in flight still settle in it.
--
-- KEYS[3] accounts, KEYS[4] faces, KEYS[5] stream, KEYS[6] the account
-- ARGV[3] what the account is, with that end, ARGV[4] the record's text
-- numbers: step, endsAt
--
-- Replies {'cut', step}; {'unknown', step} where it is not open (any more).
local rows = redis.call('MGET', KEYS[1], KEYS[2], KEYS[6])
local stop, step = guard(rows[1], rows[2])
if stop then return stop end
if not rows[3] then return {'unknown', step - 1} end
redis.call('SET', KEYS[2], step)
redis.call('HSET', KEYS[4], KEYS[6], ARGV[3])
redis.call('ZADD', KEYS[3], numbers[2], KEYS[6])
redis.call('XADD', KEYS[5], '*', 'l', ARGV[4])
return {'cut', step}
