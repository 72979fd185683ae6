/// Formats the progress of an export or an import: a bar for a terminal, an occasional line for other outputs.
package struct ProgressMeter {
    private static let width = 30

    private let verb: String
    private let isTerminal: Bool
    private let start: ContinuousClock.Instant
    private var lastShown: ContinuousClock.Instant
    private var showsBar = false

    /// - Parameter verb: A past participle at the start of the line, such as `Exported`.
    package init(_ verb: String, isTerminal: Bool, at now: ContinuousClock.Instant = .now) {
        self.verb = verb
        self.isTerminal = isTerminal
        start = now
        lastShown = now
    }

    /// Returns the text to write now; nil if less than 200 ms, or 5 s without a terminal, have passed since the last.
    ///
    /// - Parameter part: The fraction completed, from 0 to 1; nil if the total is unknown.
    package mutating func text(
        _ progress: ArchiveProgress,
        part: Double?,
        at now: ContinuousClock.Instant = .now
    ) -> String? {
        guard lastShown.duration(to: now) >= (isTerminal ? .milliseconds(200) : .seconds(5)) else { return nil }
        lastShown = now
        let figures = "\(progress.entries.withNoun("entry", "entries")), \(rate(progress, at: now)) a second"
        guard isTerminal else { return "\(verb) \(figures)\n" }
        showsBar = true
        guard let part else { return "\r\(verb) \(figures)\u{1B}[K" }
        let filled = Int(min(max(part, 0), 1) * Double(Self.width))
        let bar = String(repeating: "#", count: filled) + String(repeating: "-", count: Self.width - filled)
        return "\r\(verb) [\(bar)] \(Int(min(part, 1) * 100)) %, \(figures)\u{1B}[K"
    }

    /// Returns the last line, which replaces the bar.
    ///
    /// - Parameter remark: Inserted after the totals.
    package func summary(_ progress: ArchiveProgress, _ remark: String = "", at now: ContinuousClock.Instant = .now)
        -> String
    {
        """
        \(isTerminal ? "\r\u{1B}[K" : "")\(verb) \(progress.chats.withNoun("chat", "chats")) with \
        \(progress.entries.withNoun("entry", "entries"))\(remark), \(rate(progress, at: now)) a second\n
        """
    }

    /// The text to write before an error: a line break if a bar was shown.
    package var interruption: String {
        showsBar ? "\n" : ""
    }

    private func rate(_ progress: ArchiveProgress, at now: ContinuousClock.Instant) -> Int64 {
        Int64(Double(progress.entries) / max(start.duration(to: now) / .seconds(1), 0.001))
    }
}
