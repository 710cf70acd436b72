-- Appends the alert of a threshold that was crossed, once, whichever process tells it first.
--
-- KEYS[3] crossed, KEYS[4] stream
-- ARGV[3] the crossing, ARGV[4] the record's text
-- numbers: step
--
-- Replies {'appended', step}; {'unknown', step} where it was told.
local stop, step = guard(unpack(redis.call('MGET', KEYS[1], KEYS[2])))
if stop then return stop end
if redis.call('HDEL', KEYS[3], ARGV[3]) == 0 then return {'unknown', step - 1} end
redis.call('SET', KEYS[2], step)
redis.call('XADD', KEYS[4], '*', 'l', ARGV[4])
return {'appended', step}
