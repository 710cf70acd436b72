-- Sets the bound of each call aside in all of its accounts, or in none: domain/admission.ts `reserve`, with the records of the
-- holds. The calls are those that came in one turn of a process, decided one after the other.
--
-- KEYS[3] holds, KEYS[4] stream, KEYS[5] faces, KEYS[6…] the accounts
-- ARGV[3…] of each call: its id, the hold's text
-- numbers: step; then of each call: how many accounts, expiresAt, outputMax, outputMin, outputExpected, admittedAt, or 0 where
-- a refusal alerts nobody, and of each account: its place, limit, fixed, perOutput, scale, 0 no hard cap | 1 hard | 2 hard and may clamp
--
-- Replies {'reserved', step, the sums of each account after all calls, or 0 where it is not open, then for each call one of}:
-- {'held', outputMax, outputRoom}, and where the integers end in an advisory budget, so that less is set aside: the amounts joined by commas;
-- {'refused', 1 where holds alone are in the way, then of each account: 1 tight, 2 exhausted or 0, and its sums};
-- {'unopened', index}; {'closed'} where hard caps do not admit now; {'defect'}. Or {'outdated', step} for all.
-- Invariant: used + held <= limit + granted in every account of a hard cap that it touched.
local FIRST = 6
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step, isExpected, isNewest = guard(rows[1], rows[2])
if stop then return stop end
if not isNewest then return {'outdated', step - 1} end

local accounts, changed = accountsIn(rows), {}
local min, max, floor, ceil, huge = math.min, math.max, math.floor, math.ceil, math.huge

-- A call's claims, one column for each fact.
local places, caps, fixeds, perOutputs, scales, causes = {}, {}, {}, {}, {}, {}
local outputMax, outputMin, expected

local function outputThatFits(i, room)
  local forOutput = min(room * scales[i], AMOUNT_MAX) - fixeds[i]
  if perOutputs[i] == 0 then return forOutput >= 0 and huge or -huge end
  return floor(forOutput / perOutputs[i])
end

local function outputThatFitsIn(i, room)
  if caps[i] == 0 then return -1 end
  local fits, wanted = outputThatFits(i, room), outputMax
  if expected < outputMax then wanted = min(outputMax, max(expected, outputThatFits(i, floor(room * 0.1)))) end
  if fits >= wanted then return wanted end
  if causes[i] == 2 and fits >= outputMin then return fits end
  return -1
end

local function roomOf(i)
  local it = accounts[places[i]]
  return caps[i] - it.used - it.held
end

local function refusal(count, admittedAt)
  local reply, n = {'refused', 1}, 2
  for i = 1, count do
    local it, room, tight = accounts[places[i]], roomOf(i), 0
    if causes[i] > 0 and outputThatFitsIn(i, room) < outputMin then
      tight = 1
      if outputThatFitsIn(i, room + it.held) < outputMin then
        tight, reply[2] = 2, 0
        if admittedAt > 0 and it.alerted < 1 then
          it.alerted, changed[places[i]] = 1, true
          local key = KEYS[FIRST + places[i] - 1]
          redis.call('XADD', KEYS[4], '*', 'x', crossing(key, it, '1', caps[i], KEYS[5]), 't', text(admittedAt))
        end
      end
    end
    reply[n + 1], reply[n + 2] = tight, sums(it)
    n = n + 2
  end
  return reply
end

local holds, h = {KEYS[3]}, 1

local function reserve(count, expiresAt, admittedAt, at, id, holdText)
  local allowed = outputMax
  for i = 1, count do
    local c = at + (i - 1) * 6
    local it = accounts[numbers[c]]
    if not it then return {'unopened', i - 1} end
    places[i], fixeds[i], perOutputs[i], scales[i], causes[i] = numbers[c], numbers[c + 2], numbers[c + 3], numbers[c + 4], numbers[c + 5]
    caps[i] = numbers[c + 1] + it.granted
    if causes[i] > 0 then
      if not isExpected then return {'closed'} end
      allowed = min(allowed, outputThatFitsIn(i, roomOf(i)))
    end
  end
  if allowed < outputMin then return refusal(count, admittedAt) end
  local roomiest, amounts, isLess = allowed, {}, false
  if allowed < outputMax then
    roomiest = outputMax
    for i = 1, count do
      if causes[i] > 0 then roomiest = min(roomiest, outputThatFits(i, roomOf(i))) end
    end
  end
  for i = 1, count do
    local amount, it = ceil((fixeds[i] + perOutputs[i] * allowed) / scales[i]), accounts[places[i]]
    local fits = causes[i] > 0 and roomOf(i) or max(0, AMOUNT_MAX - it.used - it.held)
    if not (amount >= 0) or causes[i] > 0 and amount > fits then return {'defect'} end
    if amount > fits then amount, isLess = fits, true end
    amounts[i] = amount
  end
  for i = 1, count do
    local it = accounts[places[i]]
    it.held, it.calls, changed[places[i]] = it.held + amounts[i], it.calls + 1, true
    amounts[i] = text(amounts[i])
  end
  local joined = table.concat(amounts, ',')
  holds[h + 1], holds[h + 2] = id, text(allowed) .. '|' .. text(roomiest) .. '|' .. joined .. '|' .. text(expiresAt) .. '|' .. holdText
  h = h + 2
  return {'held', replied(allowed), replied(roomiest), isLess and joined or nil}
end

local replies, at, arg = {'reserved', step, {}}, 2, 3
while at < #numbers do
  local count, expiresAt, admittedAt
  count, expiresAt, outputMax, outputMin, expected, admittedAt = unpack(numbers, at, at + 5)
  replies[#replies + 1] = reserve(count, expiresAt, admittedAt, at + 6, ARGV[arg], ARGV[arg + 1])
  at, arg = at + 6 + count * 6, arg + 2
end
for i = 1, #accounts do replies[3][i] = accounts[i] and sums(accounts[i]) or 0 end
write(step, accounts, changed, FIRST)
if h > 1 then redis.call('HSET', unpack(holds)) end
for i = 3, h, 2 do redis.call('XADD', KEYS[4], '*', 'h', holds[i]) end
return replies
