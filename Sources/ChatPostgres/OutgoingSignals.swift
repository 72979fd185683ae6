package import ChatDomain

/// Signals and notices that wait to be sent in the next notification.
///
/// Only a chat's highest position is kept. If too much waits, all of it becomes `LogSignal.missed`. Repeated typing
/// notices are dropped, as are those beyond one notification's size, so that they never delay log entries. The texts of
/// open messages may take a quarter of the room.
package struct OutgoingSignals {
    private var positions: [ChatID: Position] = [:]
    /// Everything else, in wire format.
    private var lines: [String] = []
    private var linesLength = 0
    private var typists: Set<Typist> = []
    /// The share of typing notices in `linesLength`.
    private var typingLength = 0
    /// The length of pieces of text, which `linesLength` does not include: they never make entries be missed.
    private var growthLength = 0
    private var hasMissed = false
    private let maximumLength: Int

    private struct Typist: Hashable {
        let chatID: ChatID
        let metadata: Metadata?
    }

    /// - Parameter maximumLength: How much may wait, in bytes on the wire; 1 MiB by default.
    package init(maximumLength: Int = 1 << 20) {
        self.maximumLength = maximumLength
    }

    /// Adds a signal.
    ///
    /// - Returns: Whether nothing waited before, so that the sender must be woken.
    package mutating func add(_ signal: LogSignal) -> Bool {
        // The other servers will check everything anyway.
        if hasMissed { return false }
        let wasEmpty = isEmpty
        switch signal {
        case .appended(let entries, _):
            for entry in entries {
                move(entry.subject.chatID, to: entry.position)
            }
        case .moved(let positions):
            for (chat, position) in positions {
                move(chat, to: position)
            }
        case .missed:
            lose()
        case .deleted(let chat):
            positions[chat] = nil
            append(signal)
        case .created, .accessChanged:
            append(signal)
        case .membershipsChanged(let members):
            for member in members {
                append(LogSignal.memberLine(member))
            }
        }
        loseExcess()
        return wasEmpty && !isEmpty
    }

    /// Adds a notice about an open message.
    ///
    /// - Returns: Whether nothing waited before, so that the sender must be woken; nil if the notice was dropped because
    ///   its text is too long, or too much text waits.
    package mutating func add(_ notice: GrowthNotice) -> Bool? {
        // The other servers will ask for what they lack.
        if hasMissed { return false }
        let wasEmpty = isEmpty
        let line = notice.line
        if case .grew = notice.content {
            let length = line.utf8.count + 1
            guard length <= SignalPayload.maximumLineLength + 1, growthLength + length <= maximumLength / 4 else {
                return nil
            }
            growthLength += length
            lines.append(line)
        } else {
            append(line)
            loseExcess()
        }
        return wasEmpty
    }

    /// Adds a typing notice, or drops it.
    ///
    /// - Returns: Whether nothing waited before, so that the sender must be woken.
    package mutating func add(_ typing: Typing) -> Bool {
        guard !hasMissed, let line = typing.line else { return false }
        let wasEmpty = isEmpty
        let length = line.utf8.count + 1
        guard typingLength + length <= SignalPayload.maximumLength,
            typists.insert(Typist(chatID: typing.chatID, metadata: typing.metadata)).inserted
        else { return false }
        typingLength += length
        linesLength += length
        lines.append(line)
        return wasEmpty
    }

    /// Removes and returns everything that waits, one line each, in the order in which it was added.
    ///
    /// Positions come last: a message ends its author's typing.
    ///
    /// - Returns: Nil if nothing waits.
    package mutating func take() -> [String]? {
        if isEmpty { return nil }
        defer { self = OutgoingSignals(maximumLength: maximumLength) }
        return lines + positions.map { LogSignal.movedLine($0, $1) }
    }

    /// Drops everything and sends `LogSignal.missed` instead, so that the other servers check for missed changes.
    package mutating func lose() {
        self = OutgoingSignals(maximumLength: maximumLength)
        hasMissed = true
        append(.missed)
    }

    private mutating func loseExcess() {
        if linesLength + positions.count * LogSignal.maximumMovedLineLength > maximumLength {
            lose()
        }
    }

    private var isEmpty: Bool {
        lines.isEmpty && positions.isEmpty
    }

    private mutating func move(_ chat: ChatID, to position: Position) {
        positions[chat] = max(position, positions[chat] ?? position)
    }

    private mutating func append(_ signal: LogSignal) {
        if let line = signal.line {
            append(line)
        }
    }

    private mutating func append(_ line: String) {
        lines.append(line)
        linesLength += line.utf8.count + 1
    }
}
