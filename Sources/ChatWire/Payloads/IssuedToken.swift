package import ChatDomain

/// A new token for a user.
package struct IssuedToken: JSONWritable {
    private let token: String
    private let expiresAt: Instant

    package init(_ token: String, expiresAt: Instant) {
        self.token = token
        self.expiresAt = expiresAt
    }

    /// Writes a `Token`.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("token", token)
            writer.member("expires_at", expiresAt)
        }
    }
}

extension JSONSchema {
    /// A new token for a user.
    package static let issuedToken = component(
        "Token",
        .object([.required("token", .string, "A JSON Web Token."), .required("expires_at", .instant)])
    )
}
