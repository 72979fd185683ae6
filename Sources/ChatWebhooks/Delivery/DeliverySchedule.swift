package import ChatDomain
import ChatWire

/// Decides what follows a request to a webhook's receiver.
package struct DeliverySchedule: Sendable {
    /// The pause after the first failure; it doubles with each further one.
    package static let firstPause = Duration.seconds(5)
    /// The longest pause, also if the receiver asks for a longer one.
    package static let longestPause = Duration.seconds(6 * 3_600)
    /// The shortest pause that a receiver can ask for.
    package static let shortestPause = Duration.seconds(1)
    /// How long deliveries of a chat may fail before they stop.
    package static let patience = Duration.seconds(3 * 86_400)

    /// What to do next.
    package enum Decision: Equatable, Sendable {
        /// The receiver has it.
        case delivered
        /// The receiver wants no more.
        case disable(reason: String)
        /// To be sent again at this time.
        case retry(at: Instant, error: String)
        /// Not to be sent again unless someone asks for it.
        case stall(error: String)
    }

    private let jitter: @Sendable () -> Double

    /// - Parameter jitter: Returns a number from 0 to 1, by which pauses differ.
    package init(jitter: @escaping @Sendable () -> Double = { .random(in: 0...1) }) {
        self.jitter = jitter
    }

    /// - Parameters:
    ///   - tries: How many requests for the same entries failed before.
    ///   - failingSince: When the first of them failed; nil if there is none.
    package func decision(
        after outcome: RequestOutcome,
        tries: Int,
        failingSince: Instant?,
        at now: Instant
    ) -> Decision {
        guard let error = outcome.error else { return .delivered }
        if case .response(let response) = outcome, response.status == 410 {
            return .disable(reason: "the receiver responded 410 Gone")
        }
        if let failingSince, failingSince.duration(to: now) >= Self.patience { return .stall(error: error) }
        return .retry(at: now.advanced(by: pause(after: outcome, tries: tries, at: now)), error: error)
    }

    private func pause(after outcome: RequestOutcome, tries: Int, at now: Instant) -> Duration {
        if case .response(let response) = outcome, [429, 503].contains(response.status),
            let wanted = response.retryAfter.flatMap({ RetryAfter.pause($0, at: now) })
        {
            return min(max(wanted, Self.shortestPause), Self.longestPause)
        }
        let doublings = min(max(tries, 0), 16)
        let pause = min(Self.firstPause * (1 << doublings), Self.longestPause)
        // Between three quarters of the pause and all of it.
        return pause * (0.75 + 0.25 * jitter())
    }
}

/// The header `Retry-After`.
enum RetryAfter {
    /// Returns the pause that the header asks for, which may be negative; nil if it is neither seconds nor a date.
    static func pause(_ text: String, at now: Instant) -> Duration? {
        if !text.isEmpty, text.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) {
            // More seconds than an integer holds are as good as the most.
            return .seconds(Int32(text) ?? .max)
        }
        return date(text).map { now.duration(to: $0) }
    }

    /// Parses the form of dates that RFC 9110 requires servers to send.
    private static func date(_ text: String) -> Instant? {
        let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
        guard
            let parts = text.wholeMatch(of: /[A-Z][a-z]{2}, (\d\d) ([A-Z][a-z]{2}) (\d{4}) (\d\d:\d\d:\d\d) GMT/)?
                .output,
            let month = months.firstIndex(where: { $0 == parts.2 })
        else { return nil }
        return Instant(timestamp: "\(parts.3)-\(month < 9 ? "0" : "")\(month + 1)-\(parts.1)T\(parts.4)Z")
    }
}
