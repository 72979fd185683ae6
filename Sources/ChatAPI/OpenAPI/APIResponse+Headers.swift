import ChatWire

/// The headers of responses.
extension APIResponse {
    static let requestID = header(
        "X-Request-ID",
        component: "RequestID",
        "Identifies the request in the server's log.",
        .string
    )

    static let eTag = header(
        "ETag",
        component: "ETag",
        "The message's revision in quotes.",
        ["type": "string", "pattern": "^\"[1-9][0-9]*(\\.[0-9]+)?\"$"],
        example: "\"1\""
    )

    static let idempotentReplayed = header(
        "Idempotent-Replayed",
        component: "IdempotentReplayed",
        "Marks a replayed response.",
        .constant("true")
    )

    static let retryAfter = header(
        "Retry-After",
        component: "RetryAfter",
        "How many seconds to wait before you retry.",
        .integer(from: 0)
    )

    static let rateLimit = header(
        "RateLimit",
        component: "RateLimit",
        "What is left of the quota, if there is one: `r` requests (bytes of text), and `t` seconds until there is one more.",
        .string,
        isRequired: false
    )

    static let rateLimitPolicy = header(
        "RateLimit-Policy",
        component: "RateLimitPolicy",
        "The quota from which the request takes, if there is one: `q` requests in `w` seconds.",
        .string,
        isRequired: false
    )

    static let wwwAuthenticate = header(
        "WWW-Authenticate",
        component: "WWWAuthenticate",
        "`Bearer`, with `error=\"invalid_token\"` if you sent a credential.",
        .string
    )

    static let setCookie = header(
        "Set-Cookie",
        component: "SetCookie",
        "Sets or removes the cookie with the token.",
        .string
    )

    static let noStore = header(
        "Cache-Control",
        component: "NoStore",
        "Keeps the response out of caches.",
        .constant("no-store")
    )

    /// A header that each response of this kind has.
    private static func header(
        _ name: String,
        component: String,
        _ description: String,
        _ schema: JSONSchema,
        isRequired: Bool = true,
        example: OpenAPIValue? = nil
    ) -> (String, OpenAPIValue) {
        var members: OpenAPIValue.Members = isRequired ? [("required", true)] : []
        members += [("description", .string(description)), ("schema", schema.value)]
        if let example { members.append(("example", example)) }
        return (name, .reference(.headers, component, .object(members)))
    }
}
