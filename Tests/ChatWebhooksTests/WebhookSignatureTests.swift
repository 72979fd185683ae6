import ChatDomain
import ChatWebhooks
import Testing

@Suite struct WebhookSignatureTests {
    private let secret = WebhookSecret(stored: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    // The example of the Standard Webhooks specification and its libraries.
    @Test func `a signature is that of the specification's example`() {
        let header = WebhookSignature.header(
            id: "msg_p5jXN8AQM9LWM0D4loKWxJek",
            timestamp: 1_614_265_330,
            body: Array(#"{"test": 2432232314}"#.utf8),
            keys: [secret.key]
        )
        #expect(header == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=")
    }

    @Test func `a request signed with two secrets has both signatures, the current one first`() {
        let other = WebhookSecret.random()
        let header = { keys in
            WebhookSignature.header(id: "1.2.3-4", timestamp: 5, body: [1, 2], keys: keys)
        }
        #expect(header([other.key, secret.key]) == "\(header([other.key])) \(header([secret.key]))")
    }
}
