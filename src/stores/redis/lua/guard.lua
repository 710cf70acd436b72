-- Stands before every transition: says whether this store is the one that the process knows.
--
-- KEYS[1] meta: "epoch version state"; KEYS[2] how many steps of this node were counted; ARGV[1] meta as the process expects
-- it, and after it the server's run where the server does not know this script; ARGV[2] numbers, as little-endian doubles: the
-- first is the last of the node's steps that was answered
--
-- A store that came back empty has no epoch. One that came back without its last writes (a replica that lagged, a restored
-- file) has counted fewer steps of some node than that node was answered: then it is marked as lost, for all. So is one whose
-- server is another: it may have lost steps of other nodes, or of processes that have died. Such a server knows no scripts, so
-- whoever is the first to run one there finds out, and nobody has to ask for the run with each step.
--
-- Between what a process sent before it came (back) to the store and what it sends since, join.lua leaves a gap in its steps.

-- More steps than a process ever has on their way.
local JOIN = 1000000

-- Fails, where a number does not fit; else the numbers of ARGV[2], the first being the step.
local numbers = {struct.unpack('<' .. string.rep('d', #ARGV[2] / 8), ARGV[2])}

-- Returns a reply that ends the script, or nil, the number of this step, whether budgets and state are as the process expects
-- them, the version, the state. isJoining: the step may be any.
local function guard(meta, counted, isJoining)
  local isExpected = meta == ARGV[1]
  if not meta then return {'epoch'} end
  local epoch, version, state
  if not isExpected then
    epoch, version, state = string.match(meta, '^(%S+) (%S+) (%S+)$')
    local expected, known, run = string.match(ARGV[1], '^(%S+) (%S+) %S+ ?(%S*)$')
    if epoch ~= expected then return {'epoch'} end
    if run ~= '' and run ~= string.match(redis.call('INFO', 'server'), 'run_id:(%w+)') then
      redis.call('SET', KEYS[1], (string.gsub(meta, '%S+$', 'lost')))
      return {'run'}
    end
    isExpected = version == known and state == 'open'
    if version == known then version = nil end
  end
  local step = tonumber(counted or '0')
  if step < numbers[1] then
    redis.call('SET', KEYS[1], (string.gsub(meta, '%S+$', 'lost')))
    return {'behind'}
  end
  if step - numbers[1] >= JOIN and not isJoining then return {'late'} end
  return nil, step + 1, isExpected, version == nil, state or 'open'
end
