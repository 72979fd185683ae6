import ChatDomain
import Logging

/// Delivers to one webhook while this process has its lease.
///
/// At most one request per chat is under way, so entries arrive in order.
actor WebhookWorker<Store: ChatStore & MemberStore & WebhookStore> {
    /// Ticks between two looks at all chats, for what was not signalled.
    private static var ticksBetweenLooks: Int { 5 }
    /// Ticks without any attempt after a failure of the database.
    private static var ticksOfPause: Int { 5 }
    /// Hints within this time share a look at the database.
    private static var lookInterval: Duration { .milliseconds(20) }
    /// The most deliveries that wait for a place.
    private static var maximumWaiting: Int { 64 }

    nonisolated let hints = DeliveryHints()
    private let context: DeliveryContext<Store>
    private var webhook: Webhook
    private var target: WebhookTarget
    private var underWay: Set<ChatID> = []
    /// The chats under way that were hinted at meanwhile; a search would find nothing, since their deliveries are due.
    private var hinted: Set<ChatID> = []
    /// The chats whose deliveries ended since the last read of what is due, which may still contain them.
    private var ended: Set<ChatID> = []
    /// When deliveries that failed here are due again.
    private var retries: [ChatID: Instant] = [:]
    private var ticks = 0
    private var pause = 0
    /// Whether nothing may be sent: the lease is lost, the webhook disabled, or the worker finished.
    private var isSuspended = false

    init(_ webhook: Webhook, _ context: DeliveryContext<Store>) {
        self.webhook = webhook
        self.context = context
        target = context.target(of: webhook)
    }

    /// Delivers until `finish` or until the task is cancelled, which ends requests, too.
    func run() async {
        await withDiscardingTaskGroup { group in
            for await _ in hints.wakeUps {
                for delivery in await newDeliveries() {
                    group.addTask { await self.carryOut(delivery) }
                }
                try? await Task.sleep(for: Self.lookInterval)
            }
        }
    }

    /// Starts no more requests, and lets `run` return when those that are under way have ended.
    func finish() {
        isSuspended = true
        hints.finish()
    }

    /// Takes the webhook's current state over, when the lease was renewed.
    func update(_ webhook: Webhook) {
        let former = self.webhook
        self.webhook = webhook
        if isSuspended || former != webhook {
            isSuspended = false
            hints.addAll()
        }
        if former.url != webhook.url {
            target = context.target(of: webhook)
        }
    }

    /// Called every second: looks at what is due by now, and regularly at all chats.
    func tick() {
        ticks += 1
        pause = max(0, pause - 1)
        if ticks % Self.ticksBetweenLooks == 0 {
            hints.addAll()
        } else {
            let now = context.now()
            if retries.values.contains(where: { $0 <= now }) {
                hints.wake()
            }
        }
    }

    /// Reads what is due and not under way.
    private func newDeliveries() async -> [WebhookDelivery] {
        guard pause == 0, !isSuspended else { return [] }
        ended = []
        do throws(StoreError) {
            try await discover()
            let now = context.now()
            retries = retries.filter { $0.value > now }
            let due = try await context.store.dueDeliveries(
                of: webhook.id,
                at: now,
                limit: underWay.count + Self.maximumWaiting
            )
            return due.filter { !ended.contains($0.chatID) && underWay.insert($0.chatID).inserted }
        } catch {
            pause(after: error)
            return []
        }
    }

    private func discover() async throws(StoreError) {
        let chats: [ChatID]?
        switch hints.take() {
        case .all:
            hinted = underWay
            chats = nil
        case .chats(let some):
            hinted.formUnion(some.intersection(underWay))
            chats = some.subtracting(underWay).filter(webhook.wants).ascending
            if chats == [] { return }
        }
        while try await context.store.discoverDeliveries(for: webhook.id, in: chats, at: context.now()) {}
    }

    private func carryOut(_ delivery: WebhookDelivery) async {
        if await context.places.take(webhook.id) {
            let responded = await deliver(delivery)
            await context.places.giveBack(webhook.id, responded: responded)
        }
        underWay.remove(delivery.chatID)
        ended.insert(delivery.chatID)
        if let chat = hinted.remove(delivery.chatID) {
            // What was stored may not count an entry that was committed meanwhile.
            hints.add([chat])
        } else {
            // For the chat's next entries, and for deliveries that had no room.
            hints.wake()
        }
    }

    /// - Returns: Whether the receiver responded; nil if nothing was sent.
    private func deliver(_ delivery: WebhookDelivery) async -> Bool? {
        guard !isSuspended else { return nil }
        do throws(StoreError) {
            let (webhook, target) = (webhook, target)
            switch try await content(of: delivery, for: webhook) {
            case .nothing(let outcome):
                try await record(outcome, of: delivery)
                return nil
            case .deleted:
                return nil
            case .payload(let payload):
                let trace = context.traces.trace(of: delivery.chatID, after: delivery.position, upTo: payload.end)
                let headers = payload.headers(for: webhook, at: context.now(), trace)
                let start = ContinuousClock.now
                let outcome = await target.post(payload.body, headers: headers)
                if case .failure = outcome, Task.isCancelled { return nil }
                let duration = start.duration(to: .now)
                try await record(outcome, of: delivery, with: payload, duration: duration, trace)
                return if case .response = outcome { true } else { false }
            }
        } catch {
            pause(after: error)
            return nil
        }
    }

    private enum Content {
        case payload(WebhookPayload)
        /// The webhook wants none of it.
        case nothing(WebhookOutcome)
        /// The chat was deleted after the delivery was read.
        case deleted
    }

    private func content(of delivery: WebhookDelivery, for webhook: Webhook) async throws(StoreError) -> Content {
        let (chat, start) = (delivery.chatID, delivery.position)
        guard let end = delivery.lastPosition else {
            guard webhook.types?.contains(.chatDeleted) ?? true else {
                return .nothing(.deletionDelivered(isSent: false))
            }
            return .payload(WebhookPayload(delivery, for: webhook))
        }
        do throws(StoreError) {
            let limit = min(max(end.rawValue - start.rawValue, 1), Int64(WebhookPayload.maximumEntries))
            let page = try await context.store.log(of: chat, after: start, limit: Int(limit), by: .anonymous)
            let offline = webhook.withOffline ? try await offlineMembers(of: chat) : nil
            let payload = WebhookPayload(
                page,
                of: chat,
                for: webhook,
                offline: offline,
                isRepeated: delivery.tries > 0
            )
            guard let payload else {
                return .nothing(.delivered(upTo: page.entries.last?.position ?? start, isSent: false))
            }
            if payload.isCut {
                // Each attempt has the same entries, even if they grow meanwhile.
                try await context.store.shorten(delivery, to: payload.end)
            }
            return .payload(payload)
        } catch .chatNotFound {
            return .deleted
        }
    }

    /// The members without an open stream on this server, the first `WebhookPayload.maximumOffline` of them.
    private func offlineMembers(of chat: ChatID) async throws(StoreError) -> [UserID] {
        let connected = await context.connectedUsers()
        var offline: [UserID] = []
        var last: UserID?
        repeat {
            let page = try await context.store.members(
                of: chat,
                after: last,
                limit: MemberPage.maximumCount,
                by: .anonymous
            )
            offline += page.members.map(\.reference.userID).filter { !connected.contains($0) }
            last = page.next
        } while last != nil && offline.count < WebhookPayload.maximumOffline
        return Array(offline.prefix(WebhookPayload.maximumOffline))
    }

    private func record(
        _ outcome: RequestOutcome,
        of delivery: WebhookDelivery,
        with payload: WebhookPayload,
        duration: Duration,
        _ trace: TraceParent?
    ) async throws(StoreError) {
        let result: WebhookActivity.Result
        var metadata: Logger.Metadata = [
            "webhook": .stringConvertible(webhook.id.rawValue), "chat": .stringConvertible(delivery.chatID.rawValue),
        ]
        if let trace {
            metadata["trace_id"] = "\(trace.traceID)"
        }
        let decision = context.schedule.decision(
            after: outcome,
            tries: delivery.tries,
            failingSince: delivery.failingSince,
            at: context.now()
        )
        switch decision {
        case .delivered:
            result = .delivered
            let isDeletion = delivery.lastPosition == nil
            try await record(isDeletion ? .deletionDelivered() : .delivered(upTo: payload.end), of: delivery)
        case .retry(let instant, let error):
            result = .retried
            try await record(.failed(error: error, retryAt: instant), of: delivery)
            retries[delivery.chatID] = instant
            metadata["reason"] = "\(error)"
            context.logger.debug("A webhook's receiver did not accept a request", metadata: metadata)
        case .stall(let error):
            result = .stalled
            try await record(.failed(error: error, retryAt: nil), of: delivery)
            metadata["reason"] = "\(error)"
            context.logger.warning("A webhook gets no more entries of a chat", metadata: metadata)
        case .disable(let reason):
            result = .disabled
            try await record(.refused(reason: reason), of: delivery)
            isSuspended = true
            metadata["reason"] = "\(reason)"
            context.logger.warning("A webhook is disabled", metadata: metadata)
        }
        context.onDelivery(
            WebhookActivity(
                webhookID: webhook.id,
                chatID: delivery.chatID,
                result: result,
                entryCount: payload.entryCount,
                duration: duration
            )
        )
    }

    private func record(_ outcome: WebhookOutcome, of delivery: WebhookDelivery) async throws(StoreError) {
        let (store, holder) = (context.store, context.holder)
        if try await !store.record(outcome, of: delivery, by: holder, at: context.now()) {
            isSuspended = true
        }
    }

    private func pause(after error: StoreError) {
        // Deleted meanwhile, or disabled by another server.
        if error == .webhookNotFound { return isSuspended = true }
        pause = Self.ticksOfPause
        // What was hinted at may not have been looked at.
        hints.addAll()
        context.logger.warning(
            "Delivering to a webhook failed",
            metadata: ["webhook": .stringConvertible(webhook.id.rawValue), "reason": "\(error.reason)"]
        )
    }
}
