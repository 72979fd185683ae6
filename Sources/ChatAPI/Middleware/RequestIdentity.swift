import ChatIdentity
import Synchronization

/// Who makes a request, once its credential has been verified, and for which route.
///
/// All copies of the request's context share it: the middleware that writes the access log and counts requests has an
/// earlier copy than the handler.
final class RequestIdentity: Sendable {
    private let verified = Mutex<Credential?>(nil)
    private let matched = AtomicLazyReference<RouteMetrics>()

    /// Nil for a request without a credential.
    var credential: Credential? {
        get { verified.withLock(\.self) }
        set { verified.withLock { $0 = newValue } }
    }

    /// The metrics of the matched route, which can be set only once; nil if there is none.
    var route: RouteMetrics? {
        get { matched.load() }
        set { newValue.map { _ = matched.storeIfNil($0) } }
    }
}
