-- Ends calls: gives their holds back and charges what they used, each once; never refused. domain/admission.ts `settle` and
-- domain/threshold.ts `crossThreshold`, with the calls' records. The calls are those that ended in one turn of a process.
--
-- KEYS[3] holds, KEYS[4] stream, KEYS[5] faces, KEYS[6] jobs, KEYS[7] charged, KEYS[8…] the accounts
-- ARGV[3…] of each call: its id, how its hold begins as the process knows it, the settlement's record, and of each account the
-- shares that alert (ascending, joined by blanks), joined by semicolons
-- numbers: step; then of each call: how many accounts, 1 where it is another process's or a job may stand by it: then its end is
-- remembered, so that its own process does not put its hold back; and of each account: its place,
-- held, used, limit, the least amount that alerts
--
-- Replies {'settled', step, 1 where the version is another, then for each call one of}: {'ended', id in the stream};
-- {'unknown'} where it had ended, or was counted without its hold, which came late: then it is only given back; {'changed'} where the hold is another; {'unopened', index}.
-- The thresholds are judged by the caller's budgets, so only where its version is the newest: else they are left to judge.lua.
-- What is remembered is forgotten when it is older than any hold or provider's job lives.
local FIRST, REMEMBERED_MS = 8, 30 * 86400000
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step, _, isNewest = guard(rows[1], rows[2])
if stop then return stop end

local accounts, changed, ended = accountsIn(rows), {}, {}

local function charge(it, held, used, limit, least, shares, place)
  it.used, it.held, it.calls = plus(it.used, used), it.held - held, it.calls - 1
  if used > held then it.overrun = plus(it.overrun, used - held) end
  changed[place] = true
  if not isNewest or it.alerted >= 1 or it.used < least then return '' end
  return cross(KEYS[FIRST + place - 1], it, limit, shares, KEYS[5])
end

local function settle(id, head, record, shares, count, hasJob, at)
  local hold = redis.call('HGET', KEYS[3], id)
  if not hold or ended[id] then return {'unknown'} end
  if string.sub(hold, 1, #head) ~= head then return {'changed'} end
  for i = 1, count do
    if not accounts[numbers[at + (i - 1) * 5]] then return {'unopened', i - 1} end
  end
  local isCounted = hasJob == 1 and redis.call('ZSCORE', KEYS[7], id)
  local crossed, from = '', 1
  for i = 1, count do
    local c = at + (i - 1) * 5
    local to = string.find(shares, ';', from, true) or #shares + 1
    local place = numbers[c]
    crossed = crossed .. charge(accounts[place], numbers[c + 1], isCounted and 0 or numbers[c + 2], numbers[c + 3], numbers[c + 4], string.sub(shares, from, to - 1), place)
    from = to + 1
  end
  ended[id] = true
  if hasJob == 1 then
    redis.call('HDEL', KEYS[6], id)
    local now = redis.call('TIME')[1] * 1000
    redis.call('ZADD', KEYS[7], now, id)
    redis.call('ZREMRANGEBYSCORE', KEYS[7], '-inf', now - REMEMBERED_MS)
  end
  if isCounted then return {'unknown'} end
  if crossed ~= '' then return {'ended', redis.call('XADD', KEYS[4], '*', 'e', record, 'x', crossed)} end
  return {'ended', redis.call('XADD', KEYS[4], '*', 'e', record)}
end

local replies, at, arg, gone = {'settled', step, isNewest and 0 or 1}, 2, 3, {KEYS[3]}
while at < #numbers do
  local count = numbers[at]
  replies[#replies + 1] = settle(ARGV[arg], ARGV[arg + 1], ARGV[arg + 2], ARGV[arg + 3], count, numbers[at + 1], at + 2)
  if ended[ARGV[arg]] then gone[#gone + 1] = ARGV[arg] end
  at, arg = at + 2 + count * 5, arg + 4
end
write(step, accounts, changed, FIRST)
if #gone > 1 then redis.call('HDEL', unpack(gone)) end
return replies
