import ChatDomain
import ChatIdentity
import ChatLive
import ChatPostgres
import ChatTestSupport
import PostgresClient

/// A store's authenticator, with credentials that it accepts.
struct TestAccess {
    static let secret = "a secret of more than thirty-two bytes"

    let store: any ServiceStore
    let verifier = TokenVerifier()
    let authenticator: Authenticator
    let signer: TokenSigner

    /// - Parameter pollInterval: How often to look for changes that no signal announced.
    init(
        _ store: any ServiceStore,
        _ mode: Authenticator.Mode = .required,
        pollInterval: Duration = .seconds(5)
    ) async throws {
        self.store = store
        verifier.replaceKeys(of: .secrets, with: [try await TokenKey(secret: Self.secret)])
        authenticator = Authenticator(mode, verifier, store, store.signals, pollInterval: pollInterval)
        signer = try await TokenSigner(secret: Self.secret)
    }

    /// Signs a token that was issued just now.
    func token(
        _ user: UserID = "ada",
        _ role: ApplicationRole = .user,
        grants: Grants = Grants(),
        lifetime: Duration = .seconds(3_600)
    ) async throws -> String {
        try await signer.token(for: user, role: role, grants: grants, lifetime: lifetime, at: .now())
    }

    /// Adds a server key to the store.
    func key(_ scope: ServerKeyScope) async throws -> String {
        try await store.addServerKey(scope).text
    }

    /// Runs a server that checks these credentials, and that can issue tokens.
    func withServer<Result: Sendable>(
        typing: TypingNotices = TypingNotices(),
        growth: GrowthNotices = GrowthNotices(),
        streamLimits: StreamLimits = StreamLimits(),
        deletionInterval: Duration = .seconds(30),
        documentationAssets: String = "public/docs",
        isolation: isolated (any Actor)? = #isolation,
        _ body: (HTTPTestClient) async throws -> Result
    ) async throws -> Result {
        try await ChatTestSupport.withServer(
            InterceptedStore(store),
            authenticator: authenticator,
            tokenSigner: signer,
            typing: typing,
            growth: growth,
            streamLimits: streamLimits,
            deletionInterval: deletionInterval,
            documentationAssets: documentationAssets,
            body
        )
    }
}

extension TestAccess {
    /// Runs a server on a new store that `prepare` has filled; only signals tell its streams of changes in time.
    static func withSignalledServer(
        on kind: StoreUnderTest,
        prepare: (any ServiceStore) async throws -> Void,
        _ body: (any ServiceStore, TestAccess, HTTPTestClient) async throws -> Void
    ) async throws {
        var limits = StreamLimits()
        limits.checkInterval = .seconds(3_600)
        try await kind.withStore { store in
            let access = try await TestAccess(store)
            try await prepare(store)
            try await access.withServer(streamLimits: limits) { client in try await body(store, access, client) }
        }
    }

    /// Runs a server with a store and an authenticator of its own, connected to the others on the database.
    static func withPeer(
        _ url: PostgresURL,
        _ streamLimits: StreamLimits = StreamLimits(),
        _ body: (TestAccess, HTTPTestClient) async throws -> Void
    ) async throws {
        let database = PostgresDatabase(PostgresConfiguration(url: url), poolSize: 4)
        let store = PostgresStore(database)
        let (typing, growth) = (TypingNotices(), GrowthNotices())
        let (connections, connection) = AsyncStream.makeStream(of: Void.self)
        let listener = store.signals.addListener { if $0 == .missed { connection.yield() } }
        let exchange = PostgresSignalExchange(database, store.signals, typing, growth) { _ in }
        let running = Task { await exchange.run() }
        // It is sent once the exchange listens.
        _ = await connections.first { _ in true }
        store.signals.removeListener(listener)
        // Only the signal can be in time.
        let access = try await TestAccess(store, pollInterval: .seconds(3_600))
        try await access.withServer(typing: typing, growth: growth, streamLimits: streamLimits) { client in
            try await body(access, client)
        }
        running.cancel()
        await running.value
        await database.close()
    }
}

extension HTTPTestClient {
    /// The header fields of a request with a credential.
    static func headers(as credential: String, _ others: [String: String] = [:]) -> [String: String] {
        others.merging(["Authorization": "Bearer \(credential)"]) { $1 }
    }

    /// Sends a request with a credential.
    ///
    /// - Parameter actingAs: The value of `Act-As`.
    func send(
        _ method: String,
        _ path: String,
        as credential: String,
        actingAs user: String? = nil,
        body: String? = nil
    ) async throws -> HTTPTestResponse {
        var headers = ["Authorization": "Bearer \(credential)"]
        headers["Act-As"] = user
        return try await send(method, path, headers: headers, body: body)
    }
}

extension HTTPTestResponse {
    /// The body with `T` in place of each instant.
    var textWithoutInstants: String {
        text.withoutInstants
    }
}

extension String {
    /// The text with `T` in place of each instant.
    var withoutInstants: String {
        replacing(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z/, with: "T")
    }
}
