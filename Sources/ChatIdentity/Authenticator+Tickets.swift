import ChatDomain

extension Authenticator {
    /// Makes a ticket with which requests for a path have the rights of a credential.
    ///
    /// It ends with the credential, and after `Ticket.maximumLifetime`.
    ///
    /// - Parameter path: As in requests, without a query.
    /// - Throws: `StoreError` if the store is needed and does not answer.
    package func ticket(for path: String, with credential: Credential) async throws -> Ticket {
        let secret = try await ticketSecret()
        let now = now()
        let latest = now.advanced(by: Ticket.maximumLifetime)
        let end = credential.expiresAt.map { min($0, latest) } ?? latest
        var content = Ticket.Content(exp: end.microsecondsSinceEpoch, sub: credential.caller.author?.value)
        switch credential.key {
        case .token(let id):
            content.tokenKey = id.text
            content.iat = credential.issuedAt?.microsecondsSinceEpoch
            if case .user(let role, let grants) = credential.caller.rights {
                content.role = role.rawValue
                content.grants = grants.claim
            }
        case .server(let id):
            content.key = id
            content.iat = now.microsecondsSinceEpoch
        }
        return try Ticket(content, for: path, secret)
    }

    /// Verifies the ticket of a request.
    ///
    /// It is void once the credential with which it was made is, or once the tokens of its user are.
    ///
    /// - Throws: `CredentialError`, or `StoreError` if the store is needed and does not answer.
    package func authenticate(ticket text: String, for path: String) async throws -> Credential {
        guard let content = Ticket.content(of: text, for: path, try await ticketSecret()) else {
            throw CredentialError.tokenInvalid(.invalidTicket)
        }
        let expiresAt = Instant(microsecondsSinceEpoch: content.exp)
        guard now() < expiresAt else { throw CredentialError.tokenExpired }
        let issuedAt = content.iat.map(Instant.init(microsecondsSinceEpoch:))
        let version = accessVersion
        let key = try key(of: content)
        let caller = try await caller(of: content)
        if let user = caller.author {
            try await requireValidTokens(of: user, issuedAt: issuedAt)
        }
        return Credential(
            caller: caller,
            source: .ticket(TokenHash(text), key),
            issuedAt: issuedAt,
            expiresAt: expiresAt,
            version: version
        )
    }

    /// The key of the credential with which a ticket was made.
    private func key(of content: Ticket.Content) throws(CredentialError) -> Credential.Key {
        if let id = content.key { return .server(id) }
        guard let id = content.tokenKey.map(TokenKeyID.init(text:)), verifier.keyIDs.contains(id) else {
            throw .tokenInvalid(.unknownKey)
        }
        return .token(id)
    }

    private func caller(of content: Ticket.Content) async throws -> Caller {
        if let key = content.key {
            guard let record = try await record(ofKey: key) else {
                throw CredentialError.tokenInvalid(.unknownServerKey)
            }
            let isBot = content.sub == record.scope.bot?.value
            return try await caller(with: record, actingAs: isBot ? nil : content.sub)
        }
        guard let user = content.sub.flatMap({ UserID($0) }),
            let role = content.role.flatMap({ ApplicationRole(rawValue: $0) }),
            let grants = Grants(claim: content.grants ?? [:])
        else { throw CredentialError.tokenInvalid(.invalidTicket) }
        return Caller(author: user, rights: .user(role, grants))
    }
}
