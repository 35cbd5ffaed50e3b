-- What wrk sends: jobs of the no-op connector, each under a key of its own. Arguments: the URL's
-- path, the API key, the Idempotency-Keys' prefix, the body.

local threads = 0

function setup(thread)
    thread:set("number", threads)
    threads = threads + 1
end

function init(args)
    local path, key, prefix, body = args[1], args[2], args[3], args[4]
    local mark = "{KEY}"
    -- Laid out once: building each request anew would cost the client more than the server.
    local text = wrk.format("POST", path, {
        ["Authorization"] = "Bearer " .. key,
        ["Content-Type"] = "application/json",
        ["Idempotency-Key"] = mark,
    }, body)
    local at = text:find(mark, 1, true)
    head = text:sub(1, at - 1) .. prefix .. "-" .. number .. "-"
    tail = text:sub(at + #mark)
    count = 0
end

function request()
    count = count + 1
    return head .. count .. tail
end

function done(summary, latency)
    local errors = summary.errors
    io.write(string.format(
        'RESULT {"requests": %d, "us": %d, "refused": %d, "failed": %d, "p50_us": %d, "p99_us": %d}\n',
        summary.requests, summary.duration, errors.status,
        errors.connect + errors.read + errors.write + errors.timeout,
        latency:percentile(50), latency:percentile(99)))
end
