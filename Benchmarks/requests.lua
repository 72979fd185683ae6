-- Spreads requests over chats and prints the result as a line of JSON.
--
--   wrk -s requests.lua URL -- METHOD PATH CHATS BODY TOKEN
--
-- A %d in the path is replaced by a random chat, 1 to CHATS, for each request. BODY and TOKEN may be empty.

local prepared = {}

function init(arguments)
    math.randomseed(os.time())
    local method, path, chats, body, token = arguments[1], arguments[2], tonumber(arguments[3]), arguments[4], arguments[5]
    local headers = {}
    if body ~= "" then headers["Content-Type"] = "application/json" end
    if token ~= "" then headers["Authorization"] = "Bearer " .. token end
    for chat = 1, chats do
        prepared[chat] = wrk.format(method, path:format(chat), headers, body ~= "" and body or nil)
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
