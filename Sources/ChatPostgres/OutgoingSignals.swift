package import ChatDomain

/// Signals that wait until those before them are sent.
///
/// A chat's positions become its highest one. Where more gathers than is bearable, all of it becomes the signal that
/// something was missed. Typing events are shown at once or never: of the same one is kept, and those beyond about a
/// notification are dropped, so that entries never wait for them.
package struct OutgoingSignals {
    private var positions: [ChatID: Position] = [:]
    /// All others, as they will be sent.
    private var lines: [String] = []
    private var linesLength = 0
    private var typists: Set<Typist> = []
    /// What the lines of typing events take of `linesLength`.
    private var typingLength = 0
    private var hasMissed = false
    private let maximumLength: Int

    private struct Typist: Hashable {
        let chatID: ChatID
        let metadata: Metadata?
    }

    /// - Parameter maximumLength: How much may wait, in bytes of what would be sent.
    package init(maximumLength: Int = 1 << 20) {
        self.maximumLength = maximumLength
    }

    /// - Returns: Whether nothing waited before, so that whoever sends must be told.
    package mutating func add(_ signal: LogSignal) -> Bool {
        // What was missed includes whatever comes before the others look.
        if hasMissed { return false }
        let wasEmpty = isEmpty
        switch signal {
        case .appended(let entries, _):
            for entry in entries {
                move(entry.chatID, to: entry.position)
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
        case .created:
            append(signal)
        case .typing(let typing):
            append(typing)
        }
        if linesLength + positions.count * LogSignal.maximumMovedLineLength > maximumLength {
            lose()
        }
        return wasEmpty && !isEmpty
    }

    /// Takes all that waits: a line each, in the order of the signals but for the positions, which come last, since a
    /// message ends that its author is typing it.
    ///
    /// - Returns: Nil if nothing waits.
    package mutating func take() -> [String]? {
        if isEmpty { return nil }
        defer { self = OutgoingSignals(maximumLength: maximumLength) }
        return lines + positions.map { LogSignal.movedLine($0, $1) }
    }

    /// Forgets what waits and was taken, and has the others told that they have missed something.
    package mutating func lose() {
        self = OutgoingSignals(maximumLength: maximumLength)
        hasMissed = true
        append(.missed)
    }

    private var isEmpty: Bool {
        lines.isEmpty && positions.isEmpty
    }

    private mutating func move(_ chat: ChatID, to position: Position) {
        positions[chat] = max(position, positions[chat] ?? position)
    }

    private mutating func append(_ typing: Typing) {
        guard let line = LogSignal.typing(typing).line else { return }
        let length = line.utf8.count + 1
        guard typingLength + length <= SignalPayload.maximumLength,
            typists.insert(Typist(chatID: typing.chatID, metadata: typing.metadata)).inserted
        else { return }
        typingLength += length
        linesLength += length
        lines.append(line)
    }

    private mutating func append(_ signal: LogSignal) {
        guard let line = signal.line else { return }
        lines.append(line)
        linesLength += line.utf8.count + 1
    }
}

extension LogEntry {
    fileprivate var chatID: ChatID {
        switch subject {
        case .message(let message): message.chatID
        case .chat(let chat): chat.id
        }
    }
}
