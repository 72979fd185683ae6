import ChatDomain
import ChatTestSupport
import ChatWebhooks
import HTTPTypes
import Hummingbird
import Logging
import Synchronization
import Testing

/// A dispatcher whose clock is ahead of the system's by as much as a test says.
struct Deliveries: Sendable {
    let dispatcher: any DispatcherUnderTest
    private let activities = Recorder<WebhookActivity>()
    private let lead = Lead()

    init(_ store: some ChatStore & MemberStore & WebhookStore, holder: String = "a", connected: Set<UserID> = []) {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        dispatcher = WebhookDispatcher(
            store,
            holder: holder,
            leaseDuration: .seconds(3_600),
            rules: .any,
            schedule: DeliverySchedule(jitter: { 1 }),
            now: { [lead] in lead.now },
            connectedUsers: { connected },
            onDelivery: activities.append,
            logger: logger
        )
    }

    /// Runs the dispatcher during `body`; without its ticks, so that nothing depends on time.
    func run(_ body: (Self) async throws -> Void) async throws {
        await dispatcher.start()
        do {
            try await body(self)
        } catch {
            await dispatcher.stop()
            throw error
        }
        await dispatcher.stop()
    }

    /// Waits for the next outcome that is stored.
    func next() async throws -> WebhookActivity {
        try #require(await activities.next())
    }

    /// Waits until so many entries were accepted.
    func wait(untilEntries count: Int) async throws {
        while activities.all.filter({ $0.result == .delivered }).map(\.entryCount).reduce(0, +) < count {
            _ = try await next()
        }
    }

    /// Moves the clock, and lets the dispatcher look at everything.
    func advance(by duration: Duration) async {
        lead.value.withLock { $0 += duration }
        await dispatcher.renew()
        for _ in 0..<5 {
            await dispatcher.tick()
        }
    }
}

/// A dispatcher of any store.
protocol DispatcherUnderTest: Sendable {
    func start() async
    func renew() async
    func tick() async
    func stop() async
    func test(_ webhook: Webhook, as trace: TraceParent?) async -> WebhookTestResult
    func noticeTrace(_ trace: TraceParent, of chat: ChatID, at position: Position)
}

extension WebhookDispatcher: DispatcherUnderTest {}

private final class Lead: Sendable {
    let value = Mutex(Duration.zero)

    var now: Instant {
        Instant.now().advanced(by: value.withLock(\.self))
    }
}

/// Responses in order; after the last one, 200.
final class Responses: Sendable {
    private let rest: Mutex<[Response]>

    init(_ responses: [Response]) {
        rest = Mutex(responses)
    }

    func next() -> Response {
        rest.withLock { $0.isEmpty ? Response(.ok) : $0.removeFirst() }
    }
}

/// Makes callers wait until it is opened.
final class Gate: Sendable {
    private let state = Mutex<(isOpen: Bool, waiting: [CheckedContinuation<Void, Never>])>((false, []))

    func wait() async {
        await withCheckedContinuation { continuation in
            let isOpen = state.withLock { state in
                if !state.isOpen {
                    state.waiting.append(continuation)
                }
                return state.isOpen
            }
            if isOpen { continuation.resume() }
        }
    }

    func open() {
        let waiting = state.withLock { state in
            defer { state = (true, []) }
            return state.waiting
        }
        for continuation in waiting {
            continuation.resume()
        }
    }
}

extension WebhookStore {
    /// Creates a webhook that is delivered to a receiver.
    func createWebhook(
        to receiver: Receiver,
        path: String = "/hook",
        types: Set<WebhookEventType>? = nil,
        withOffline: Bool = false
    ) async throws -> Webhook {
        try await createWebhook(
            WebhookDraft(
                url: try #require(WebhookURL("http://127.0.0.1:\(receiver.port)\(path)")),
                types: types,
                withOffline: withOffline,
                secret: .random()
            )
        )
    }
}

extension ReceivedRequest {
    /// The signature that the request should have.
    func signature(with secret: WebhookSecret) -> String {
        let timestamp = HTTPField.Name("webhook-timestamp").flatMap { headers[$0] }.flatMap { Int64($0) }
        return WebhookSignature.header(id: id ?? "", timestamp: timestamp ?? 0, body: bytes, keys: [secret.key])
    }
}
