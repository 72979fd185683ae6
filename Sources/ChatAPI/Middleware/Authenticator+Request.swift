import ChatIdentity
import HTTPTypes
import Hummingbird

extension Authenticator {
    /// Verifies the credential of a request; nil without one in open mode.
    ///
    /// - Throws: `CredentialError`, `ActAsError` and `StoreError`.
    func authenticate(_ request: Request) async throws -> Credential? {
        guard let header = request.headers[.authorization] else {
            guard mode == .open else { throw CredentialError.tokenMissing }
            return nil
        }
        guard let bearer = header.bearerCredential else { throw CredentialError.tokenInvalid(.malformed) }
        return try await authenticate(bearer, actingAs: request.headers[.actAs])
    }
}

extension String {
    /// The credential of `Bearer CREDENTIAL`; nil for another scheme.
    fileprivate var bearerCredential: String? {
        let words = split(separator: " ", omittingEmptySubsequences: true)
        guard words.count == 2, words[0].lowercased() == "bearer" else { return nil }
        return String(words[1])
    }
}
