import Crypto

/// The SHA-256 of a token, which identifies it in caches and logs.
package struct TokenHash: Hashable, Sendable {
    private let digest: SHA256Digest

    package init(_ token: String) {
        var token = token
        digest = token.withUTF8 { bytes in
            var hash = SHA256()
            hash.update(bufferPointer: UnsafeRawBufferPointer(bytes))
            return hash.finalize()
        }
    }

    /// The last four hexadecimal digits, which is all that a log contains of a token.
    package var suffix: String {
        let end = digest.suffix(2).reduce(0) { $0 << 8 | Int($1) }
        return String(String(0x10000 + end, radix: 16).dropFirst())
    }
}
