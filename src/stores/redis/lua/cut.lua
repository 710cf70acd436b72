-- Ends an account early; calls in flight still settle in it.
--
-- KEYS[3] accounts, KEYS[4] stream, KEYS[5] the account
-- ARGV[4] endsAt, ARGV[5] what the account is, with that end, ARGV[6] the record's text
--
-- Replies {'cut', step}; {'unknown', step} where it is not open (any more).
local stop, _, _, step = guard()
if stop then return stop end
if redis.call('EXISTS', KEYS[5]) == 0 then return {'unknown', step} end
redis.call('HSET', KEYS[5], 's', ARGV[5])
redis.call('ZADD', KEYS[3], ARGV[4], KEYS[5])
redis.call('XADD', KEYS[4], '*', 'l', ARGV[6])
return {'cut', step}
