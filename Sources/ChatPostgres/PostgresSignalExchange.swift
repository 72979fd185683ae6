package import ChatDomain
import PostgresClient
import Synchronization

/// Carries log signals, and notices about typing and open messages, between processes on the same database, by LISTEN and NOTIFY.
///
/// A signal is sent at once; signals of the next few milliseconds share one NOTIFY. If anything may have been lost,
/// `LogSignal.missed` follows.
///
/// It opens two connections outside the pools, at the database's URL for listening (see `PostgresDatabase.canListen`).
/// A channel belongs to one database, so services on different databases do not hear each other.
package final class PostgresSignalExchange: Sendable {
    private let configuration: PostgresConfiguration
    private let signals: LogSignals
    private let typing: TypingNotices
    private let growth: GrowthNotices
    private let onFailure: @Sendable (StoreError) -> Void
    /// Distinguishes this process's notifications from those of others.
    private let process = UInt64.random(in: .min ... .max)
    private let outgoing = Mutex(OutgoingSignals())
    private let wakeUps: AsyncStream<Void>
    private let wakeUp: AsyncStream<Void>.Continuation
    /// Whether listening or notifying failed and nothing has succeeded since.
    private let isFailing = Atomic(false)

    /// The name in LISTEN and NOTIFY; the same for every process on the database.
    package static let channel = "chat_api"

    /// The pause between two notifications; each costs the server and every listener about as much as a few posts.
    private static let pause = Duration.milliseconds(10)

    /// Prepares an exchange; `run` connects it.
    ///
    /// - Parameters:
    ///   - signals: The store's signals to send, to which signals from other processes are delivered.
    ///   - typing: The same for typing notices.
    ///   - growth: The same for notices about open messages. A text that cannot be sent counts as wanted, so that its
    ///     holder stores it.
    ///   - onFailure: Called when listening or notifying fails, once until something succeeds again.
    package init(
        _ database: PostgresDatabase,
        _ signals: LogSignals,
        _ typing: TypingNotices,
        _ growth: GrowthNotices,
        onFailure: @escaping @Sendable (StoreError) -> Void
    ) {
        configuration = database.listenConfiguration
        self.signals = signals
        self.typing = typing
        self.growth = growth
        self.onFailure = onFailure
        (wakeUps, wakeUp) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Exchanges signals until the task is cancelled, which interrupts anything in progress.
    ///
    /// It can be called only once.
    package func run() async {
        let signalRelay = signals.addRelay { signal in
            if self.outgoing.withLock({ $0.add(signal) }) {
                self.wakeUp.yield()
            }
        }
        let typingRelay = typing.addRelay { notice in
            if self.outgoing.withLock({ $0.add(notice) }) {
                self.wakeUp.yield()
            }
        }
        let growthRelay = growth.addRelay { notice in
            switch self.outgoing.withLock({ $0.add(notice) }) {
            case true?: self.wakeUp.yield()
            case false?: break
            case nil: self.growth.receive(GrowthNotice(notice.message, .wanted))
            }
        }
        defer {
            signals.removeListener(signalRelay)
            typing.removeListener(typingRelay)
            growth.removeListener(growthRelay)
        }
        await withDiscardingTaskGroup { group in
            group.addTask { await self.listen() }
            group.addTask { await self.notify() }
        }
    }

    private func listen() async {
        await PostgresListener(configuration, channels: [Self.channel]).run { event in
            switch event {
            case .listening:
                self.isFailing.store(false, ordering: .relaxed)
                self.signals.receive(.missed)
            case .notification(let notification):
                self.receive(notification.payload)
            case .failed(let error):
                self.fail(error)
            }
        }
    }

    private func receive(_ text: String) {
        guard let payload = SignalPayload(text), payload.process != process else { return }
        // Deliver notices before entries: a message ends its author's typing.
        for notice in payload.typing {
            typing.receive(notice)
        }
        for notice in payload.growth {
            growth.receive(notice)
        }
        for signal in payload.signals {
            signals.receive(signal)
        }
    }

    private func notify() async {
        let interruption = Interruption()
        let connection = PostgresConnection(configuration, interruption: interruption)
        await withTaskCancellationHandler {
            var backoff = Backoff()
            for await _ in wakeUps {
                while !Task.isCancelled, let lines = outgoing.withLock({ $0.take() }) {
                    do throws(PostgresError) {
                        try await connection.notify(SignalPayload.texts(of: lines, process: process), on: Self.channel)
                        backoff.succeed(at: .now)
                        isFailing.store(false, ordering: .relaxed)
                        try? await Task.sleep(for: Self.pause)
                    } catch {
                        outgoing.withLock { $0.lose() }
                        if Task.isCancelled { break }
                        fail(error)
                        try? await Task.sleep(for: backoff.fail(at: .now, jitter: .random(in: 0..<1)))
                    }
                }
            }
        } onCancel: {
            interruption.interrupt()
        }
        await connection.close()
    }

    private func fail(_ error: PostgresError) {
        if !isFailing.exchange(true, ordering: .relaxed) {
            onFailure(StoreError(error))
        }
    }
}

extension PostgresConnection {
    /// Sends notifications in one statement, over a new session if the old one has ended.
    fileprivate func notify(_ payloads: [String], on channel: String) throws(PostgresError) {
        if !isUsable {
            close()
            try open()
        }
        _ = try query(
            "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload",
            [.text(channel), .textArray(payloads)]
        )
    }
}
