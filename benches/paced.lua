-- For wrk: as authorized.lua, but each connection pauses before each request, so that Envoy's workers are seldom busy and a
-- long wait is one that something else has caused. `LUA_PATH` has to lead here.

require("authorized")

local PAUSE_MILLISECONDS = 4

function delay()
   return PAUSE_MILLISECONDS
end
