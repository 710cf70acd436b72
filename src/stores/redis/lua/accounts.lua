-- What stands in accounts.
--
-- KEYS[1] faces, KEYS[2…] the accounts
--
-- Replies, of each account, what it is and its sums; 0 and 0 where it is not open.
local rows = redis.call('MGET', unpack(KEYS, 2))
local reply, n = {}, 0
for i, row in ipairs(rows) do
  reply[n + 1] = row and redis.call('HGET', KEYS[1], KEYS[i + 1]) or 0
  reply[n + 2] = row and sums(account(row)) or 0
  n = n + 2
end
return reply
