-- Removes an account that has ended and in which no call is in flight, with the record of its close.
--
-- KEYS[3] accounts, KEYS[4] stream, KEYS[5] the account
-- ARGV[4] used, ARGV[5] granted, ARGV[6] overrun: its sums as the record has them, ARGV[7] the record's text
--
-- Replies {'closed', step}; {'unknown', step} where it was closed; {'changed', step} where its sums are others or calls are in flight.
local stop, _, _, step = guard()
if stop then return stop end
local it = account(KEYS[5])
if not it then return {'unknown', step} end
if it.calls > 0 or text(it.used) ~= ARGV[4] or text(it.granted) ~= ARGV[5] or text(it.overrun) ~= ARGV[6] then return {'changed', step} end
redis.call('DEL', KEYS[5])
redis.call('ZREM', KEYS[3], KEYS[5])
redis.call('XADD', KEYS[4], '*', 'l', ARGV[7])
return {'closed', step}
