import ChatIdentity
import NIOCore

/// Watches the credential of a connection until it expires or is revoked.
///
/// Confined to the event loop of the connection.
final class CredentialLifetime: NIOScheduledCallbackHandler {
    let credential: Credential
    private let authenticator: Authenticator
    private var onEnd: ((CredentialError) -> Void)?
    private var watch: CredentialWatch?
    private var timer: NIOScheduledCallback?

    init(of credential: Credential, _ authenticator: Authenticator) {
        self.credential = credential
        self.authenticator = authenticator
    }

    /// - Parameter onEnd: Called at most once, on the event loop, later than this call; it is retained until then or
    ///   until `cancel`.
    func start(on eventLoop: any EventLoop, onEnd: @escaping (CredentialError) -> Void) {
        self.onEnd = onEnd
        let loopBound = NIOLoopBound(self, eventLoop: eventLoop)
        watch = authenticator.watch(credential) { error in
            eventLoop.execute { loopBound.value.end(error) }
        }
        if let timeLeft = authenticator.timeLeft(of: credential) {
            // This throws only if the event loop is shut down, and then its channels are closed.
            timer = try? eventLoop.assumeIsolated().scheduleCallback(in: TimeAmount(timeLeft), handler: self)
        }
    }

    func cancel() {
        onEnd = nil
        watch = nil
        timer?.cancel()
        timer = nil
    }

    func handleScheduledCallback(eventLoop: some EventLoop) {
        end(.tokenExpired)
    }

    private func end(_ error: CredentialError) {
        let onEnd = onEnd
        cancel()
        onEnd?(error)
    }
}

extension CredentialError {
    /// The `reason` in an `unauthorized` notice.
    ///
    /// A credential that was valid becomes invalid only when it is revoked or its user is deactivated.
    var reasonOfEnd: String {
        switch self {
        case .tokenInvalid(.userDeactivated): "user_deactivated"
        case .tokenInvalid: "token_revoked"
        case .tokenMissing, .tokenExpired, .keyRevoked: code
        }
    }
}
