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

local function text(amount)
  return string.format('%.0f', amount)
end

-- As a reply has it: integers as such, since a fraction would be cut.
local function sums(it)
  return {it.used, it.held, it.calls, it.granted, it.overrun, it.alerted == 0 and 0 or string.format('%.17g', it.alerted)}
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

-- As in domain/threshold.ts: 15 digits first, since 0.07 * 100 is 7.000000000000001.
local function amountAt(share, cap)
  if share == 1 then return math.max(1, cap) end
  return math.max(1, math.ceil(tonumber(string.format('%.15g', share * cap))))
end

-- Latches the highest share that `used` has reached and that has not fired; the lower ones never fire. The crossing stands in
-- the store until its alert is in the stream.
-- shares: ascending, joined by blanks. Returns the share, or nil.
local function cross(key, it, limit, shares, crossed, at)
  local cap, reached, name = limit + it.granted, nil, nil
  for share in string.gmatch(shares, '[^ ]+') do
    local value = tonumber(share)
    if value > it.alerted and it.used >= amountAt(value, cap) then reached, name = value, share end
  end
  if not reached then return nil end
  it.alerted = reached
  redis.call('HSET', crossed, key .. '\n' .. name, text(it.used) .. ' ' .. text(cap) .. ' ' .. text(at))
  return name
end
