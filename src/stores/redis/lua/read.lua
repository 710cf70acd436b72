-- What stands in the stream behind a place, with the stream's epoch: both at one instant, since a store that is made anew
-- begins another stream.
--
-- KEYS[1] about, KEYS[2] stream; ARGV[1] the epoch of the place, ARGV[2] its id, ARGV[3] how many entries at most, ARGV[4] after
-- how many bytes it is enough: an entry may be of many calls
--
-- Replies {the epoch, or '' where there is none, the entries}.
local AT_ONCE = 20
local epoch = redis.call('HGET', KEYS[1], 'stream')
if not epoch then return {'', {}} end
local from = '-'
if epoch == ARGV[1] and ARGV[2] ~= '' then from = '(' .. ARGV[2] end
local countMax, bytesMax, entries, bytes = tonumber(ARGV[3]), tonumber(ARGV[4]), {}, 0
while #entries < countMax and bytes < bytesMax do
  local wanted = math.min(AT_ONCE, countMax - #entries)
  local read = redis.call('XRANGE', KEYS[2], from, '+', 'COUNT', wanted)
  for _, entry in ipairs(read) do
    entries[#entries + 1] = entry
    for _, value in ipairs(entry[2]) do bytes = bytes + #value end
  end
  if #read < wanted then break end
  from = '(' .. read[wanted][1]
end
return {epoch, entries}
