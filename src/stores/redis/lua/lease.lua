-- Sets the slices of accounts that a process decides about by itself: takes more, gives back what it does not need, and says
-- that it is alive. A slice is held in its account, and stands for one call in flight there.
--
-- KEYS[3] leases, KEYS[4] nodes alive, KEYS[5] lapsed, KEYS[6…] the accounts
-- ARGV[3] the node
-- numbers: step, now, expiresAt, then of each account: limit, 1 for a hard cap, the slice wanted, and what of the slice must stay,
-- since the process lets calls in by it until it has the answer
--
-- Replies {'leased', step, then of each account: the slice, its sums, and the most that the process is to use of it from now on};
-- {'unopened', step, index}; {'outdated', step}; {'lapsed', step}; {'closed', step} where hard caps do not admit now.
-- Invariant: a slice of a hard cap never becomes more than a fourth of the room for each process that is alive; where it is more, since
-- the cap nears, its process gives the rest back with its next wish. What is too small to share is decided in the store.
local FIRST, ALIVE_MS = 6, 5000
local rows = redis.call('MGET', KEYS[1], KEYS[2], unpack(KEYS, FIRST))
local stop, step, isExpected, isNewest = guard(rows[1], rows[2])
if stop then return stop end
if not isNewest then return {'outdated', step - 1} end
if hasLapsed(KEYS[5], ARGV[3]) then return {'lapsed', step - 1} end
if not isExpected then return {'closed', step - 1} end

local accounts, changed, now = accountsIn(rows), {}, numbers[2]
for i = 1, #accounts do
  if not accounts[i] then return {'unopened', step - 1, i - 1} end
end
redis.call('ZADD', KEYS[4], now, ARGV[3])
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', now - ALIVE_MS)
local alive = redis.call('ZCARD', KEYS[4])

local reply = {'leased', step}
for i, it in ipairs(accounts) do
  local at, field = i * 4, ARGV[3] .. '\n' .. KEYS[FIRST + i - 1]
  local limit, isHard, wanted, kept = unpack(numbers, at, at + 3)
  local slice = tonumber(string.match(redis.call('HGET', KEYS[3], field) or '0', '^%d+'))
  local room = limit + it.granted - it.used - it.held + slice
  local others = it.held - slice
  local share = isHard == 1 and math.max(0, math.floor(room / (4 * alive))) or math.min(wanted, math.max(0, AMOUNT_MAX - it.used - others))
  wanted = math.max(math.min(wanted, share), math.min(kept, slice))
  it.held = plus(others, wanted)
  it.calls = it.calls + (wanted > 0 and 1 or 0) - (slice > 0 and 1 or 0)
  changed[i] = true
  if wanted > 0 then redis.call('HSET', KEYS[3], field, text(wanted) .. ' ' .. text(numbers[3])) else redis.call('HDEL', KEYS[3], field) end
  reply[i + 2] = {replied(wanted), sums(it), replied(share)}
end
write(step, accounts, changed, FIRST)
return reply
