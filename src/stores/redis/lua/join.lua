-- Begins the steps of a process that looked at the store: those that it sent before on a connection that broke, and that come later,
-- are not done any more. Whoever asked for them has heard that it is unknown, and may have made them again in another way.
--
-- numbers: step, and where the process goes on: JOIN beyond all that it ever sent, so that a join which comes late leaves no gap
--
-- Replies {'joined', step}.
local stop, step = guard(redis.call('GET', KEYS[1]), redis.call('GET', KEYS[2]), true)
if stop then return stop end
step = math.max(step, numbers[2])
redis.call('SET', KEYS[2], text(step))
return {'joined', step}
