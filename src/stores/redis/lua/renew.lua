-- Moves the instant at which a hold expires, and leaves the call to a job of its provider where one is named.
--
-- KEYS[3] holds, KEYS[4] jobs, KEYS[5] stream
-- ARGV[3] call, ARGV[4] the record's text, ARGV[5] the job, or ''
-- numbers: step, expiresAt
--
-- Replies {'renewed', step, id in the stream}; {'unknown', step} where the call had ended.
local stop, step = guard(unpack(redis.call('MGET', KEYS[1], KEYS[2])))
if stop then return stop end
local hold = redis.call('HGET', KEYS[3], ARGV[3])
if not hold then return {'unknown', step - 1} end
local head, rest = string.match(hold, '^([^|]*|[^|]*|[^|]*|)[^|]*(|.*)$')
redis.call('SET', KEYS[2], step)
redis.call('HSET', KEYS[3], ARGV[3], head .. text(numbers[2]) .. rest)
if ARGV[5] ~= '' then redis.call('HSET', KEYS[4], ARGV[3], ARGV[5]) end
return {'renewed', step, redis.call('XADD', KEYS[5], '*', 'l', ARGV[4])}
