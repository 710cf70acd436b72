-- Removes an account that has ended and in which no call is in flight, with the record of its close.
--
-- KEYS[3] accounts, KEYS[4] faces, KEYS[5] stream, KEYS[6] closed, KEYS[7] the account
-- ARGV[3] the record's text, ARGV[4] the budget
-- numbers: step, used, granted, overrun: its sums as the record has them; endsAt
--
-- Replies {'closed', step}; {'unknown', step} where it was closed, or the store was made anew just now: calls in flight there may not
-- have been put back yet; {'changed', step} where its sums are others or calls are in flight.
local rows = redis.call('MGET', KEYS[1], KEYS[2], KEYS[7])
local stop, step, _, _, state = guard(rows[1], rows[2])
if stop then return stop end
if state ~= 'open' or not rows[3] then return {'unknown', step - 1} end
local it = account(rows[3])
if it.calls > 0 or it.used ~= numbers[2] or it.granted ~= numbers[3] or it.overrun ~= numbers[4] then return {'changed', step - 1} end
redis.call('SET', KEYS[2], step)
redis.call('DEL', KEYS[7])
redis.call('ZREM', KEYS[3], KEYS[7])
redis.call('HDEL', KEYS[4], KEYS[7])
if numbers[5] > tonumber(redis.call('HGET', KEYS[6], ARGV[4]) or '0') then redis.call('HSET', KEYS[6], ARGV[4], text(numbers[5])) end
redis.call('XADD', KEYS[5], '*', 'l', ARGV[3])
return {'closed', step}
