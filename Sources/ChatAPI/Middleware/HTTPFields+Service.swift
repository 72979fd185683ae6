import HTTPTypes

extension HTTPFields {
    /// Keep browsers from guessing media types and from sending the URL elsewhere.
    private static let policies: [HTTPField] = [
        HTTPField(name: .xContentTypeOptions, value: "nosniff"),
        HTTPField(name: .referrerPolicy, value: "no-referrer"),
    ]
    private static let contentPolicy = HTTPField(
        name: .contentSecurityPolicy,
        value: "default-src 'none'; frame-ancestors 'none'"
    )
    private static let cachePolicy = HTTPField(name: .cacheControl, value: "no-store")

    /// Adds the headers of all responses.
    ///
    /// A response that sets its own content or cache policy, such as a static file, keeps it.
    mutating func addServiceFields(requestID: String) {
        reserveCapacity(count + 5)
        if !contains(.contentSecurityPolicy) {
            append(Self.contentPolicy)
        }
        if !contains(.cacheControl) {
            append(Self.cachePolicy)
        }
        append(contentsOf: Self.policies)
        append(HTTPField(name: .requestID, value: requestID))
    }
}
