import ChatDomain
import ChatTestSupport
import ChatWebhooks
import Testing

@Suite struct WebhookPayloadTests {
    private let instant = Instant(microsecondsSinceEpoch: 1_700_000_000_000_000)

    @Test func `a payload has the entries as the log returns them`() throws {
        let payload = try #require(WebhookPayload(page(["one", "two"]), of: 7, for: webhook(), offline: ["bob"]))
        #expect(payload.id == "3.7.00000001.5-6")
        #expect(payload.end == 6)
        #expect(payload.entryCount == 2)
        let text = String(decoding: payload.body, as: UTF8.self)
        #expect(
            text.hasPrefix(
                #"{"type":"chat.entries","timestamp":"2023-11-14T22:13:20.000000Z","chat_id":7,"epoch":"00000001","entries":[{"seq":5,"type":"message.created","at":"2023-11-14T22:13:20.000000Z","message":{"id":5,"chat_id":7,"#
            )
        )
        #expect(text.hasSuffix(#"],"offline":["bob"]}"#))
        let body = try JSON(parsing: payload.body)
        #expect(body.members.keys.sorted() == ["chat_id", "entries", "epoch", "offline", "timestamp", "type"])
        #expect(body["entries"]?.elements.map { $0["message"]?["text"] } == [.string("one"), .string("two")])
    }

    @Test func `entries that the webhook does not want count as delivered`() throws {
        let wanted = webhook(types: [.entry(.messageCreated)])
        let page = page(["one", nil, "three", nil])
        let payload = try #require(WebhookPayload(page, of: 7, for: wanted, offline: nil))
        // Other types would be other entries.
        #expect(payload.id.hasPrefix("3.7.00000001.5-8."))
        let other = webhook(types: [.entry(.messageCreated), .chatDeleted])
        #expect(WebhookPayload(page, of: 7, for: other, offline: nil)?.id != payload.id)
        #expect(payload.end == 8)
        #expect(try JSON(parsing: payload.body)["entries"]?.elements.map { $0["seq"] } == [.integer(5), .integer(7)])
        #expect(WebhookPayload(page, of: 7, for: webhook(types: [.chatDeleted]), offline: nil) == nil)
        #expect(WebhookPayload(self.page([]), of: 7, for: webhook(), offline: nil) == nil)
    }

    @Test func `a payload has at most 100 entries and about a mebibyte`() throws {
        let many = Array(repeating: "x" as String?, count: 120)
        #expect(WebhookPayload(page(many), of: 7, for: webhook(), offline: nil)?.entryCount == 100)
        let long = Array(repeating: String(repeating: "é", count: 150_000) as String?, count: 5)
        let payload = try #require(WebhookPayload(page(long), of: 7, for: webhook(), offline: nil))
        #expect(payload.entryCount == 3 && payload.isCut)
        let repeated = WebhookPayload(page(long), of: 7, for: webhook(), offline: nil, isRepeated: true)
        #expect(repeated?.entryCount == 5 && repeated?.isCut == false)
        #expect(payload.id == "3.7.00000001.5-7")
        #expect(payload.body.count <= WebhookPayload.maximumBytes + 1_000)
        let huge = [String(repeating: "é", count: 1 << 20), "small"] as [String?]
        #expect(WebhookPayload(page(huge), of: 7, for: webhook(), offline: nil)?.entryCount == 1)
    }

    @Test func `a deletion and a test have their own types`() throws {
        let delivery = WebhookDelivery(
            webhookID: WebhookID(rawValue: 3),
            chatID: 7,
            epoch: Epoch(rawValue: 1),
            position: 4,
            lastPosition: nil,
            dueAt: instant
        )
        let deletion = WebhookPayload(delivery, for: webhook())
        #expect(deletion.id == "3.7.00000001.deleted")
        #expect(
            String(decoding: deletion.body, as: UTF8.self)
                == #"{"type":"chat.deleted","timestamp":"2023-11-14T22:13:20.000000Z","chat_id":7,"epoch":"00000001"}"#
        )
        let test = WebhookPayload(testOf: webhook(), at: instant)
        #expect(test.id == "3.test.1700000000000000")
        #expect(
            String(decoding: test.body, as: UTF8.self)
                == #"{"type":"webhook.test","timestamp":"2023-11-14T22:13:20.000000Z","webhook_id":3}"#
        )
    }

    @Test func `headers are those of Standard Webhooks`() {
        let webhook = webhook()
        let payload = WebhookPayload(testOf: webhook, at: instant)
        let headers = Dictionary(
            uniqueKeysWithValues: payload.headers(for: webhook, at: instant.advanced(by: .seconds(1.9)))
                .map { ($0.name, $0.value) }
        )
        let signature = WebhookSignature.header(
            id: payload.id,
            timestamp: 1_700_000_001,
            body: payload.body,
            keys: [webhook.secret.key]
        )
        #expect(
            headers == [
                "content-type": "application/json", "user-agent": "chat-api", "webhook-id": payload.id,
                "webhook-timestamp": "1700000001", "webhook-signature": signature,
            ]
        )
    }

    private func webhook(types: Set<WebhookEventType>? = nil) -> Webhook {
        Webhook(
            id: WebhookID(rawValue: 3),
            url: WebhookURL(stored: "https://receiver.example/"),
            types: types,
            secret: WebhookSecret(stored: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
            createdAt: instant
        )
    }

    /// Entries from position 5: messages with these texts, and deletions for nil.
    private func page(_ texts: [String?]) -> LogPage {
        let entries = texts.enumerated().map { index, text in
            let position = Position(rawValue: Int64(index + 5))
            let message = Message(
                id: MessageID(rawValue: position.rawValue),
                chatID: 7,
                position: position,
                text: text ?? "",
                createdAt: instant,
                deletedAt: text == nil ? instant : nil
            )
            return text == nil
                ? LogEntry(position: position, kind: .messageDeleted, instant: instant, subject: .message(message))
                : LogEntry(created: message)
        }
        return LogPage(entries: entries, lastPosition: 300, epoch: 1)
    }
}
