-- Appends records that change no counter.
--
-- KEYS[3] stream
-- ARGV[4…] the records' texts
--
-- Replies {'appended', step, the last one's id in the stream}.
local stop, _, _, step = guard()
if stop then return stop end
local id = ''
for i = 4, #ARGV do id = redis.call('XADD', KEYS[3], '*', 'l', ARGV[i]) end
return {'appended', step, id}
