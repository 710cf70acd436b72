-- What the transitions share: an account as it is stored, and the thresholds that it crosses.
--
-- An account is six little-endian doubles, which are exact up to 2^53: used, held, calls in flight, granted, overrun, and the
-- share at which an alert fired last. Text would cost more than all the rest: Lua's own conversion keeps 14 digits.
local ACCOUNT = '<dddddd'
local AMOUNT_MAX = 9007199254740991

local function account(packed)
  local used, held, calls, granted, overrun, alerted = struct.unpack(ACCOUNT, packed)
  return {used = used, held = held, calls = calls, granted = granted, overrun = overrun, alerted = alerted}
end

local function packed(it)
  return struct.pack(ACCOUNT, it.used, it.held, it.calls, it.granted, it.overrun, it.alerted)
end

-- The sum, and no more than AMOUNT_MAX: as domain/amount.ts `plus`.
local function plus(a, b)
  return math.min(a + b, AMOUNT_MAX)
end

local function text(amount)
  return string.format('%.0f', amount)
end

-- A client that reads an integer digit by digit may pass 2^53 on the way, and round.
local function replied(amount)
  return amount < 9e15 and amount or text(amount)
end

-- As a reply has it; a fraction goes as text, since it would be cut.
local function sums(it)
  local alerted = it.alerted == 0 and 0 or string.format('%.17g', it.alerted)
  return {replied(it.used), replied(it.held), it.calls, replied(it.granted), replied(it.overrun), alerted}
end

-- All accounts that keys name, by their place; false where one is not open. rows: meta, the node's steps, the accounts.
local function accountsIn(rows)
  local accounts = {}
  for i = 3, #rows do accounts[i - 2] = rows[i] and account(rows[i]) end
  return accounts
end

-- Writes this step and the accounts that it changed. first: where the accounts begin in KEYS.
local function write(step, accounts, changed, first)
  local args, n = {KEYS[2], step}, 2
  for i in pairs(changed) do
    args[n + 1], args[n + 2] = KEYS[first + i - 1], packed(accounts[i])
    n = n + 2
  end
  redis.call('MSET', unpack(args))
end

-- Whether slices of that node were charged, with all that it had let in from them: then it has none any more.
local function hasLapsed(lapsed, node)
  return node ~= '' and redis.call('ZSCORE', lapsed, node)
end

-- Takes so much out of a process's slice of an account, or all that is left of it.
local function leaveSlice(it, amount, leases, field)
  if amount == 0 then return end
  local slice, expiresAt = string.match(redis.call('HGET', leases, field) or '0 0', '^(%d+) (%d+)$')
  local taken = math.min(amount, tonumber(slice))
  if taken == 0 then return end
  it.held = it.held - taken
  local left = tonumber(slice) - taken
  if left > 0 then
    redis.call('HSET', leases, field, text(left) .. ' ' .. expiresAt)
  else
    redis.call('HDEL', leases, field)
    it.calls = it.calls - 1
  end
end

-- As in domain/threshold.ts: 15 digits first, since 0.07 * 100 is 7.000000000000001.
local function amountAt(share, cap)
  if share == 1 then return math.max(1, cap) end
  return math.max(1, math.ceil(tonumber(string.format('%.15g', share * cap))))
end

-- The fact that an account reached a share of its limit, as the stream has it: share, used, limit, and what the account is.
local function crossing(key, it, share, cap, faces)
  return share .. ' ' .. text(it.used) .. ' ' .. text(cap) .. ' ' .. redis.call('HGET', faces, key) .. '\n'
end

-- Latches the highest share that `used` has reached and that has not fired; the lower ones never fire.
-- shares: ascending, joined by blanks. Returns the crossing, or ''.
local function cross(key, it, limit, shares, faces)
  local cap, reached, name = limit + it.granted, nil, nil
  for share in string.gmatch(shares, '[^ ]+') do
    local value = tonumber(share)
    if value > it.alerted and it.used >= amountAt(value, cap) then reached, name = value, share end
  end
  if not reached then return '' end
  it.alerted = reached
  return crossing(key, it, name, cap, faces)
end
