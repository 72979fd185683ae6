import ChatAPI
import ChatDomain
import ChatIdentity
import Foundation
import Logging
import ServiceLifecycle
import Synchronization

/// The configured mode and keys, validated before the database is opened.
struct AccessControl {
    /// Signs with the first shared secret; nil if there is none.
    let tokenSigner: TokenSigner?
    private let setting: AccessSetting
    private let host: String
    private let environmentKey: ServerKey?
    private let verifier: TokenVerifier
    private let keyFile: KeyFile?
    private let keySetAddress: KeySetAddress?
    /// Whether there are keys besides those in the database.
    private let hasKeySources: Bool

    /// - Throws: `SettingError`, or `CommandError` if the key file cannot be used.
    init(_ settings: SettingsReader) async throws {
        setting = try settings.value(Settings.auth)
        host = try settings.value(Settings.host)
        environmentKey = try settings.value(Settings.serverKey)
        let rules = try TokenRules(settings)
        verifier = TokenVerifier(rules)
        keySetAddress = try settings.value(Settings.jwksURL)
        let secrets = try settings.value(Settings.jwtSecrets) ?? []
        var keys: [TokenKey] = []
        for secret in secrets {
            keys.append(try await TokenKey(secret: secret))
        }
        verifier.replaceKeys(of: .secrets, with: keys)
        tokenSigner =
            if let secret = secrets.first {
                try await TokenSigner(secret: secret, rules)
            } else {
                nil
            }
        keyFile = try settings.value(Settings.jwtKeys).map { [verifier] in KeyFile(path: $0, verifier) }
        hasKeySources = environmentKey != nil || !keys.isEmpty || keyFile != nil || keySetAddress != nil
        do throws(KeySourceError) {
            try await keyFile?.load()
        } catch {
            throw CommandError("\(error) (see \(settings.name(of: Settings.jwtKeys)))")
        }
    }

    /// Fetches the keys of the JWKS URL and decides whether requests need a credential.
    ///
    /// - Returns: The authenticator, and the services that keep its keys current.
    /// - Throws: `CommandError` if anyone on the network could use the server without having been allowed to.
    func makeAuthenticator(_ store: some ServiceStore, logger: Logger) async throws -> (Authenticator, [any Service]) {
        let storedKeys = try await store.serverKeys()
        let mode = try mode(hasStoredKeys: !storedKeys.isEmpty)
        if mode == .open, !Authority.isLoopback(host) {
            logger.warning(
                "Anyone who can reach \(host) can read and write every chat: remove --\(Settings.auth.flag) open"
            )
        }
        if mode == .required, !hasKeySources, storedKeys.allSatisfy({ $0.revokedAt != nil }) {
            logger.warning("There is no key, so no credential is valid: \(Self.waysToConfigureKeys)")
        }
        var services: [any Service] = []
        var onUnknownKey: (@Sendable () async -> Void)?
        if let keyFile {
            let log = KeySourceLog(logger: logger, hasKeys: true)
            services.append(KeySourceService { await keyFile.run { log.report($0) } })
        }
        if let keySetAddress {
            let log = KeySourceLog(logger: logger, hasKeys: false)
            let keySet = KeySetURL(
                keySetAddress,
                verifier,
                certificateAuthorities: ProcessInfo.processInfo.environment["SSL_CERT_FILE"]
            ) { log.report($0) }
            await keySet.refresh()
            services.append(KeySourceService { await keySet.run() })
            onUnknownKey = { await keySet.refresh() }
        }
        let authenticator = Authenticator(
            mode,
            verifier,
            store,
            store.signals,
            environmentKey: environmentKey,
            onUnknownKey: onUnknownKey
        )
        try await authenticator.refresh()
        return (authenticator, services)
    }

    private static let waysToConfigureKeys = """
        run chat-api key create, or set \(Settings.jwtSecrets.variable), \(Settings.serverKey.variable), \
        --\(Settings.jwtKeys.flag) or --\(Settings.jwksURL.flag)
        """

    /// - Parameter hasStoredKeys: Whether the database has a server key; revoked ones count, so that revoking the last
    ///   one never opens the server.
    private func mode(hasStoredKeys: Bool) throws(CommandError) -> Authenticator.Mode {
        let hasKeys = hasKeySources || hasStoredKeys
        guard hasKeys || Authority.isLoopback(host) || setting == .open else {
            throw CommandError(
                """
                cannot listen on \(host) without keys: configure keys (\(Self.waysToConfigureKeys)), listen on a \
                loopback address (--\(Settings.host.flag) 127.0.0.1), or let anyone read and write \
                (--\(Settings.auth.flag) open)
                """
            )
        }
        switch setting {
        case .open: return .open
        case .required: return .required
        case .auto: return hasKeys ? .required : .open
        }
    }
}

extension Authenticator.Mode {
    /// For the log, when the server starts.
    var summary: String {
        switch self {
        case .open: "open, anyone may read and write"
        case .required: "credentials required"
        }
    }
}

/// Logs changes of the keys of one source.
private final class KeySourceLog: Sendable {
    private let logger: Logger
    private let hasKeys: Atomic<Bool>

    /// - Parameter hasKeys: Whether the source has already given keys.
    init(logger: Logger, hasKeys: Bool) {
        self.logger = logger
        self.hasKeys = Atomic(hasKeys)
    }

    func report(_ event: KeySourceEvent) {
        switch event {
        case .replaced(let source, let count):
            hasKeys.store(true, ordering: .relaxed)
            logger.notice("Using the keys in \(source)", metadata: ["keys": .stringConvertible(count)])
        case .failed(let error):
            let state = hasKeys.load(ordering: .relaxed) ? "Still using the previous keys" : "Will retry"
            logger.warning("\(state): \(error)")
        }
    }
}

/// Keeps keys current until shutdown.
private struct KeySourceService: Service {
    let body: @Sendable () async -> Void

    func run() async {
        await cancelWhenGracefulShutdown(body)
    }
}
