import ChatDomain
import Testing

struct WebhookTests {
    @Test(arguments: [
        "https://example.com", "http://example.com/", "HTTPS://example.com:8443/hook?key=1", "http://127.0.0.1:9/",
        "http://[::1]:9000/hook", "http://localhost",
        "https://example.com/" + String(repeating: "a", count: 2_028),
    ])
    func `a target is a URL with a host`(_ text: String) throws {
        #expect(try #require(WebhookURL(text)).text == text)
    }

    @Test(arguments: [
        "", "example.com", "/hook", "ftp://example.com/", "https://", "https:///hook", "https://user@example.com/",
        "https://user:secret@example.com/", "https://:secret@example.com/", "https://example.com/#fragment",
        "https://example.com/#", "https://exa mple.com/", " https://example.com/", "https://example.com/\n",
        "https://bücher.example/", "https://example.com:0/", "https://example.com:65536/", "file:///etc/passwd",
        "https://example.com/" + String(repeating: "a", count: 2_029),
    ])
    func `other texts are no targets`(_ text: String) {
        #expect(WebhookURL(text) == nil)
    }

    @Test func `a random secret has 32 bytes`() throws {
        let secret = WebhookSecret.random()
        #expect(secret.key.count == 32)
        #expect(secret != .random())
        #expect(WebhookSecret(secret.text) == secret)
        #expect(try secret.text.contains(Regex(WebhookSecret.pattern)))
    }

    @Test func `a secret is whsec_ and 24 to 64 bytes in Base64`() throws {
        let text = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        #expect(try #require(WebhookSecret(text)).key.starts(with: [0x31, 0xF2, 0x90, 0xF6]))
        #expect(WebhookSecret("whsec_" + String(repeating: "A", count: 86) + "==") != nil)
        for invalid in [
            "", "whsec_", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
            "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLa==", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS_",
            "whsec_" + String(repeating: "A", count: 88),
        ] {
            #expect(WebhookSecret(invalid) == nil, "\(invalid)")
        }
    }

    @Test func `event types have the names of entries`() {
        for type in WebhookEventType.allCases {
            #expect(WebhookEventType(type.text) == type)
        }
        #expect(WebhookEventType("message.created") == .entry(.messageCreated))
        #expect(WebhookEventType("chat.deleted") == .chatDeleted)
        #expect(WebhookEventType("message") == nil)
        let types = Set(WebhookEventType.allCases)
        #expect(Set<WebhookEventType>(stored: types.stored + " message.starred") == types)
    }

    @Test func `an unchanged secret is not replaced`() {
        let now = Instant(microsecondsSinceEpoch: 0)
        let webhook = Webhook(
            id: WebhookID(rawValue: 1),
            url: WebhookURL(stored: "https://example.com"),
            secret: .random(),
            createdAt: now
        )
        var edit = WebhookEdit()
        edit.secret = webhook.secret
        #expect(webhook.edited(by: edit, at: now) == webhook)
    }
}
