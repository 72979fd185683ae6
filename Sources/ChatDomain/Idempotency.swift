/// What tells a repeated request from a new one, and from another one under the same key.
package struct Idempotency: Hashable, Sendable {
    package let key: IdempotencyKey
    /// Equal for equal requests, for as long as the key is kept.
    package let fingerprint: Int64

    /// - Parameter content: All that the request would write.
    package init(key: IdempotencyKey, content: String) {
        var hash = StableHash()
        hash.combine(content)
        self.key = key
        fingerprint = Int64(bitPattern: hash.value)
    }
}
