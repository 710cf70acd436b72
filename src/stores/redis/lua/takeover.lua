-- Takes a turn over from whoever has not been heard of.
--
-- KEYS[1] the lock
-- ARGV[1] what stood there all the time, ARGV[2] what is to stand there, ARGV[3] for how many milliseconds
--
-- Replies 1; 0 where something else stands there.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
return 1
