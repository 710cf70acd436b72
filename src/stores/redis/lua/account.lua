-- What the transitions share: an account as it is stored, and the thresholds that it crosses.

local AMOUNT_MAX = 9007199254740991

-- Lua's own conversion keeps 14 digits.
local function text(amount)
  return string.format('%.0f', amount)
end

-- An account's used, held, calls in flight, granted, overrun, and the share at which an alert fired last; nil where it is not open.
local function account(key)
  local row = redis.call('HMGET', key, 'u', 'h', 'n', 'g', 'o', 'a')
  if not row[1] then return nil end
  return {
    used = tonumber(row[1]), held = tonumber(row[2]), calls = tonumber(row[3]),
    granted = tonumber(row[4]), overrun = tonumber(row[5]), alerted = row[6],
  }
end

local function push(reply, it)
  local n = #reply
  reply[n + 1] = it.used
  reply[n + 2] = it.held
  reply[n + 3] = it.calls
  reply[n + 4] = it.granted
  reply[n + 5] = it.overrun
  reply[n + 6] = it.alerted
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
  local cap, alerted = limit + it.granted, tonumber(it.alerted)
  local lowest = tonumber(string.match(shares, '^[^ ]+'))
  if alerted >= 1 or it.used + 1 < lowest * cap then return nil end
  local reached = nil
  for share in string.gmatch(shares, '[^ ]+') do
    local value = tonumber(share)
    if value > alerted and it.used >= amountAt(value, cap) then reached = share end
  end
  if reached then
    redis.call('HSET', key, 'a', reached)
    redis.call('HSET', crossed, key .. '\n' .. reached, text(it.used) .. ' ' .. text(cap) .. ' ' .. at)
  end
  return reached
end
