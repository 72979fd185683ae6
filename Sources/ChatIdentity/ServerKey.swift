package import ChatDomain
import Crypto
import FoundationEssentials

/// The credential of a team's own backend: `sk_<id>_<secret>`.
package struct ServerKey: Sendable {
    /// In characters; generated secrets have 43, which is 256 bits.
    package static let secretLengths = 32...128
    /// In characters.
    package static let maximumIDLength = 32
    /// A regular expression that matches exactly the valid ids.
    package static let idPattern = "^[A-Za-z0-9]{1,\(maximumIDLength)}$"

    /// Names the key in the database and in logs: ASCII letters and digits.
    package let id: String
    private let secret: String

    /// The complete key, shown only once, when it is created.
    package var text: String {
        "sk_\(id)_\(secret)"
    }

    /// The SHA-256 of the secret, which is what the database keeps.
    ///
    /// A fast hash suffices, because secrets are random.
    package var secretHash: [UInt8] {
        Array(digest)
    }

    /// The key as stores keep it.
    package func record(named name: String, _ scope: ServerKeyScope, createdAt: Instant) -> ServerKeyRecord {
        ServerKeyRecord(id: id, secretHash: secretHash, name: name, scope: scope, createdAt: createdAt)
    }

    private var digest: SHA256Digest {
        SHA256.hash(data: Data(secret.utf8))
    }

    /// Generates a key with a random id and secret.
    package init() {
        id = Self.random(from: "abcdefghijklmnopqrstuvwxyz0123456789", count: 12)
        secret = Self.random(
            from: "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
            count: 43
        )
    }

    /// Parses a key; returns nil if the text does not have its form.
    ///
    /// A secret consists of ASCII letters, digits, `-` and `_`.
    package init?(_ text: String) {
        let parts = text.split(separator: "_", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3, Self.isCandidate(text) else { return nil }
        guard Self.isID(parts[1]),
            Self.secretLengths.contains(parts[2].utf8.count),
            parts[2].utf8.allSatisfy({ $0.isASCIIAlphanumeric || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") })
        else { return nil }
        id = String(parts[1])
        secret = String(parts[2])
    }

    /// Whether a key could have this id.
    package static func isID(_ text: some StringProtocol) -> Bool {
        (1...maximumIDLength).contains(text.utf8.count) && text.utf8.allSatisfy(\.isASCIIAlphanumeric)
    }

    /// Whether a bearer credential looks like a server key rather than a token.
    package static func isCandidate(_ credential: some StringProtocol) -> Bool {
        credential.hasPrefix("sk_")
    }

    /// Compares the secret with a hash from the database, in constant time.
    package func matches(secretHash: [UInt8]) -> Bool {
        digest == secretHash
    }

    /// Uses Swift's default generator, which reads the kernel's (`getrandom`).
    private static func random(from alphabet: String, count: Int) -> String {
        let characters = Array(alphabet)
        return String((0..<count).map { _ in characters[.random(in: characters.indices)] })
    }
}

extension ServerKey: CustomStringConvertible, CustomReflectable {
    /// The key without its secret.
    package var description: String {
        "sk_\(id)_…"
    }

    package var customMirror: Mirror {
        Mirror(self, children: ["id": id])
    }
}

extension UInt8 {
    fileprivate var isASCIIAlphanumeric: Bool {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "a")...UInt8(ascii: "z"):
            true
        default: false
        }
    }
}
