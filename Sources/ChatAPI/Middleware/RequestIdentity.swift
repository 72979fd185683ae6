import ChatIdentity
import Synchronization

/// Who makes a request, once its credential has been verified, what is left of the client's quota, and for which route.
///
/// All copies of the request's context share it: the middleware that writes the access log and counts requests has an
/// earlier copy than the handler.
final class RequestIdentity: Sendable {
    private let state = Mutex<(credential: Credential?, rateUse: RateUse?)>((nil, nil))
    private let matched = AtomicLazyReference<RouteMetrics>()

    /// Nil for a request without a credential.
    var credential: Credential? {
        get { state.withLock { $0.credential } }
        set { state.withLock { $0.credential = newValue } }
    }

    /// Nil for a request without a limit.
    var rateUse: RateUse? {
        get { state.withLock { $0.rateUse } }
        set { state.withLock { $0.rateUse = newValue } }
    }

    /// The metrics of the matched route, which can be set only once; nil if there is none.
    var route: RouteMetrics? {
        get { matched.load() }
        set { newValue.map { _ = matched.storeIfNil($0) } }
    }
}
