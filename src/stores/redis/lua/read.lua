-- What stands in the stream behind a place, with the stream's epoch: both at one instant, since a store that is made anew
-- begins another stream.
--
-- KEYS[1] about, KEYS[2] stream; ARGV[1] the epoch of the place, ARGV[2] its id, ARGV[3] how many entries at most
--
-- Replies {the epoch, or '' where there is none, the entries}.
local epoch = redis.call('HGET', KEYS[1], 'stream')
if not epoch then return {'', {}} end
local from = '-'
if epoch == ARGV[1] and ARGV[2] ~= '' then from = '(' .. ARGV[2] end
return {epoch, redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', ARGV[3])}
