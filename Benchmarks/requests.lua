-- Spreads requests over chats and prints the result as a line of JSON.
--
--   wrk -s requests.lua URL -- METHOD PATH CHATS [BODY]
--
-- A %d in the path is replaced by a random chat, 1 to CHATS, for each request.

local prepared = {}

function init(arguments)
    math.randomseed(os.time())
    local method, path, chats, body = arguments[1], arguments[2], tonumber(arguments[3]), arguments[4]
    local headers = body and { ["Content-Type"] = "application/json" } or {}
    for chat = 1, chats do
        prepared[chat] = wrk.format(method, path:format(chat), headers, body)
    end
end

function request()
    return prepared[math.random(#prepared)]
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        '\n{"requests": %d, "microseconds": %d, "p50": %d, "p99": %d, "refused": %d, "broken": %d}\n',
        summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
        errors.status, errors.connect + errors.read + errors.write + errors.timeout))
end
