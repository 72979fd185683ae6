import ChatDomain
import ChatIdentity
import Logging
import ServiceLifecycle

extension Authenticator {
    /// Makes a change of access apply to the next request, before the response to the one that made it.
    ///
    /// The change is on disk. If it cannot be read now, the store's signal has it read later.
    func applyChangeOfAccess() async {
        try? await refresh()
    }
}

/// Keeps what the authenticator knows of users and server keys current until shutdown.
struct AuthenticatorService: Service {
    let authenticator: Authenticator
    let logger: Logger

    func run() async {
        await cancelWhenGracefulShutdown { [authenticator, logger] in
            await authenticator.run { error in
                logger.warning("Cannot read changes of access", metadata: ["reason": "\(error.reason)"])
            }
        }
    }
}
