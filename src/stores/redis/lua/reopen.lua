-- Lets hard caps admit again, in the store that was made anew.
--
-- KEYS[1] meta, KEYS[2] about; ARGV[1] its epoch
--
-- Replies 1; 0 where it is another store by now.
local meta = redis.call('GET', KEYS[1])
if not meta or string.match(meta, '^%S+') ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], (string.gsub(meta, 'rebuilding$', 'open')))
redis.call('HSET', KEYS[2], 'openAt', 0)
return 1
