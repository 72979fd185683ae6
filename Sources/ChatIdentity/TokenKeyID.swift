import Crypto
import FoundationEssentials

/// Identifies a key by its parameters, so that it is the same on every server and after a restart; not the `kid`.
///
/// It reveals no more of a shared secret than a token that the secret signed.
package struct TokenKeyID: Hashable, Sendable {
    /// 16 hexadecimal digits.
    let text: String

    /// - Parameter parameters: All that decides whether a signature is valid; nil for a parameter that the key's type lacks.
    init(_ parameters: [String?]) {
        var hash = SHA256()
        for parameter in parameters {
            hash.update(data: Data("\(parameter?.utf8.count ?? -1):\(parameter ?? "")".utf8))
        }
        text = hash.finalize().prefix(8).map { byte in
            String(0x100 + UInt(byte), radix: 16).dropFirst()
        }.joined()
    }

    /// Reads the form of `text`.
    init(text: String) {
        self.text = text
    }
}
