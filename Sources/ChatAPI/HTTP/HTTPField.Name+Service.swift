import HTTPTypes

extension HTTPField.Name {
    /// A second `Host`: the first one is the request's `authority`.
    static let furtherHost = constant("Host")
    static let idempotencyKey = constant("Idempotency-Key")
    static let idempotentReplayed = constant("Idempotent-Replayed")
    static let lastEventID = constant("Last-Event-ID")
    static let referrerPolicy = constant("Referrer-Policy")
    static let requestID = constant("X-Request-ID")
    /// Tells nginx to pass a stream on as it comes.
    static let xAccelBuffering = constant("X-Accel-Buffering")

    /// A name that is written in the program and known to be a token.
    private static func constant(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else {
            preconditionFailure("not a field name: \(name)")
        }
        return name
    }
}
