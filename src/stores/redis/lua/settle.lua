-- Ends a call: gives its holds back and charges what it used, once; never refused. domain/admission.ts `settle` and
-- domain/threshold.ts `crossThreshold`, with the call's record.
--
-- KEYS[3] holds, KEYS[4] expiry, KEYS[5] stream, KEYS[6] crossed, KEYS[7] jobs, KEYS[8…] the accounts
-- ARGV[4] version, ARGV[5] call, ARGV[6] the amounts that the process knows as held, joined by commas, ARGV[7] the settlement's
-- record, ARGV[8] endedAt; then for each account: used, limit, the shares that alert (ascending, joined by blanks)
--
-- Replies {'ended', step, id in the stream, 1 where the version is another, then index and share of every threshold crossed};
-- {'unknown', step} where the call had ended; {'changed', step} where other amounts are held.
-- The thresholds are judged by the caller's budgets, so only where its version is the newest: else they are left to judge.lua.
local stop, _, version, step = guard()
if stop then return stop end

local FIRST_KEY, FIRST_ARG = 8, 9
local hold = redis.call('HGET', KEYS[3], ARGV[5])
if not hold then return {'unknown', step} end
local held = string.match(hold, '^[^|]*|[^|]*|([^|]*)|')
if held ~= ARGV[6] then return {'changed', step} end

local isNewest = version == ARGV[4]
local reply = {'ended', step, '', isNewest and 0 or 1}
local i = 0
for amount in string.gmatch(held, '[^,]+') do
  local key, at = KEYS[FIRST_KEY + i], FIRST_ARG + i * 3
  local it = account(key)
  local used = tonumber(ARGV[at])
  it.used = it.used + used
  it.overrun = it.overrun + math.max(0, used - tonumber(amount))
  redis.call('HSET', key, 'u', text(it.used), 'h', text(it.held - tonumber(amount)), 'n', text(it.calls - 1), 'o', text(it.overrun))
  local share = isNewest and cross(key, it, tonumber(ARGV[at + 1]), ARGV[at + 2], KEYS[6], ARGV[8])
  if share then
    reply[#reply + 1] = i
    reply[#reply + 1] = share
  end
  i = i + 1
end
redis.call('HDEL', KEYS[3], ARGV[5])
redis.call('ZREM', KEYS[4], ARGV[5])
redis.call('HDEL', KEYS[7], ARGV[5])
reply[3] = redis.call('XADD', KEYS[5], '*', 'e', ARGV[7])
return reply
