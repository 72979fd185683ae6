import HTTPTypes

extension HTTPField.Name {
    /// The user in whose name a server key makes the request.
    static let actAs = constant("Act-As")
    /// A second `Host` header: the first one is the `authority` of the request.
    static let furtherHost = constant("Host")
    static let idempotencyKey = constant("Idempotency-Key")
    static let idempotentReplayed = constant("Idempotent-Replayed")
    static let lastEventID = constant("Last-Event-ID")
    static let rateLimit = constant("RateLimit")
    static let rateLimitPolicy = constant("RateLimit-Policy")
    static let referrerPolicy = constant("Referrer-Policy")
    static let requestID = constant("X-Request-ID")
    static let traceParent = constant("traceparent")
    /// Tells nginx not to buffer a stream.
    static let xAccelBuffering = constant("X-Accel-Buffering")

    /// Returns a name that is known to be valid.
    private static func constant(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else {
            preconditionFailure("not a field name: \(name)")
        }
        return name
    }
}
