import HTTPTypes

extension HTTPField.Name {
    static let idempotencyKey = constant("Idempotency-Key")
    static let idempotentReplayed = constant("Idempotent-Replayed")
    static let referrerPolicy = constant("Referrer-Policy")
    static let requestID = constant("X-Request-ID")

    /// A name that is written in the program and known to be a token.
    private static func constant(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else {
            preconditionFailure("not a field name: \(name)")
        }
        return name
    }
}
