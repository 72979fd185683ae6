package import ChatDomain

/// What one process signals to the others, as the text of a notification.
///
/// The first line names the format's version and the process; each further line is a signal or a typing notice:
///
///     1 00c0ffee00c0ffee
///     created CHAT
///     deleted CHAT
///     typing CHAT MICROSECONDS [METADATA]
///     missed
///     moved CHAT POSITION
package struct SignalPayload: Equatable, Sendable {
    /// The sender, by a number that it has chosen at random.
    package let process: UInt64
    package let signals: [LogSignal]
    package let typing: [Typing]

    /// PostgreSQL's own bound, in bytes (`NOTIFY_PAYLOAD_MAX_LENGTH`, less the zero at its end).
    package static let maximumLength = 7_999

    /// Nil for any text that this program does not write itself.
    package init?(_ text: String) {
        let lines = text[...].fields(separatedBy: "\n")
        let header = lines[0].fields(separatedBy: " ")
        guard header.count == 2, header[0] == Self.version, let process = UInt64(header[1], radix: 16),
            header[1] == Self.name(of: process), lines.count > 1
        else { return nil }
        self.process = process

        var signals: [LogSignal] = []
        var positions: [ChatID: Position] = [:]
        var typing: [Typing] = []
        for line in lines.dropFirst() {
            if let notice = Typing(line: line) {
                typing.append(notice)
                continue
            }
            guard let signal = LogSignal(line: line) else { return nil }
            if case .moved(let moved) = signal {
                positions.merge(moved) { max($0, $1) }
            } else {
                signals.append(signal)
            }
        }
        self.signals = positions.isEmpty ? signals : signals + [.moved(positions)]
        self.typing = typing
    }

    /// The lines of signals, spread over as many notifications as it takes.
    package static func texts(of lines: some Sequence<String>, process: UInt64) -> [String] {
        let header = "\(version) \(name(of: process))"
        var texts: [String] = []
        var text = header
        for line in lines {
            if text.utf8.count + 1 + line.utf8.count > maximumLength {
                texts.append(text)
                text = header
            }
            text += "\n" + line
        }
        return text == header ? texts : texts + [text]
    }

    private static let version = "1"

    private static func name(of process: UInt64) -> String {
        let digits = String(process, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }
}

extension LogSignal {
    /// The longest line that a chat's new position takes up: two numbers of 19 digits behind the word.
    static let maximumMovedLineLength = 45

    /// The signal's line in a payload; nil for positions, which have a line for each chat.
    var line: String? {
        switch self {
        case .created(let chat): "created \(chat.rawValue)"
        case .deleted(let chat): "deleted \(chat.rawValue)"
        case .missed: "missed"
        case .appended, .moved: nil
        }
    }

    static func movedLine(_ chat: ChatID, _ position: Position) -> String {
        "moved \(chat.rawValue) \(position.rawValue)"
    }

    fileprivate init?(line: Substring) {
        let words = line.fields(separatedBy: " ")
        switch (words[0], words.count) {
        case ("created", 2):
            guard let chat = ChatID(words[1]) else { return nil }
            self = .created(chat)
        case ("deleted", 2):
            guard let chat = ChatID(words[1]) else { return nil }
            self = .deleted(chat)
        case ("moved", 3):
            guard let chat = ChatID(words[1]), let position = Position(words[2]) else { return nil }
            self = .moved([chat: position])
        case ("missed", 1):
            self = .missed
        default:
            return nil
        }
    }
}

extension Typing {
    /// The notice's line in a payload; nil if it is too long to be sent.
    var line: String? {
        let start = "typing \(chatID.rawValue) \(instant.microsecondsSinceEpoch)"
        guard let metadata else { return start }
        return Self.isPlausible(metadata.json) ? "\(start) \(metadata.json)" : nil
    }

    fileprivate init?(line: Substring) {
        guard line.utf8.starts(with: "typing ".utf8) else { return nil }
        let words = line.fields(separatedBy: " ", maximum: 4)
        guard words.count >= 3, let chat = ChatID(words[1]), let microseconds = Int64(canonical: words[2]) else {
            return nil
        }
        let json = words.count == 4 ? String(words[3]) : nil
        guard json.map(Self.isPlausible) ?? true else { return nil }
        self.init(
            chatID: chat,
            instant: Instant(microsecondsSinceEpoch: microseconds),
            metadata: json.flatMap { Metadata(json: $0) }
        )
    }

    /// Whether the text may be an object's: no line of a payload, nor of a stream, ends within it.
    private static func isPlausible(_ json: String) -> Bool {
        json.utf8.count <= maximumMetadataLength && json.hasPrefix("{") && json.hasSuffix("}")
            && json.utf8.allSatisfy { $0 >= 0x20 }
    }
}

extension ChatID {
    fileprivate init?(_ word: Substring) {
        guard let rawValue = Int64(canonical: word), rawValue > 0 else { return nil }
        self.init(rawValue: rawValue)
    }
}

extension Position {
    fileprivate init?(_ word: Substring) {
        guard let rawValue = Int64(canonical: word), rawValue > 0 else { return nil }
        self.init(rawValue: rawValue)
    }
}

extension Substring {
    /// One at least; the last of the maximum has the rest.
    fileprivate func fields(separatedBy separator: Unicode.Scalar, maximum: Int = .max) -> [Substring] {
        // By scalars: as a Character a separator would not be found before a combining mark.
        unicodeScalars.split(separator: separator, maxSplits: maximum - 1, omittingEmptySubsequences: false)
            .map { Substring($0) }
    }
}

extension Int64 {
    /// Nil for what this program would write in another way, such as `+1` and `01`.
    fileprivate init?(canonical word: Substring) {
        self.init(word)
        guard "\(self)" == word else { return nil }
    }
}
