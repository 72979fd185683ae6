package import ChatDomain

/// What a caller can learn about its own credential.
package struct CallerDescription: JSONWritable {
    /// Nil without a user.
    private let user: User?
    private let rights: AccessRights
    private let scope: ServerKeyScope?
    private let expiresAt: Instant?

    /// - Parameters:
    ///   - user: The user in whose name the caller makes requests.
    ///   - scope: That of a server key.
    ///   - expiresAt: When the credential ends; nil for never.
    package init(user: User?, rights: AccessRights, scope: ServerKeyScope?, expiresAt: Instant?) {
        self.user = user
        self.rights = rights
        self.scope = scope
        self.expiresAt = expiresAt
    }

    /// Writes a `Caller`, with null for what there is not.
    package func write(to writer: inout JSONWriter) {
        writer.object { writer in
            writer.member("user", user)
            writer.member("role", rights.applicationRole?.rawValue)
            writer.member("scope", scope?.text)
            writer.member("expires_at", expiresAt)
        }
    }
}

extension JSONSchema {
    /// A user's role in the application.
    package static let applicationRole = values(of: ApplicationRole.self, named: "ApplicationRole")

    /// The caller of a request.
    package static let caller = component(
        "Caller",
        .object([
            .required("user", .anyOf(.user, .null), "Null for a caller who is no user."),
            .required(
                "role",
                .anyOf(.applicationRole, .null),
                "The role in the application. Null for a server key that acts as no user."
            ),
            .required(
                "scope",
                .anyOf(.serverKeyScope, .null),
                "A server key's scope. Null for other callers."
            ),
            .required("expires_at", .anyOf(.instant, .null), "When the credential expires. Null for never."),
        ])
    )
}
