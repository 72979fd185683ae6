import ChatDomain
import ChatIdentity
import Logging
import ServiceLifecycle

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
