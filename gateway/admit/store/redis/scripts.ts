import { SLOTS } from '#core/limits/window';

import { Script } from './link.ts';

/*
 * A count is two keys. The first is a hash: `u<slot>` units used and `r<slot>` units set aside by slot; a period of the calendar has its own
 * keys and one slot, 0. The second is a sorted set of what is set aside: `<hold>:<slot>:<units>` by the moment it expires.
 *
 * A clock that is set back leaves slots of the future, which count for as long as they are within a window.
 */
const PRELUDE = `
local SLOTS = ${SLOTS}
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
-- Adding 0 turns -0 into 0.
local function int(n) return string.format('%.0f', n + 0) end
-- The client reads numbers that are close to 2^53 wrongly, and texts rightly.
local function out(n) return n > 9e15 and int(n) or n end
local function slot_at(slot_ms) return slot_ms > 0 and math.floor(now / slot_ms) or 0 end
local function counts_now(slot_ms, slot, ends)
  if slot_ms > 0 then return math.abs(slot_at(slot_ms) - slot) <= SLOTS end
  return now < ends
end
local function keep(key, slot_ms, ends)
  redis.call('PEXPIRE', key, int(slot_ms > 0 and math.ceil(slot_ms * (SLOTS + 2)) or ends - now + 1000))
end
-- Each slot's first units say how long the count is kept. A sum that is too large for Redis stays as it is.
local function add(key, field, units, slot_ms, ends)
  if redis.pcall('HINCRBY', key, field, int(units)) == units then keep(key, slot_ms, ends) end
end
local function give_back(key, slot, units)
  local left = tonumber(redis.call('HGET', key, 'r' .. int(slot)) or '0')
  if left > units then redis.call('HINCRBY', key, 'r' .. int(slot), int(-units))
  elseif left > 0 then redis.call('HDEL', key, 'r' .. int(slot)) end
end
local function read(key, holds, slot_ms)
  for _, member in ipairs(redis.call('ZRANGEBYSCORE', holds, '-inf', int(now), 'LIMIT', 0, 500)) do
    local slot, units = string.match(member, ':(%d+):(%d+)$')
    redis.call('ZREM', holds, member)
    give_back(key, tonumber(slot), tonumber(units))
  end
  local count = { used = 0, reserved = 0, slot = slot_at(slot_ms), at = {} }
  local fields = redis.call('HGETALL', key)
  for i = 1, #fields, 2 do
    local field = fields[i]
    local slot = tonumber(string.sub(field, 2))
    local units = tonumber(fields[i + 1])
    if math.abs(count.slot - slot) > SLOTS then redis.call('HDEL', key, field)
    else
      if string.byte(field) == 117 then count.used = count.used + units else count.reserved = count.reserved + units end
      count.at[slot] = (count.at[slot] or 0) + units
    end
  end
  return count
end
-- Milliseconds until enough units have come free by themselves; 0: nothing is counted.
local function frees_in(count, enough, slot_ms, ends)
  if count.used + count.reserved == 0 then return 0 end
  if slot_ms == 0 then return math.max(0, ends - now) end
  local freed = 0
  for slot = count.slot - SLOTS, count.slot + SLOTS do
    freed = freed + (count.at[slot] or 0)
    if freed > 0 and freed >= enough then return math.max(0, math.ceil((slot + SLOTS + 1) * slot_ms - now)) end
  end
  return 0
end
`;

/**
 * Keys: two for each count. Arguments: id of the hold, ms until it expires; for each count slotMs, start, end, limit, amount, least, mode.
 * Mode 0 refuses below `least`; 1 counts only (shadow); 2 takes the `least`-th part of what is left, up to the amount, and refuses nothing.
 *
 * Answers [1 admitted | 0 refused, now, refused by, ms to wait | -1 never], then for each count granted, slot, used, reserved, ms to reset.
 * Where Redis' time lies in another period of the calendar than was asked for: [2, now].
 */
