-- Triggers with an idempotency key each; prints the figures as one line of JSON.
-- Arguments: workflow, API key, tag of this load, body.
local number = 0

function init(args)
  path = "/v1/workflows/" .. args[1] .. "/trigger"
  headers = {["Authorization"] = "Bearer " .. args[2], ["Content-Type"] = "application/json"}
  tag = args[3]
  body = args[4]
end

function request()
  number = number + 1
  headers["Idempotency-Key"] = tag .. "-" .. number
  return wrk.format("POST", path, headers, body)
end

function done(summary, latency, requests)
  local errors = summary.errors
  local refused = errors.status + errors.connect + errors.read + errors.write + errors.timeout
  io.write(string.format(
    '\n{"rate": %.1f, "p50_ms": %.3f, "p99_ms": %.3f, "refused": %d}\n',
    (summary.requests - errors.status) / (summary.duration / 1e6),
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, refused))
end
