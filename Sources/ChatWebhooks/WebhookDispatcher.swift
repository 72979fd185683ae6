package import ChatDomain
package import Logging
import ServiceLifecycle
import Synchronization

/// Delivers the entries of chats' logs to webhooks.
///
/// Of the servers on one database, the one that has a webhook's lease delivers to it. Signals are only hints: what
/// remains to be delivered is in the database, and a look at it every few seconds finds what was not signalled.
package actor WebhookDispatcher<Store: ChatStore & MemberStore & WebhookStore>: Service, WebhookSender {
    /// A tick is a second.
    private static var ticksBetweenRenewals: Int { 5 }

    private enum Event {
        case second
        /// Webhooks changed.
        case changed
    }

    private let context: DeliveryContext<Store>
    private let leaseDuration: Duration
    private var listener: LogSignals.ListenerID?
    private var workers: [WebhookID: (worker: WebhookWorker<Store>, task: Task<Void, Never>)] = [:]
    /// Of the same webhooks as `workers`; signals need them without waiting for the actor.
    private let hints = Mutex<[DeliveryHints]>([])
    private let events: AsyncStream<Event>
    private let event: AsyncStream<Event>.Continuation
    private var ticks = 0
    private var isRenewing = false
    /// When the leases are over unless they are renewed.
    private var leaseEnd = ContinuousClock.now

    /// - Parameters:
    ///   - holder: Names this process. One that always has the same name takes over from its predecessor at once, which
    ///     is right where there is only one process per database.
    ///   - leaseDuration: After this, another process takes over from one that is gone.
    ///   - rules: Which addresses requests may be sent to.
    ///   - connectedUsers: Returns the users who have an open stream, as far as this process knows.
    ///   - onDelivery: Called when the outcome of a request was stored; it must not block.
    package init(
        _ store: Store,
        holder: String,
        leaseDuration: Duration = .seconds(15),
        rules: AddressRules,
        resolver: any AddressResolver = SystemResolver(),
        schedule: DeliverySchedule = DeliverySchedule(),
        now: @escaping @Sendable () -> Instant = { .now() },
        connectedUsers: @escaping @Sendable () async -> Set<UserID> = { [] },
        onDelivery: @escaping @Sendable (WebhookActivity) -> Void = { _ in },
        logger: Logger
    ) {
        self.leaseDuration = leaseDuration
        context = DeliveryContext(
            store: store,
            holder: holder,
            rules: rules,
            resolver: resolver,
            schedule: schedule,
            now: now,
            connectedUsers: connectedUsers,
            onDelivery: onDelivery,
            logger: logger
        )
        (events, event) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(64))
    }

    /// Delivers until graceful shutdown, and then until the requests that are under way have ended.
    package func run() async throws {
        await start()
        await withDiscardingTaskGroup { group in
            group.addTask { await self.tickEverySecond() }
            for await event in events.cancelOnGracefulShutdown() {
                if event == .second {
                    await tick()
                }
                if !isRenewing, event == .changed || ticks % Self.ticksBetweenRenewals == 0 {
                    isRenewing = true
                    group.addTask { await self.renew() }
                }
            }
            group.cancelAll()
        }
        await stop()
    }

    /// Sends an event of type `webhook.test` at once, whether the webhook is enabled or not.
    nonisolated package func test(_ webhook: Webhook, as trace: TraceParent?) async -> WebhookTestResult {
        let now = context.now()
        let payload = WebhookPayload(testOf: webhook, at: now)
        let target = context.target(of: webhook)
        let start = ContinuousClock.now
        let outcome = await target.post(payload.body, headers: payload.headers(for: webhook, at: now, trace))
        let status: Int? = if case .response(let response) = outcome { response.status } else { nil }
        return WebhookTestResult(status: status, duration: start.duration(to: .now), error: outcome.error)
    }

    nonisolated package func noticeTrace(_ trace: TraceParent, of chat: ChatID, at position: Position) {
        context.traces.add(trace, of: chat, at: position)
    }

    /// Looks at all chats again, and renews the leases soon, to know which webhooks changed.
    nonisolated package func noticeChanges() {
        hints.withLock(\.self).forEach { $0.addAll() }
        event.yield(.changed)
    }

    /// Listens to signals, and starts with the leases that are free.
    package func start() async {
        listener = context.store.signals.addListener { [weak self] in self?.receive($0) }
        await renew()
    }

    /// Acquires and renews leases, and starts and stops workers accordingly.
    package func renew() async {
        let start = ContinuousClock.now
        do throws(StoreError) {
            let leased = try await context.store.leaseWebhooks(to: context.holder, for: leaseDuration)
            leaseEnd = start + leaseDuration
            await work(for: leased)
        } catch {
            // Not at shutdown, when the look is cut short.
            if !Task.isCancelled {
                context.logger.warning("Leasing webhooks failed", metadata: ["reason": "\(error.reason)"])
            }
        }
        isRenewing = false
    }

    /// Called every second.
    package func tick() async {
        ticks += 1
        if leaseEnd < .now {
            await work(for: [])
        }
        for (worker, _) in workers.values {
            await worker.tick()
        }
    }

    /// Reads how far the webhooks to which this process delivers are behind; without those whose state cannot be read.
    package func states() async -> [WebhookState] {
        var states: [WebhookState] = []
        for id in workers.keys.sorted() {
            if let state = try? await context.store.webhookState(id) {
                states.append(state)
            }
        }
        return states
    }

    /// Stops all workers once their requests have ended, and releases the leases.
    package func stop() async {
        if let listener {
            context.store.signals.removeListener(listener)
        }
        let tasks = workers.values.map(\.task)
        for (worker, _) in workers.values {
            await worker.finish()
        }
        await withTaskCancellationHandler {
            for task in tasks {
                await task.value
            }
        } onCancel: {
            for task in tasks {
                task.cancel()
            }
        }
        workers = [:]
        hints.withLock { $0 = [] }
        do throws(StoreError) {
            try await context.store.releaseWebhooks(of: context.holder)
        } catch {
            context.logger.warning("Releasing webhooks failed", metadata: ["reason": "\(error.reason)"])
        }
    }

    private func tickEverySecond() async {
        while !Task.isCancelled {
            event.yield(.second)
            try? await Task.sleep(for: .seconds(1))
        }
    }

    private func work(for webhooks: [Webhook]) async {
        let ids = Set(webhooks.map(\.id))
        for (id, current) in workers where !ids.contains(id) {
            current.task.cancel()
            workers[id] = nil
        }
        for webhook in webhooks {
            if let (worker, _) = workers[webhook.id] {
                await worker.update(webhook)
            } else {
                let worker = WebhookWorker(webhook, context)
                workers[webhook.id] = (worker, Task { await worker.run() })
            }
        }
        let all = workers.values.map(\.worker.hints)
        hints.withLock { $0 = all }
        await context.places.share(among: ids)
    }

    nonisolated private func receive(_ signal: LogSignal) {
        let hints = hints.withLock(\.self)
        if hints.isEmpty { return }
        switch signal {
        case .appended(let entries, _):
            let chats = Set(entries.map(\.subject.chatID))
            hints.forEach { $0.add(chats) }
        case .moved(let ends): hints.forEach { $0.add(ends.keys) }
        case .deleted: hints.forEach { $0.wake() }
        case .missed: hints.forEach { $0.addAll() }
        case .created, .accessChanged, .membershipsChanged: break
        }
    }
}
