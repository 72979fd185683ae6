package import ChatDomain
import PostgresClient
import Synchronization

/// Carries signals between the processes that share a database, by LISTEN and NOTIFY.
///
/// A signal goes out at once; what is signalled within the next milliseconds goes out together by the next NOTIFY. Whatever
/// may have been lost, here or on the way, is followed by `LogSignal.missed`.
///
/// It has two connections beside the pool's, by the database's URL for listening: `PostgresDatabase.canListen`. Channels belong
/// to a database, so that services with databases of their own never hear each other.
package final class PostgresSignalExchange: Sendable {
    private let configuration: PostgresConfiguration
    private let signals: LogSignals
    private let onFailure: @Sendable (StoreError) -> Void
    /// What tells this process's notifications from those of others.
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
    ///   - signals: This process's own are sent from when it runs, and those of others are received there.
    ///   - onFailure: Told when listening or notifying fails; once, until something works again.
    package init(
        _ database: PostgresDatabase,
        _ signals: LogSignals,
        onFailure: @escaping @Sendable (StoreError) -> Void
    ) {
        configuration = database.listenConfiguration
        self.signals = signals
        self.onFailure = onFailure
        (calls, caller) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// Exchanges signals until the task is cancelled, which ends whatever is under way.
    ///
    /// It can be called once.
    package func run() async {
        signals.setRelay { signal in
            if self.outgoing.withLock({ $0.add(signal) }) {
                self.caller.yield()
            }
        }
        defer { signals.setRelay(nil) }
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
