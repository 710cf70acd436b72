-- Moves the instant at which a hold expires, and leaves the call to a job of its provider where one is named.
--
-- KEYS[3] expiry, KEYS[4] jobs, KEYS[5] stream
-- ARGV[4] call, ARGV[5] expiresAt, ARGV[6] the record's text, ARGV[7] the job, or ''
--
-- Replies {'renewed', step}; {'unknown', step} where the call had ended.
local stop, _, _, step = guard()
if stop then return stop end
if not redis.call('ZSCORE', KEYS[3], ARGV[4]) then return {'unknown', step} end
redis.call('ZADD', KEYS[3], ARGV[5], ARGV[4])
if ARGV[7] ~= '' then redis.call('HSET', KEYS[4], ARGV[4], ARGV[7]) end
redis.call('XADD', KEYS[5], '*', 'l', ARGV[6])
return {'renewed', step}
