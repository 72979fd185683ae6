/// Who makes a request.
///
/// Whatever depends on the caller takes it explicitly: operations, drafts, log requests, streams and caches.
package enum Caller: Hashable, Sendable {
    /// No credential was sent.
    case anonymous
}
