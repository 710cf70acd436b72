-- Puts budgets or keys in force for all processes, under a new version. Before the JSON of each stands its place in their order.
--
-- KEYS[3] the hash that they stand in, KEYS[4] stream
-- ARGV[3] '1' where it is put only if the version is the one that the process expects, '2' where each only if there is none;
-- then of each: its id, its JSON, the record's text
-- numbers: step
--
-- Replies {'put', step, the new version, the last record's id in the stream}; {'outdated', step}: then nothing has changed.
local rows = redis.call('MGET', KEYS[1], KEYS[2])
local stop, step, _, isNewest = guard(rows[1], rows[2])
if stop then return stop end
if ARGV[3] == '1' and not isNewest then return {'outdated', step - 1} end
local id = ''
for i = 4, #ARGV, 3 do
  local known = redis.call('HGET', KEYS[3], ARGV[i])
  if not known or ARGV[3] ~= '2' then
    local place = known and string.match(known, '^%d+') or redis.call('HLEN', KEYS[3])
    redis.call('HSET', KEYS[3], ARGV[i], place .. ' ' .. ARGV[i + 1])
    id = redis.call('XADD', KEYS[4], '*', 'l', ARGV[i + 2])
  end
end
local epoch, version, state = string.match(rows[1], '^(%S+) (%S+) (%S+)$')
version = tonumber(version) + 1
redis.call('MSET', KEYS[2], step, KEYS[1], epoch .. ' ' .. text(version) .. ' ' .. state)
return {'put', step, version, id}
