import ChatIdentity
import Synchronization

/// Who makes a request, once its credential has been verified.
///
/// All copies of the request's context share it: the middleware that writes the access log has an earlier copy than the
/// handler.
final class RequestIdentity: Sendable {
    private let verified = Mutex<Credential?>(nil)

    /// Nil for a request without a credential.
    var credential: Credential? {
        get { verified.withLock(\.self) }
        set { verified.withLock { $0 = newValue } }
    }
}
