package import ChatDomain
import ChatWire
import Hashing

/// The body of a request to a receiver, with the id under which it is sent.
///
/// Both are the same each time the request is sent, except that entries show their messages as they are then.
package struct WebhookPayload: Sendable {
    /// The most entries in one request.
    package static let maximumEntries = 100
    /// The size, in bytes, above which a request contains fewer entries; one entry may be larger.
    package static let maximumBytes = 1 << 20
    /// The most members that a request names as offline.
    package static let maximumOffline = 1_000

    /// The value of the header `webhook-id`, by which receivers recognize a request that they already have.
    package let id: String
    package let body: [UInt8]

    /// Up to where the log is dealt with once the receiver has the request.
    package let end: Position
    /// Whether there was no room for all entries, because of their size.
    package let isCut: Bool
    package let entryCount: Int

    /// Takes entries from a page of a log that starts after the delivery's position.
    ///
    /// - Parameters:
    ///   - page: Without gaps; entries after its first `maximumEntries` are left for the next request.
    ///   - isRepeated: Whether it was sent before: it then has the same entries, which may have grown meanwhile.
    ///   - offline: The members who have no open stream; nil omits them.
    /// - Returns: Nil if the webhook wants none of the entries.
    package init?(
        _ page: LogPage,
        of chat: ChatID,
        for webhook: Webhook,
        offline: [UserID]?,
        isRepeated: Bool = false
    ) {
        var entries: [[UInt8]] = []
        var isCut = false
        var size = 0
        var last: LogEntry?
        for entry in page.entries.prefix(Self.maximumEntries) {
            if webhook.types?.contains(.entry(entry.kind)) ?? true {
                var writer = JSONWriter()
                entry.write(to: &writer)
                size += writer.bytes.count
                isCut = size > Self.maximumBytes && !entries.isEmpty && !isRepeated
                if isCut { break }
                entries.append(writer.bytes)
            }
            last = entry
        }
        guard !entries.isEmpty, let first = page.entries.first, let last else { return nil }
        id = Self.id(webhook, chat, page.epoch, "\(first.position.rawValue)-\(last.position.rawValue)")
        end = last.position
        self.isCut = isCut
        entryCount = entries.count
        body = Self.body("chat.entries", at: last.instant) { writer in
            writer.member("chat_id", chat)
            writer.member("epoch", page.epoch)
            writer.member("entries") { writer in
                writer.array(entries) { $0.raw($1) }
            }
            writer.member("offline", ifPresent: offline)
        }
    }

    /// Says that a chat was deleted.
    package init(_ deletion: WebhookDelivery, for webhook: Webhook) {
        id = Self.id(webhook, deletion.chatID, deletion.epoch, "deleted")
        end = deletion.position
        isCut = false
        entryCount = 0
        body = Self.body("chat.deleted", at: deletion.dueAt) { writer in
            writer.member("chat_id", deletion.chatID)
            writer.member("epoch", deletion.epoch)
        }
    }

    /// Says nothing; sent on request, to see whether requests arrive.
    package init(testOf webhook: Webhook, at instant: Instant) {
        id = "\(webhook.id.rawValue).test.\(instant.microsecondsSinceEpoch)"
        end = Position(rawValue: 0)
        isCut = false
        entryCount = 0
        body = Self.body("webhook.test", at: instant) { writer in
            writer.member("webhook_id", webhook.id.rawValue)
        }
    }

    /// The headers of a request that is sent now.
    ///
    /// - Parameter trace: The trace to continue; nil for none.
    package func headers(
        for webhook: Webhook,
        at now: Instant,
        _ trace: TraceParent? = nil
    ) -> [(name: String, value: String)] {
        let timestamp = now.microsecondsSinceEpoch / 1_000_000
        let keys = webhook.secrets(at: now).map(\.key)
        let headers = [
            ("content-type", "application/json"),
            ("user-agent", "chat-api"),
            ("webhook-id", id),
            ("webhook-timestamp", String(timestamp)),
            ("webhook-signature", WebhookSignature.header(id: id, timestamp: timestamp, body: body, keys: keys)),
        ]
        return headers + (trace.map { [("traceparent", $0.child())] } ?? [])
    }

    /// Names what a request contains.
    ///
    /// The epoch tells apart what was lost by the restore of a backup and what has its position or chat id since. The types
    /// decide which entries of a range there are.
    private static func id(_ webhook: Webhook, _ chat: ChatID, _ epoch: Epoch, _ content: String) -> String {
        let id = "\(webhook.id.rawValue).\(chat.rawValue).\(epoch.text).\(content)"
        guard let types = webhook.types else { return id }
        var hash = StableHash()
        hash.combine(types.stored)
        return "\(id).\(hash.digits)"
    }

    private static func body(
        _ type: String,
        at instant: Instant,
        _ members: (inout JSONWriter) -> Void
    ) -> [UInt8] {
        var writer = JSONWriter()
        writer.object { writer in
            writer.member("type", type)
            writer.member("timestamp", instant)
            members(&writer)
        }
        return writer.bytes
    }
}
