-- Sets a call's bound aside in every account, or in none: domain/admission.ts `reserve`, with the record of the hold.
--
-- KEYS[3] holds, KEYS[4] expiry, KEYS[5] stream, KEYS[6] crossed, KEYS[7…] the accounts
-- ARGV[4] version, ARGV[5] call, ARGV[6] expiresAt, ARGV[7] the hold's text, ARGV[8] outputMax, ARGV[9] outputMin,
-- ARGV[10] outputExpected, ARGV[11] '1' where a refusal alerts, ARGV[12] now;
-- then for each account: limit, 'hard' | 'hard,clamp' | '', fixed, perOutput, scale
--
-- Replies {'held', step, outputMax, outputRoom, six numbers an account}; {'refused', step, 1 where holds alone are in the way,
-- then for each account: 1 tight | 2 exhausted | 0, 1 where an alert fired, six numbers}; {'outdated', step};
-- {'unopened', step, index}; {'closed', step} where hard caps do not admit now; {'defect', step}.
-- Invariant: used + held <= limit + granted in every account of a hard cap that it touched.
local stop, state, version, step = guard()
if stop then return stop end
if version ~= ARGV[4] then return {'outdated', step} end

local FIRST_KEY, FIRST_ARG = 7, 13
local outputMax, outputMin, expected = tonumber(ARGV[8]), tonumber(ARGV[9]), tonumber(ARGV[10])
local infinite = math.huge

local function outputThatFits(claim, room)
  local forOutput = math.min(room * claim.scale, AMOUNT_MAX) - claim.fixed
  if claim.perOutput == 0 then
    if forOutput >= 0 then return infinite end
    return -infinite
  end
  return math.floor(forOutput / claim.perOutput)
end

local function outputWanted(claim, room)
  if expected >= outputMax then return outputMax end
  return math.min(outputMax, math.max(expected, outputThatFits(claim, math.floor(room * 0.1))))
end

local function outputThatFitsIn(claim, room)
  if claim.cap == 0 then return -1 end
  local fits = outputThatFits(claim, room)
  local wanted = outputWanted(claim, room)
  if fits >= wanted then return wanted end
  if claim.clamps and fits >= outputMin then return fits end
  return -1
end

local claims = {}
for i = 1, #KEYS - FIRST_KEY + 1 do
  local it = account(KEYS[FIRST_KEY + i - 1])
  if not it then return {'unopened', step, i - 1} end
  local at = FIRST_ARG + (i - 1) * 5
  it.cap = tonumber(ARGV[at]) + it.granted
  it.hard = ARGV[at + 1] ~= ''
  it.clamps = ARGV[at + 1] == 'hard,clamp'
  it.fixed, it.perOutput, it.scale = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  it.room = it.cap - it.used - it.held
  if it.hard and state ~= 'open' then return {'closed', step} end
  claims[i] = it
end

local allowed = outputMax
for _, claim in ipairs(claims) do
  if claim.hard then allowed = math.min(allowed, outputThatFitsIn(claim, claim.room)) end
end

if allowed < outputMin then
  local reply = {'refused', step, 1}
  for i, claim in ipairs(claims) do
    local tight, fired = 0, 0
    if claim.hard and outputThatFitsIn(claim, claim.room) < outputMin then
      tight = 1
      if outputThatFitsIn(claim, claim.room + claim.held) < outputMin then
        tight = 2
        reply[3] = 0
        if ARGV[11] == '1' and tonumber(claim.alerted) < 1 then
          local key = KEYS[FIRST_KEY + i - 1]
          claim.alerted = '1'
          fired = 1
          redis.call('HSET', key, 'a', '1')
          redis.call('HSET', KEYS[6], key .. '\n1', text(claim.used) .. ' ' .. text(claim.cap) .. ' ' .. ARGV[12])
        end
      end
    end
    reply[#reply + 1] = tight
    reply[#reply + 1] = fired
    push(reply, claim)
  end
  return reply
end

local roomiest = allowed
if allowed < outputMax then
  roomiest = outputMax
  for _, claim in ipairs(claims) do
    if claim.hard then roomiest = math.min(roomiest, outputThatFits(claim, claim.room)) end
  end
end

local amounts = {}
for i, claim in ipairs(claims) do
  local amount = math.ceil((claim.fixed + claim.perOutput * allowed) / claim.scale)
  if amount < 0 or claim.held + amount > AMOUNT_MAX then return {'defect', step} end
  claim.held = claim.held + amount
  claim.calls = claim.calls + 1
  amounts[i] = text(amount)
end

local reply = {'held', step, allowed, roomiest}
for i, claim in ipairs(claims) do
  redis.call('HSET', KEYS[FIRST_KEY + i - 1], 'h', text(claim.held), 'n', text(claim.calls))
  push(reply, claim)
end
local hold = text(allowed) .. '|' .. text(roomiest) .. '|' .. table.concat(amounts, ',') .. '|' .. ARGV[7]
redis.call('HSET', KEYS[3], ARGV[5], hold)
redis.call('ZADD', KEYS[4], ARGV[6], ARGV[5])
redis.call('XADD', KEYS[5], '*', 'h', hold, 'x', ARGV[6])
return reply
