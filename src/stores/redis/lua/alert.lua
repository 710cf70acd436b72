-- Appends the alert of a threshold that was crossed, once, whichever process tells it first.
--
-- KEYS[3] crossed, KEYS[4] stream
-- ARGV[4] the crossing, ARGV[5] the record's text
--
-- Replies {'appended', step}; {'unknown', step} where it was told.
local stop, _, _, step = guard()
if stop then return stop end
if redis.call('HDEL', KEYS[3], ARGV[4]) == 0 then return {'unknown', step} end
redis.call('XADD', KEYS[4], '*', 'l', ARGV[5])
return {'appended', step}
