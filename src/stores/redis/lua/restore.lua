-- Writes accounts as the ledger has them; while a store is made anew, and no step of any process passes.
--
-- KEYS[1] accounts, KEYS[2] faces, KEYS[3…] the accounts
-- ARGV[1] of each account endsAt and six numbers, as little-endian doubles; ARGV[2…] what each account is
for i = 3, #KEYS do
  local at = (i - 3) * 56
  local endsAt = struct.unpack('<d', string.sub(ARGV[1], at + 1, at + 8))
  redis.call('SET', KEYS[i], string.sub(ARGV[1], at + 9, at + 56))
  redis.call('ZADD', KEYS[1], endsAt, KEYS[i])
  redis.call('HSET', KEYS[2], KEYS[i], ARGV[i - 1])
end
return 1
