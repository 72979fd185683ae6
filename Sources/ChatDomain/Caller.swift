/// The origin of a request.
///
/// Everything that depends on the caller takes it as a parameter: operations, writes, streams and caches.
package enum Caller: Hashable, Sendable {
    /// The request carried no credentials.
    case anonymous
}
