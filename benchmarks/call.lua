-- One request, over and over; the figures of the run as one line of JSON.
-- Arguments: the file that holds the body, then name and value of each header.
function init(args)
  local file = assert(io.open(args[1], "rb"))
  -- Added to, not replaced: Host is in there already.
  local headers = wrk.headers
  for i = 2, #args, 2 do
    headers[args[i]] = args[i + 1]
  end
  wrk.method = "POST"
  wrk.body = file:read("*a")
  file:close()
  one = wrk.format()
end

function request()
  return one
end

function done(summary, latency, _)
  local errors = summary.errors
  io.write(string.format(
    '{"calls":%d,"seconds":%.6f,"p50_ms":%.4f,"p99_ms":%.4f,"errors":%d}\n',
    summary.requests,
    summary.duration / 1e6,
    latency:percentile(50) / 1e3,
    latency:percentile(99) / 1e3,
    errors.connect + errors.read + errors.write + errors.status + errors.timeout
  ))
end
