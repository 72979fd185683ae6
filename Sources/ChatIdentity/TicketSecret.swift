import Crypto
package import FoundationEssentials

/// Signs tickets.
///
/// A ticket is valid on every server that has the same secret.
package struct TicketSecret: Sendable {
    private let key: SymmetricKey

    /// Generates a secret, whose tickets end with this process.
    package init() {
        key = SymmetricKey(size: .bits256)
    }

    /// Derives the key from a secret that may also have other uses.
    ///
    /// - Parameter secret: At least 32 bytes.
    package init(derivedFrom secret: some ContiguousBytes) {
        key = HKDF<SHA256>.deriveKey(
            inputKeyMaterial: SymmetricKey(data: secret),
            info: Data("chat-api tickets".utf8),
            outputByteCount: 32
        )
    }

    func code(for text: String) -> Data {
        Data(HMAC<SHA256>.authenticationCode(for: Data(text.utf8), using: key))
    }

    /// Compares in constant time.
    func isValid(_ code: Data, for text: String) -> Bool {
        HMAC<SHA256>.isValidAuthenticationCode(code, authenticating: Data(text.utf8), using: key)
    }
}
