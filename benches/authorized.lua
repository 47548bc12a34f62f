-- For wrk: sends the tokens of a file, one a line, in a circle and across all connections, from a given position on.
-- Says on stderr when it has read them. Ends its output with a line of JSON; times are in microseconds.

local requests = {}
local position

function init(arguments)
   for token in io.lines(arguments[1]) do
      wrk.headers["Authorization"] = "Bearer " .. token
      requests[#requests + 1] = wrk.format("GET", "/")
   end
   position = tonumber(arguments[2])
   io.stderr:write("ready\n")
end

function request()
   position = position % #requests + 1
   return requests[position]
end

function done(summary, latency)
   local errors = summary.errors
   local failed = errors.connect + errors.read + errors.write + errors.status + errors.timeout
   local form = '{"requests": %d, "duration": %d, "errors": %d, "p50": %d, "p99": %d, "max": %d}'
   local p50, p99 = latency:percentile(50), latency:percentile(99)
   print(form:format(summary.requests, summary.duration, failed, p50, p99, latency.max))
end
