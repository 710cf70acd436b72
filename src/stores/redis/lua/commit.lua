-- Charges calls that a process admitted from its slices, with their records: what they used leaves the slice for good.
--
-- KEYS[3] leases, KEYS[4] stream, KEYS[5] faces, KEYS[6…] the accounts
-- ARGV[3] the node; then of each call: the hold as it would be stored, the settlement's record, and of each account the shares
-- that alert (ascending, joined by blanks), joined by semicolons
-- numbers: step; then of each call: how many accounts, and of each: its place, held, used, limit, the least amount that alerts
--
-- Replies {'committed', step, 1 where the version is another, the id of each settlement in the stream}; {'unopened', step, place}.
local FIRST = 6
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step, _, isNewest = guard(rows[1], rows[2])
if stop then return stop end

local accounts, changed, slices = accountsIn(rows), {}, {}
for i = 1, #accounts do
  if not accounts[i] then return {'unopened', step - 1, i - 1} end
  local lease = redis.call('HGET', KEYS[3], ARGV[3] .. '\n' .. KEYS[FIRST + i - 1])
  local slice, expiresAt = string.match(lease or '0 0', '^(%d+) (%d+)$')
  slices[i] = {left = tonumber(slice), expiresAt = expiresAt, taken = 0}
end

local replies, at, arg = {'committed', step, isNewest and 0 or 1}, 2, 4
while at < #numbers do
  local count, crossed, from = numbers[at], '', 1
  for i = 1, count do
    local c = at + 1 + (i - 1) * 5
    local place, held, used, limit, least = unpack(numbers, c, c + 4)
    local it, slice = accounts[place], slices[place]
    local to = string.find(ARGV[arg + 2], ';', from, true) or #ARGV[arg + 2] + 1
    local taken = math.min(used, slice.left)
    slice.left, slice.taken = slice.left - taken, slice.taken + taken
    it.used, it.held, changed[place] = it.used + used, it.held - taken, true
    if used > held then it.overrun = it.overrun + used - held end
    if isNewest and it.alerted < 1 and it.used >= least then
      crossed = crossed .. cross(KEYS[FIRST + place - 1], it, limit, string.sub(ARGV[arg + 2], from, to - 1), KEYS[5])
    end
    from = to + 1
  end
  redis.call('XADD', KEYS[4], '*', 'h', ARGV[arg])
  if crossed == '' then
    replies[#replies + 1] = redis.call('XADD', KEYS[4], '*', 'e', ARGV[arg + 1])
  else
    replies[#replies + 1] = redis.call('XADD', KEYS[4], '*', 'e', ARGV[arg + 1], 'x', crossed)
  end
  at, arg = at + 1 + count * 5, arg + 3
end
for i, slice in ipairs(slices) do
  local field = ARGV[3] .. '\n' .. KEYS[FIRST + i - 1]
  if slice.taken > 0 and slice.left > 0 then redis.call('HSET', KEYS[3], field, text(slice.left) .. ' ' .. slice.expiresAt) end
  if slice.taken > 0 and slice.left == 0 then
    redis.call('HDEL', KEYS[3], field)
    accounts[i].calls = accounts[i].calls - 1
  end
end
write(step, accounts, changed, FIRST)
return replies
