package import ChatDomain
import PostgresClient
import Synchronization

/// Carries log signals and typing notices between the processes on a database, by LISTEN and NOTIFY.
///
/// A signal is sent at once; those of the next milliseconds share one NOTIFY. Where anything may have been lost,
/// `LogSignal.missed` follows.
///
/// It opens two connections outside the pool, at the database's URL for listening (`PostgresDatabase.canListen`). A channel
/// belongs to one database: services on different databases do not hear each other.
package final class PostgresSignalExchange: Sendable {
    private let configuration: PostgresConfiguration
    private let signals: LogSignals
    private let typing: TypingNotices
    private let onFailure: @Sendable (StoreError) -> Void
    /// Tells this process's notifications from those of others.
    private let process = UInt64.random(in: .min ... .max)
    private let outgoing = Mutex(OutgoingSignals())
    private let calls: AsyncStream<Void>
    private let caller: AsyncStream<Void>.Continuation
    /// Whether nothing has worked since it last failed.
    private let isFailing = Atomic(false)

    package static let channel = "chat_api"

    /// Between two notifications: each costs the server and every listener about as much as some posts do.
    private static let pause = Duration.milliseconds(10)

    /// - Parameters:
    ///   - signals: Where the store signals, and where the signals of other processes arrive.
    ///   - typing: The same for typing notices.
    ///   - onFailure: Called when listening or notifying fails; once, until something works again.
    package init(
        _ database: PostgresDatabase,
        _ signals: LogSignals,
        _ typing: TypingNotices,
        onFailure: @escaping @Sendable (StoreError) -> Void
    ) {
        configuration = database.listenConfiguration
        self.signals = signals
        self.typing = typing
        self.onFailure = onFailure
        (calls, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Exchanges signals until the task is cancelled, which ends whatever is under way.
    ///
    /// It can be called once.
    package func run() async {
        let signalRelay = signals.addRelay { signal in
            if self.outgoing.withLock({ $0.add(signal) }) {
                self.caller.yield()
            }
        }
        let typingRelay = typing.addRelay { notice in
            if self.outgoing.withLock({ $0.add(notice) }) {
                self.caller.yield()
            }
        }
        defer {
            signals.removeListener(signalRelay)
            typing.removeListener(typingRelay)
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
        // Before the entries: a message ends its author's typing.
        for notice in payload.typing {
            typing.receive(notice)
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
            for await _ in calls {
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
    /// Sends notifications by one statement, over a new session if the old one has ended.
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
