-- Puts budgets or keys in force for all processes, under a new version.
--
-- KEYS[3] the hash that they stand in, KEYS[4] stream
-- ARGV[4] the version that the edit was made from, or '' where it replaces whatever is there;
-- then for each: its id, its JSON, the record's text
--
-- Replies {'put', step, the new version, the last record's id in the stream}; {'outdated', step}: then nothing has changed.
local stop, _, version, step = guard()
if stop then return stop end
if ARGV[4] ~= '' and version ~= ARGV[4] then return {'outdated', step} end
local id = ''
for i = 5, #ARGV, 3 do
  redis.call('HSET', KEYS[3], ARGV[i], ARGV[i + 1])
  id = redis.call('XADD', KEYS[4], '*', 'l', ARGV[i + 2])
end
return {'put', step, redis.call('HINCRBY', KEYS[1], 'version', 1), id}
