import ChatWire

/// A place for the credential of a request, in the OpenAPI document.
enum SecurityScheme: String, CaseIterable {
    case bearer, cookie, ticket

    var value: OpenAPIValue {
        switch self {
        case .bearer:
            [
                "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
                "description": "A user's token, which your backend signs, or a server key: `sk_…`.",
            ]
        case .cookie:
            [
                "type": "apiKey", "in": "cookie", "name": "__Host-chat",
                "description": "The cookie that `POST /session` sets, for pages of the service's own origin.",
            ]
        case .ticket:
            [
                "type": "apiKey", "in": "query", "name": "ticket",
                "description": "A ticket for the path, which `POST /tickets` creates.",
            ]
        }
    }
}

extension Route {
    /// The alternatives of `security`.
    ///
    /// - Parameter isOptional: Whether requests without a credential are served too, where no server key is needed.
    func securityRequirements(isOptional: Bool) -> OpenAPIValue {
        let schemes: [SecurityScheme] =
            switch access {
            case .operator, .serverKey: [.bearer]
            default: isStream ? [.bearer, .cookie, .ticket] : [.bearer, .cookie]
            }
        let none: [OpenAPIValue] = isOptional && access != .serverKey ? [[:]] : []
        return .array(schemes.map { .object([($0.rawValue, .array([]))]) } + none)
    }
}
