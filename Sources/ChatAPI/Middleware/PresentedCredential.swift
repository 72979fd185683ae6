import ChatIdentity
import HTTPTypes
import Hummingbird
import NIOCore

/// The credential of a request, not verified yet.
enum PresentedCredential {
    /// A token or a server key in `Authorization`.
    case bearer(String)
    /// A ticket in the query.
    case ticket(String)
    /// The tokens in cookies with the name of the session cookie, of which one may be valid.
    case session([String])

    /// The tokens and server keys, but not a ticket.
    var tokens: [String] {
        switch self {
        case .bearer(let text): [text]
        case .ticket: []
        case .session(let tokens): tokens
        }
    }
}

extension Request {
    /// The credential; nil without one.
    ///
    /// `Authorization` comes first, then a ticket, then the session cookie, which browsers add on their own.
    ///
    /// - Parameter acceptsTickets: Whether the request may have its credential in the query.
    func presentedCredential(
        _ mode: Authenticator.Mode,
        acceptsTickets: Bool
    ) throws(CredentialError) -> PresentedCredential? {
        if let bearer = try bearerCredential(mode) { return .bearer(bearer) }
        if acceptsTickets, method == .get, let ticket = queryParameter("ticket") { return .ticket(ticket) }
        guard headers.contains(.cookie) else { return nil }
        let tokens = sessionCookie.tokens(in: self)
        return tokens.isEmpty ? nil : .session(tokens)
    }

    /// The credential of `Authorization: Bearer CREDENTIAL`; nil without the header.
    ///
    /// In open mode, other schemes are ignored: a proxy may forward a password that it has checked.
    func bearerCredential(_ mode: Authenticator.Mode) throws(CredentialError) -> String? {
        let fields = headers[values: .authorization]
        guard let field = fields.first else { return nil }
        if mode == .open, !fields.contains(where: \.hasBearerScheme) { return nil }
        guard fields.count == 1, let credential = field.bearerCredential else { throw .tokenInvalid(.notBearer) }
        return credential
    }
}

/// The form of an `Authorization` field.
///
/// A field is scanned by bytes: by characters, a token takes microseconds.
extension String {
    /// Whether the field starts with the word `Bearer`, in any case.
    fileprivate var hasBearerScheme: Bool {
        var field = self
        return field.withUTF8 { $0.afterBearerScheme != nil }
    }

    /// What follows the word `Bearer` and spaces; nil if the field has another form.
    fileprivate var bearerCredential: String? {
        var field = self
        return field.withUTF8 { bytes in
            guard let rest = bytes.afterBearerScheme, rest.first == .space else { return nil }
            let credential = rest.drop { $0 == .space }
            return credential.contains(.space) ? nil : String(decoding: credential, as: UTF8.self)
        }
    }
}

extension UInt8 {
    fileprivate static let space = UInt8(ascii: " ")
}

extension UnsafeBufferPointer<UInt8> {
    /// What follows the word `Bearer`, in any case; nil if the bytes start differently.
    fileprivate var afterBearerScheme: SubSequence? {
        let scheme: StaticString = "bearer"
        let length = scheme.utf8CodeUnitCount
        // No other bytes are these letters with the bit that makes them lowercase.
        guard count >= length, (0..<length).allSatisfy({ self[$0] | 0x20 == scheme.utf8Start[$0] }) else { return nil }
        let rest = dropFirst(length)
        let isLongerWord = rest.first.map { 0x61...0x7A ~= $0 | 0x20 } ?? false
        return isLongerWord ? nil : rest
    }
}

extension Authenticator {
    /// Verifies the credential of a request; nil without one.
    ///
    /// A failure counts as a read of the client's address, and an address without any left cannot make the server verify
    /// another unknown token.
    ///
    /// - Parameters:
    ///   - context: Learns what a failure leaves of the quota.
    ///   - isRequired: Whether a request without a credential is rejected; by default, if the server requires one.
    ///   - acceptsTickets: Whether the request may have its credential in the query.
    /// - Throws: `CredentialError`, `ActAsError`, `APIError` and `StoreError`.
    func authenticate(
        _ request: Request,
        in context: ChatRequestContext,
        _ limits: RequestLimits,
        isRequired: Bool? = nil,
        acceptsTickets: Bool = false
    ) async throws -> Credential? {
        let client = RatedClient(nil, from: context.remoteAddress)
        do {
            if let presented = try request.presentedCredential(mode, acceptsTickets: acceptsTickets) {
                if case .bearer(let text) = presented, !request.headers.contains(.actAs),
                    let known = knownCredential(ofToken: text)
                {
                    return known
                }
                if presented.tokens.contains(where: isUnknownToken) {
                    try limits.admit(.reads, units: 0, by: client)
                }
                return try await authenticate(presented, of: request)
            }
            if isRequired ?? (mode == .required) { throw CredentialError.tokenMissing }
        } catch let error as CredentialError {
            context.rateUse = try limits.admit(.reads, by: client)
            throw error
        }
        guard !request.headers.contains(.actAs) else { throw ActAsError.notAllowed }
        return nil
    }

    /// Verifies the credential that a WebSocket's client sends in a message, with the same limits.
    func authenticate(
        _ text: String,
        from address: SocketAddress?,
        _ limits: RequestLimits
    ) async throws -> Credential {
        do {
            if isUnknownToken(text) {
                try limits.admit(.reads, units: 0, by: RatedClient(nil, from: address))
            }
            return try await authenticate(text)
        } catch let error as CredentialError {
            try limits.admit(.reads, by: RatedClient(nil, from: address))
            throw error
        }
    }

    /// Whether a credential is a token whose signature must be verified.
    private func isUnknownToken(_ text: String) -> Bool {
        !ServerKey.isCandidate(text) && knownCredential(ofToken: text) == nil
    }

    private func authenticate(_ presented: PresentedCredential, of request: Request) async throws -> Credential {
        let user = request.headers[.actAs]
        let credential: Credential
        switch presented {
        case .bearer(let text):
            return try await authenticate(text, actingAs: user)
        case .ticket(let text):
            credential = try await authenticate(ticket: text, for: request.uri.path)
        case .session(let tokens):
            if request.changesSomething {
                try request.sessionCookie.requireSameOrigin(request.head)
            }
            credential = try await authenticate(anyOf: tokens)
        }
        guard user == nil else { throw ActAsError.notAllowed }
        return credential
    }

    /// Returns the first credential that is valid, or throws the error of the last one.
    private func authenticate(anyOf tokens: [String]) async throws -> Credential {
        var failure = CredentialError.tokenMissing
        for token in tokens {
            do {
                return try await authenticate(token)
            } catch let error as CredentialError {
                failure = error
            }
        }
        throw failure
    }
}

extension Request {
    /// Whether the request is more than a read: an unsafe method (RFC 9110), or the start of a WebSocket.
    fileprivate var changesSomething: Bool {
        ![.get, .head, .options].contains(method) || headers.contains(.upgrade)
    }
}
