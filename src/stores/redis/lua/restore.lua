-- Writes accounts as the ledger has them; while a store is made anew, and no step of any process passes.
--
-- KEYS[1] meta, KEYS[2] accounts, KEYS[3] faces, KEYS[4…] the accounts
-- ARGV[1] meta as the process left it: fails where another one makes the store anew by now
-- ARGV[2] of each account endsAt and six numbers, as little-endian doubles; ARGV[3…] what each account is
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return redis.error_reply('ERR another process makes the counters anew') end
for i = 4, #KEYS do
  local at = (i - 4) * 56
  local endsAt = struct.unpack('<d', string.sub(ARGV[2], at + 1, at + 8))
  redis.call('SET', KEYS[i], string.sub(ARGV[2], at + 9, at + 56))
  redis.call('ZADD', KEYS[2], endsAt, KEYS[i])
  redis.call('HSET', KEYS[3], KEYS[i], ARGV[i - 1])
end
return 1
