-- Appends records that change no counter.
--
-- KEYS[3] stream
-- ARGV[3…] the records' texts
-- numbers: step
--
-- Replies {'appended', step, the last one's id in the stream}.
local stop, step = guard(unpack(redis.call('MGET', KEYS[1], KEYS[2])))
if stop then return stop end
redis.call('SET', KEYS[2], step)
local id = ''
for i = 3, #ARGV do id = redis.call('XADD', KEYS[3], '*', 'l', ARGV[i]) end
return {'appended', step, id}
