-- Runs one command of a process that makes the store anew, unless another one began to do so after it.
--
-- KEYS[1] meta, KEYS[2] the command's key
-- ARGV[1] meta as that process left it, ARGV[2] the command, ARGV[3…] what follows its key
--
-- Replies as the command does.
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('ERR another process makes the counters anew') end
return redis.call(ARGV[2], KEYS[2], unpack(ARGV, 3))
