import ChatDomain
import ChatTestSupport
import ChatWebhooks
import Testing

@Suite struct DeliveryScheduleTests {
    private let now = Instant(microsecondsSinceEpoch: 784_111_777_000_000)
    private let schedule = DeliverySchedule(jitter: { 1 })

    @Test(arguments: [200, 201, 202, 204, 299])
    func `a 2xx is a delivery`(status: Int) {
        #expect(decision(status) == .delivered)
    }

    @Test func `a 410 disables the webhook`() {
        #expect(decision(410) == .disable(reason: "the receiver responded 410 Gone"))
    }

    @Test(arguments: [100, 301, 302, 307, 400, 401, 404, 408, 429, 500, 502, 503, 504])
    func `any other status is tried again`(status: Int) {
        #expect(decision(status) == .retry(at: now.advanced(by: .seconds(5)), error: "HTTP status \(status)"))
    }

    @Test func `the pause doubles from five seconds to six hours`() {
        let pauses = (0...40).map { pause(WebhookResponse(status: 500), tries: $0) }
        #expect(pauses[...4] == [.seconds(5), .seconds(10), .seconds(20), .seconds(40), .seconds(80)])
        #expect(pauses[12] == .seconds(5 << 12))
        #expect(pauses[13...].allSatisfy { $0 == .seconds(21_600) })
    }

    @Test func `jitter shortens the pause by up to a quarter`() {
        let shortest = DeliverySchedule(jitter: { 0 })
        let decision = shortest.decision(
            after: .failure(.timedOut),
            tries: 3,
            failingSince: nil,
            at: now
        )
        #expect(decision == .retry(at: now.advanced(by: .seconds(30)), error: "no response in time"))
    }

    @Test(
        arguments: [
            ("7", 7), (" 7", nil), ("0", 1), ("100000", 21_600), ("99999999999999999999", 21_600), ("-7", nil),
            ("1.5", nil), ("soon", nil), ("", nil), ("Sun, 06 Nov 1994 08:49:57 GMT", 20),
            ("Sun, 06 Nov 1994 08:00:00 GMT", 1), ("Mon, 07 Nov 1994 08:49:37 GMT", 21_600),
            ("Sun, 06 Nov 1994 08:49:57 GMT and more", nil), ("1994-11-06T08:49:57Z", nil),
        ] as [(String, Int?)]
    )
    func `Retry-After is honored for 429 and 503, within bounds`(text: String, seconds: Int?) {
        for status in [429, 503] {
            #expect(pause(WebhookResponse(status: status, retryAfter: text)) == .seconds(seconds ?? 5))
        }
        #expect(pause(WebhookResponse(status: 500, retryAfter: text)) == .seconds(5))
    }

    @Test func `after three days of failures the chat is stalled`() {
        let (before, after) = (now.advanced(by: .seconds(-259_199)), now.advanced(by: .seconds(-259_200)))
        let failure = RequestOutcome.failure(.noResponse("refused"))
        #expect(
            schedule.decision(after: failure, tries: 30, failingSince: before, at: now)
                == .retry(at: now.advanced(by: .seconds(21_600)), error: "refused")
        )
        #expect(
            schedule.decision(after: failure, tries: 30, failingSince: after, at: now) == .stall(error: "refused")
        )
        #expect(
            schedule.decision(after: .response(WebhookResponse(status: 200)), tries: 30, failingSince: after, at: now)
                == .delivered
        )
    }

    private func decision(_ status: Int) -> DeliverySchedule.Decision {
        schedule.decision(
            after: .response(WebhookResponse(status: status)),
            tries: 0,
            failingSince: nil,
            at: now
        )
    }

    private func pause(_ response: WebhookResponse, tries: Int = 0) -> Duration? {
        let decision = schedule.decision(after: .response(response), tries: tries, failingSince: nil, at: now)
        return if case .retry(let instant, _) = decision { now.duration(to: instant) } else { nil }
    }
}