export const RESERVE = new Script(`${PRELUDE}
local n = #KEYS / 2
local charges, counts = {}, {}
for i = 1, n do
  local a = 2 + (i - 1) * 7
  local c = { key = KEYS[2 * i - 1], holds = KEYS[2 * i], slot_ms = tonumber(ARGV[a + 1]), ends = tonumber(ARGV[a + 3]),
    limit = tonumber(ARGV[a + 4]), amount = tonumber(ARGV[a + 5]), least = tonumber(ARGV[a + 6]), mode = ARGV[a + 7] }
  if c.slot_ms == 0 and (now < tonumber(ARGV[a + 2]) or now >= c.ends) then return { 2, now } end
  charges[i] = c
end
local refused, longest = -1, -2
for i, c in ipairs(charges) do
  local count = counts[c.key] or read(c.key, c.holds, c.slot_ms)
  counts[c.key] = count
  local left = math.max(0, c.limit - count.used - count.reserved)
  c.count = count
  c.granted = c.amount
  if c.mode == '2' then c.granted = math.min(c.amount, math.floor(left / c.least))
  elseif c.mode == '0' then
    local wanted = math.max(c.least, 1)
    c.granted = math.min(c.amount, left)
    if left < wanted then
      c.granted = 0
      local wait = -1
      if wanted <= c.limit then wait = frees_in(count, count.used + count.reserved + wanted - c.limit, c.slot_ms, c.ends) end
      if refused == -1 or (longest ~= -1 and (wait == -1 or wait > longest)) then refused, longest = i - 1, wait end
    end
  end
  count.reserved = count.reserved + c.granted
  count.at[count.slot] = (count.at[count.slot] or 0) + c.granted
end
if refused ~= -1 then
  for _, c in ipairs(charges) do
    c.count.reserved = c.count.reserved - c.granted
    c.count.at[c.count.slot] = c.count.at[c.count.slot] - c.granted
    c.granted = 0
  end
end
local reply = { refused == -1 and 1 or 0, now, refused, longest }
for i, c in ipairs(charges) do
  if refused == -1 and (c.granted > 0 or c.mode ~= '2') then
    if c.granted > 0 then add(c.key, 'r' .. int(c.count.slot), c.granted, c.slot_ms, c.ends) end
    redis.call('ZADD', c.holds, int(now + tonumber(ARGV[2])), ARGV[1] .. '.' .. (i - 1) .. ':' .. int(c.count.slot) .. ':' .. int(c.granted))
    keep(c.holds, c.slot_ms, c.ends)
  end
  local r = 4 + (i - 1) * 5
  reply[r + 1] = out(c.granted)
  reply[r + 2] = c.count.slot
  reply[r + 3] = out(c.count.used)
  reply[r + 4] = out(c.count.reserved)
  reply[r + 5] = frees_in(c.count, 1, c.slot_ms, c.ends)
end
return reply`);

/**
 * Keys: two for each count. Arguments: for each count slotMs, end.
 * Answers now, then for each count used, reserved, ms to reset.
 */
export const READ = new Script(`${PRELUDE}
local reply = { now }
for i = 1, #KEYS / 2 do
  local slot_ms, ends = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  local count = read(KEYS[2 * i - 1], KEYS[2 * i], slot_ms)
  local r = 1 + (i - 1) * 3
  reply[r + 1] = out(count.used)
  reply[r + 2] = out(count.reserved)
  reply[r + 3] = frees_in(count, 1, slot_ms, ends)
end
return reply`);

/**
 * Replaces what was set aside. A batch has a number, and one that is not above the last of its process was there before and changes nothing.
 *
 * Keys: that of the process's last number; two for each count. Arguments: number of the batch, ms that the number is kept; for each count the
 * member to take out (empty: none), the one to put in its place (empty: none), slotMs, slot, end, units to give back, units used.
 * A member that has expired gives nothing back again, and none takes its place; what was used is charged all the same.
 * Answers the indices of those that could not be charged, as another has written something else there: the rest counts.
 */
export const SETTLE = new Script(`${PRELUDE}
if tonumber(redis.call('GET', KEYS[1]) or '0') >= tonumber(ARGV[1]) then return {} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local function settle(i)
  local key, holds = KEYS[2 * i], KEYS[2 * i + 1]
  local a = 2 + (i - 1) * 7
  local member, successor, slot_ms, slot = ARGV[a + 1], ARGV[a + 2], tonumber(ARGV[a + 3]), tonumber(ARGV[a + 4])
  local ends, back, used = tonumber(ARGV[a + 5]), tonumber(ARGV[a + 6]), tonumber(ARGV[a + 7])
  local expires = member ~= '' and redis.call('ZSCORE', holds, member)
  if expires then redis.call('ZREM', holds, member) end
  if counts_now(slot_ms, slot, ends) then
    if used > 0 then add(key, 'u' .. int(slot), used, slot_ms, ends) end
    if expires then give_back(key, slot, back) end
    if expires and successor ~= '' then
      redis.call('ZADD', holds, expires, successor)
      keep(holds, slot_ms, ends)
    end
  end
end
local failed = {}
for i = 1, (#KEYS - 1) / 2 do
  if not pcall(settle, i) then failed[#failed + 1] = i - 1 end
end
return failed`);

/** Keys: the second one of counts. Arguments: ms until holds expire, the member of each. Answers for each whether it was still there. */
export const RENEW = new Script(`
local clock = redis.call('TIME')
local now = clock[1] * 1000 + math.floor(clock[2] / 1000)
local reply = {}
for i = 1, #KEYS do
  local expires = redis.call('ZSCORE', KEYS[i], ARGV[i + 1])
  reply[i] = expires and tonumber(expires) > now and 1 or 0
  if reply[i] == 1 then redis.call('ZADD', KEYS[i], 'XX', string.format('%.0f', now + tonumber(ARGV[1])), ARGV[i + 1]) end
end
return reply`);
