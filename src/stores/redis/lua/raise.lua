-- Raises a hold as far towards a maximum output as all hard caps have room for: domain/admission.ts `raise`.
--
-- KEYS[3] holds, KEYS[4] stream, KEYS[5…] the accounts
-- ARGV[3] call
-- numbers: step, the maximum output wanted, choices, then the cost's fixed, perOutput, scale;
-- then of each account: limit, fixed, perOutput, scale, 1 for a hard cap
--
-- Replies {'raised', step, the maximum that is covered now, the amounts joined by commas}; {'unknown', step} where the call had
-- ended; {'outdated', step}; {'closed', step} where hard caps do not admit now.
local FIRST = 5
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step, _, isNewest, state = guard(rows[1], rows[2])
if stop then return stop end
if not isNewest then return {'outdated', step - 1} end
local hold = redis.call('HGET', KEYS[3], ARGV[3])
if not hold then return {'unknown', step - 1} end
if state ~= 'open' then return {'closed', step - 1} end
local covered, room, held, rest = string.match(hold, '^([^|]*)|([^|]*)|([^|]*)|(.*)$')

local claims, wanted = {}, numbers[2]
for before in string.gmatch(held, '[^,]+') do
  local i = #claims + 1
  local it, at = account(rows[i + 2]), 2 + i * 5
  it.before = tonumber(before)
  it.fixed, it.perOutput, it.scale = numbers[at + 1], numbers[at + 2], numbers[at + 3]
  it.isHard = numbers[at + 4] > 0
  if it.isHard then
    local left = numbers[at] + it.granted - it.used - it.held + it.before
    local forOutput = math.min(left * it.scale, AMOUNT_MAX) - it.fixed
    if it.perOutput ~= 0 then wanted = math.min(wanted, math.floor(forOutput / it.perOutput)) elseif forOutput < 0 then wanted = -1 end
  end
  claims[i] = it
end
if wanted <= tonumber(covered) then return {'raised', step - 1, tonumber(covered), held} end

local amounts, changes = {}, {KEYS[2], step}
for i, claim in ipairs(claims) do
  local amount = math.ceil((claim.fixed + claim.perOutput * wanted) / claim.scale)
  local others = claim.held - claim.before
  if not claim.isHard then amount = math.min(amount, math.max(0, AMOUNT_MAX - claim.used - others)) end
  claim.held = others + amount
  if claim.held > AMOUNT_MAX then return {'raised', step - 1, tonumber(covered), held} end
  amounts[i] = text(amount)
  changes[i * 2 + 1], changes[i * 2 + 2] = KEYS[FIRST + i - 1], packed(claim)
end
local joined = table.concat(amounts, ',')
local cost = math.min(math.ceil((numbers[4] + numbers[5] * wanted) / numbers[6]), AMOUNT_MAX)
redis.call('MSET', unpack(changes))
redis.call('HSET', KEYS[3], ARGV[3], text(wanted) .. '|' .. room .. '|' .. joined .. '|' .. rest)
redis.call('XADD', KEYS[4], '*', 'r', ARGV[3], 'o', text(math.min(wanted * numbers[3], AMOUNT_MAX)), 'c', text(cost), 'm', joined)
return {'raised', step, wanted, joined}
