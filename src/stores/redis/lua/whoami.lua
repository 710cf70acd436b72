-- Which run of which server holds the keys, and what time it is there.
--
-- KEYS[1] any of them
--
-- Replies {run id, milliseconds}.
local run = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local time = redis.call('TIME')
return {run, time[1] * 1000 + math.floor(time[2] / 1000)}
