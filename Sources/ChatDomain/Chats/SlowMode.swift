/// How long a user must wait between two messages in a chat; moderators, bots and callers without a user need not.
package struct SlowMode: Hashable, Sendable {
    /// In seconds; 0 for no wait.
    package static let allowed: ClosedRange<Int64> = 0...3_600
    /// The wait of a chat without slow mode.
    package static let off = SlowMode(seconds: 0)
    /// The number of positions at the end of a log among which an earlier message of the user counts.
    ///
    /// A user's own edits take positions, too: at the default rate, 7,200 in the longest wait.
    package static let reach: Int64 = 10_000

    /// 0 if slow mode is off.
    package let seconds: Int64

    /// - Parameter seconds: Within `allowed`.
    package init(seconds: Int64) {
        self.seconds = seconds
    }

    /// Throws if a user must still wait.
    ///
    /// - Parameter last: When the user's last message was posted.
    func requireElapsed(since last: Instant, at now: Instant) throws(StoreError) {
        let left = last.microsecondsSinceEpoch + seconds * 1_000_000 - now.microsecondsSinceEpoch
        guard left > 0 else { return }
        // A clock that was set back must not extend the wait.
        throw .tooSoon(seconds: Int(min((left + 999_999) / 1_000_000, seconds)))
    }
}
