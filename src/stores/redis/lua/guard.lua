-- Stands before every transition: says whether this store is the one that the process knows.
--
-- KEYS[1] meta, KEYS[2] nodes
-- ARGV[1] epoch, ARGV[2] node, ARGV[3] the last of that node's steps that was answered
--
-- A store that came back empty has no epoch. One that came back without its last writes (a replica that lagged, a restored
-- file) has counted fewer steps of some node than that node was answered: then it is marked as lost, for all.
-- Returns a reply that ends the script, or nil, the state, the version and the number of this step.
local function guard()
  local meta = redis.call('HMGET', KEYS[1], 'epoch', 'state', 'version')
  if meta[1] ~= ARGV[1] then return {'epoch'} end
  local step = redis.call('HINCRBY', KEYS[2], ARGV[2], 1)
  if step <= tonumber(ARGV[3]) then
    redis.call('HSET', KEYS[1], 'state', 'lost')
    return {'behind'}
  end
  return nil, meta[2], meta[3], step
end
