-- Latches what accounts have crossed, where a settlement could not judge it by the newest budgets.
--
-- KEYS[3] crossed, KEYS[4…] the accounts
-- ARGV[4] version, ARGV[5] now; then for each account: limit, the shares that alert (ascending, joined by blanks)
--
-- Replies {'judged', step}; {'outdated', step}.
local stop, _, version, step = guard()
if stop then return stop end
if version ~= ARGV[4] then return {'outdated', step} end
for i = 4, #KEYS do
  local it = account(KEYS[i])
  local at = 6 + (i - 4) * 2
  if it then cross(KEYS[i], it, tonumber(ARGV[at]), ARGV[at + 1], KEYS[3], ARGV[5]) end
end
return {'judged', step}
