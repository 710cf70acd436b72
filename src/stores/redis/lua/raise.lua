-- Raises a hold as far towards a maximum output as all hard caps have room for: domain/admission.ts `raise`.
--
-- KEYS[3] holds, KEYS[4] stream, KEYS[5…] the accounts
-- ARGV[4] call, ARGV[5] the maximum output wanted, ARGV[6] choices, then the hold's cost as fixed, perOutput, scale (ARGV[7…9]);
-- then for each account: limit, 'hard' | 'hard,clamp' | '', fixed, perOutput, scale
--
-- Replies {'raised', step, the maximum that is covered now, the amounts joined by commas}; {'unknown', step} where the call had
-- ended; {'closed', step} where hard caps do not admit now.
local stop, state, _, step = guard()
if stop then return stop end

local FIRST_KEY, FIRST_ARG = 5, 10
local hold = redis.call('HGET', KEYS[3], ARGV[4])
if not hold then return {'unknown', step} end
if state ~= 'open' then return {'closed', step} end
local covered, room, held, rest = string.match(hold, '^([^|]*)|([^|]*)|([^|]*)|(.*)$')

local claims, wanted = {}, tonumber(ARGV[5])
for amount in string.gmatch(held, '[^,]+') do
  local i = #claims
  local it = account(KEYS[FIRST_KEY + i])
  local at = FIRST_ARG + i * 5
  it.before = tonumber(amount)
  it.fixed, it.perOutput, it.scale = tonumber(ARGV[at + 2]), tonumber(ARGV[at + 3]), tonumber(ARGV[at + 4])
  if ARGV[at + 1] ~= '' then
    local left = tonumber(ARGV[at]) + it.granted - it.used - it.held + it.before
    local forOutput = math.min(left * it.scale, AMOUNT_MAX) - it.fixed
    if it.perOutput ~= 0 then wanted = math.min(wanted, math.floor(forOutput / it.perOutput)) elseif forOutput < 0 then wanted = -1 end
  end
  claims[i + 1] = it
end
if wanted <= tonumber(covered) then return {'raised', step, tonumber(covered), held} end

local amounts = {}
for i, claim in ipairs(claims) do
  local amount = math.ceil((claim.fixed + claim.perOutput * wanted) / claim.scale)
  if claim.held - claim.before + amount > AMOUNT_MAX then return {'raised', step, tonumber(covered), held} end
  amounts[i] = text(amount)
  claim.held = claim.held - claim.before + amount
end
for i, claim in ipairs(claims) do redis.call('HSET', KEYS[FIRST_KEY + i - 1], 'h', text(claim.held)) end
local joined = table.concat(amounts, ',')
redis.call('HSET', KEYS[3], ARGV[4], text(wanted) .. '|' .. room .. '|' .. joined .. '|' .. rest)
local cost = math.ceil((tonumber(ARGV[7]) + tonumber(ARGV[8]) * wanted) / tonumber(ARGV[9]))
redis.call('XADD', KEYS[4], '*', 'r', ARGV[4], 'o', text(wanted * tonumber(ARGV[6])), 'c', text(cost), 'm', joined)
return {'raised', step, wanted, joined}
