import Crypto
import FoundationEssentials

/// Signs tickets.
///
/// A ticket is valid on every server that has the same secret.
struct TicketSecret: Sendable {
    private let key: SymmetricKey

    init(_ secret: some ContiguousBytes) {
        key = SymmetricKey(data: secret)
    }

    func code(for text: String) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key))
    }

    /// Compares in constant time.
    func isValid(_ code: Data, for text: String) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Data(text.utf8), using: key)
    }
}
