-- Opens an account at zero, where it is not open.
--
-- KEYS[3] accounts, KEYS[4] stream, KEYS[5] the account
-- ARGV[4] version, ARGV[5] endsAt, ARGV[6] what the account is, ARGV[7] the record's text
--
-- Replies {'open', step}; {'outdated', step}: by the newest budgets, which know what was closed, it may not exist.
local stop, _, version, step = guard()
if stop then return stop end
if version ~= ARGV[4] then return {'outdated', step} end
if redis.call('EXISTS', KEYS[5]) == 1 then return {'open', step} end
redis.call('HSET', KEYS[5], 'u', '0', 'h', '0', 'n', '0', 'g', '0', 'o', '0', 'a', '0', 's', ARGV[6])
redis.call('ZADD', KEYS[3], ARGV[5], KEYS[5])
redis.call('XADD', KEYS[4], '*', 'l', ARGV[7])
return {'open', step}
