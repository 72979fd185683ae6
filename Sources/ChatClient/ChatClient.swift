import Foundation

/// Connects an application to the server. All streams share one connection, which exists while something is streamed.
///
/// Requests that read, and those that carry an idempotency key, are tried again until there is a response: cancel the
/// task to give up. Other requests are made once. If one of them fails with a temporary error, it may or may not have
/// been carried out.
public actor ChatClient {
    /// Returns a user's token, a server key, or nil for none.
    public typealias TokenCallback = @Sendable () async throws -> String?

    let transport: Transport
    let store: any ChatClientStore
    private let onStatus: @Sendable (ConnectionStatus) -> Void
    let onOutbox: @Sendable (PendingMessage) -> Void
    private(set) var isClosed = false
    public private(set) var status = ConnectionStatus.idle

    // Streaming
    var subscriptions = Subscriptions()
    // The status while something is streamed.
    private var connection = ConnectionStatus.connecting
    // What wakes the iterations that wait for an event.
    var waiters: [UUID: Promise<Void>] = [:]
    // Connects as long as something is wanted.
    var connecting: Task<Void, Never>?
    // The current connection. It is canceled when what is wanted has changed.
    var attempt: Task<Delay?, Never>?
    var backoff: Backoff
    // Whether a new token was tried since the last stream that caught up.
    var hasRenewedToken = false

    // Sending
    var outbox = Outbox()
    // The chats in which messages are on their way.
    var deliveries: [Int: Delivery] = [:]
    // Who we are, once a response has said it; the inner nil is an author that has no name.
    var author: String??
    // The open messages that are written now.
    var replies: [ReplyWriter] = []
    lazy var restoring = Task { try await restore() }
    // Ends when the store holds the outbox.
    var saving: Task<Void, any Error>?

    /// Sends what is unsent in the store.
    ///
    /// Nothing else happens until you ask for it.
    ///
    /// - Parameters:
    ///   - url: The server, such as `https://chat.example.com` or, behind a proxy, `https://example.com/chat`.
    ///   - token: Called when there is no token, when the token expires within 60 seconds, and when the server has
    ///     rejected it; never twice at once. If it throws, the client tries again later. Nil if the server is open.
    ///   - store: Keeps positions and unsent messages. The default keeps them in memory.
    ///   - minDelay: The longest wait before the second attempt to connect. It doubles with each attempt.
    ///   - maxDelay: The longest wait between attempts, unless the server asks for more.
    ///   - onStatus: Called with each new `status`, in order.
    ///   - onOutbox: Called with a message when it is stored for sending, sent or rejected.
    public init(
        url: String,
        token: TokenCallback? = nil,
        store: any ChatClientStore = MemoryStore(),
        minDelay: Duration = .milliseconds(500),
        maxDelay: Duration = .seconds(30),
        onStatus: @escaping @Sendable (ConnectionStatus) -> Void = { _ in },
        onOutbox: @escaping @Sendable (PendingMessage) -> Void = { _ in }
    ) {
        backoff = Backoff(minDelay: minDelay, maxDelay: maxDelay)
        transport = Transport(url: url, tokens: TokenSource(token), backoff: backoff)
        self.store = store
        self.onStatus = onStatus
        self.onOutbox = onOutbox
        Task { _ = await restoring.result }
    }

    /// Tells the client that the network is back: it tries again at once, unless the server has asked for more time.
    public func networkRestored() async {
        await transport.pauses.hurry()
    }

    /// Ends all streams and requests.
    ///
    /// Unsent messages stay in the store for the next client; here, they fail with `client_closed`.
    public func close() async {
        guard !isClosed else { return }
        isClosed = true
        subscriptions.end()
        wake()
        attempt?.cancel()
        report()
        for delivery in deliveries.values { delivery.request.cancel() }
        for reply in replies { reply.stop(.wasClosed) }
        await transport.close()
        // Whether that succeeds is of no interest anymore.
        _ = await saving?.result
        for pending in outbox.messages where pending.status == .pending { pending.fail(.wasClosed) }
    }

    /// Notes the state of the connection, and reports it if something is streamed.
    func report(_ state: ConnectionStatus? = nil) {
        if let state { connection = state }
        let visible = subscriptions.isEmpty ? .idle : connection
        guard visible != status else { return }
        status = visible
        onStatus(visible)
    }
}
