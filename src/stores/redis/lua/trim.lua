-- Drops what the ledger has from the stream, unless another stream took its place: that may have begun at an earlier time.
--
-- KEYS[1] about, KEYS[2] stream; ARGV[1] the stream's epoch, ARGV[2] the id up to which the ledger has it
--
-- Replies 1; 0 where it is another stream by now.
if redis.call('HGET', KEYS[1], 'stream') ~= ARGV[1] then return 0 end
redis.call('XTRIM', KEYS[2], 'MINID', ARGV[2])
redis.call('HSET', KEYS[1], 'drained', ARGV[2])
return 1
